"""What goes to users themselves: one-time passwords and notices about their lock, by log, file or Apprise.

A password is derived at the moment it is sent. It is in no log but with the delivery `log`, which is for trying out.
"""

import fcntl
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from argus.notify.channels import AppriseSender
from argus.notify.sending import Failed, Threads
from argus.settings import SettingsError
from core.clock import rfc3339
from core.notices import Message
from core.otp import code

logger = logging.getLogger(__name__)

PLACEHOLDER: Final = "{user_id}"
FILE: Final = "file:"
WAYS: Final = ("log", "file", "apprise")
AT_ONCE: Final = 4


class Outlet:
    """Where users are reached. way: one of `WAYS`."""

    def __init__(self, name: str, target: str, threads: Threads) -> None:
        """name: of the setting. target: `log`, `file:PATH`, or an Apprise URL with {user_id}. Raises
        `SettingsError`."""
        self.way = "log" if target == "log" else "file" if target.startswith(FILE) else "apprise"
        self._target = target
        self._threads = threads
        if target == FILE:
            raise SettingsError(f"{name}: file: needs a path")
        if self.way == "apprise":
            if PLACEHOLDER not in target:
                raise SettingsError(f"{name}: expected log, file:PATH, or an Apprise URL with {PLACEHOLDER}")
            try:
                self._apprise("someone")
            except ValueError as error:
                raise SettingsError(f"{name}: {error}") from None

    async def deliver(self, user_id: str, title: str, text: str, line: Mapping[str, object], logged: str) -> None:
        """title, text: for people; line: for the file; logged: for the log. Raises `Failed`."""
        if self.way == "log":
            logger.info("%s", logged)
        elif self.way == "file":
            path, data = Path(self._target.removeprefix(FILE)), msgspec.json.encode(line) + b"\n"
            await self._threads.call(lambda: append(path, data), "the file")
        else:
            try:
                sender = self._apprise(user_id)
            except ValueError as error:
                raise Failed(str(error), final=True) from None
            await sender.tell(title, text, "HIGH")

    def _apprise(self, user_id: str) -> AppriseSender:
        return AppriseSender(self._target.replace(PLACEHOLDER, quote(user_id, safe="")), self._threads)


def append(path: Path, data: bytes) -> bool:
    """Add a whole line to a file that only its owner may read. Raises OSError, and then nothing of it is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.fchmod(descriptor, 0o600)
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, data) != len(data):
            os.ftruncate(descriptor, size)
            raise OSError("the disk is full")
    finally:
        os.close(descriptor)
    return True


class OtpSender:
    """Delivers one-time passwords."""

    at_once = AT_ONCE

    def __init__(self, outlet: Outlet, key: bytes) -> None:
        """key: what codes are derived with."""
        self.way = outlet.way
        self._outlet = outlet
        self._key = key

    async def send(self, message: Message) -> None:
        user_id, expires_ms = str(message.user_id), int(message.facts["expires_ms"] or 0)
        digits, expires = code(self._key, user_id, str(message.facts["command_id"])), rfc3339(expires_ms)
        await self._outlet.deliver(
            user_id,
            "Your one-time password",
            f"{digits} is your one-time password until {expires[11:16]} UTC. Tell nobody: we never ask for it.",
            {"user_id": user_id, "code": digits, "expires": expires},
            f"the one-time password of {user_id} is {digits} (it is logged because otp_delivery is `log`)",
        )


class MemberSender:
    """Tells users about their own account."""

    at_once = AT_ONCE

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    async def send(self, message: Message) -> None:
        user_id = str(message.user_id)
        line = {"user_id": user_id, "title": message.title, "text": message.text, **message.facts}
        logged = f"notice to {user_id}: {message.title}"
        await self._outlet.deliver(user_id, message.title, message.text, line, logged)
