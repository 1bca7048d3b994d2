"""What every way to send has in common: how it fails, and where blocking calls run."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from core.notices import Message


class Failed(Exception):
    """It was not sent, or nobody knows. The text holds no secret. final: to try again is of no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Sender(Protocol):
    """One way to send."""

    at_once: int
    """So many messages may be under way."""

    async def send(self, message: Message) -> None:
        """Returns when the other side has it. Raises `Failed`."""


class Threads:
    """A bounded pool for libraries that block. What is under way is bounded by the senders' `at_once`."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="notify")
        self._under_way: set[object] = set()

    @property
    def hang(self) -> bool:
        """Whether a call has not come back."""
        return bool(self._under_way)

    async def call(self, function: Callable[[], bool], what: str) -> None:
        """Raises `Failed` where it answers False or raises. what: for the reason; the exception's own text may hold a
        URL with a password in it."""

        def counted() -> bool:
            call = object()
            self._under_way.add(call)
            try:
                return function()
            finally:
                self._under_way.discard(call)

        try:
            done = await asyncio.get_running_loop().run_in_executor(self._pool, counted)
        except Exception as error:  # noqa: BLE001 - a service's plugin may raise anything
            raise Failed(f"{what}: {type(error).__name__}") from None
        if not done:
            raise Failed(f"{what} did not take it")

    def close(self) -> None:
        """Nothing new is begun; what hangs is left behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)
