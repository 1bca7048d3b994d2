"""Fixtures of the notify tests, and tests that are coroutines: each runs in a loop of its own."""

import asyncio
import inspect

import pytest

from tests.argus.notify.receivers import alertmanager, inbox

__all__ = ["alertmanager", "inbox"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
