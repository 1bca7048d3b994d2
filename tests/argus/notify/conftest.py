"""Fixtures of the notify tests."""

from tests.argus.notify.receivers import alertmanager, inbox

__all__ = ["alertmanager", "inbox"]
