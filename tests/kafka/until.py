"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Callable


def until(condition: Callable[[], object], within_s: float = 240.0, what: str = "the condition") -> None:
    """Returns as soon as it holds; fails when the time is over."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {within_s} s"
        time.sleep(0.02)


async def until_async(condition: Callable[[], object], within_s: float = 240.0) -> None:
    """The same where a loop runs."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.01)
