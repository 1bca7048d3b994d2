"""The newest records of a topic by key, bounded, and those who wait for one of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """newer: whether a record takes the place of the one that is there; without it the first one stays. forgotten:
    told of each that has to make room."""

    def __init__(
        self,
        most: int,
        newer: Callable[[T, T], bool] | None = None,
        forgotten: Callable[[T], None] | None = None,
    ) -> None:
        self._most = most
        self._newer = newer
        self._forgotten = forgotten
        self._found: OrderedDict[str, T] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> T | None:
        return self._found.get(key)

    def values(self) -> list[T]:
        """All that is kept, the newest first."""
        return list(reversed(self._found.values()))

    def matching(self, wanted: Callable[[T], bool]) -> list[T]:
        """Those remembered that are wanted, the oldest first."""
        return [record for record in self._found.values() if wanted(record)]

    def put(self, key: str, record: T) -> None:
        there = self._found.get(key)
        if there is not None and (self._newer is None or not self._newer(record, there)):
            return
        self._found[key] = record
        self._found.move_to_end(key)
        if len(self._found) > self._most:
            _, gone = self._found.popitem(last=False)
            if self._forgotten is not None:
                self._forgotten(gone)
        for future in self._waiting.pop(key, ()):
            if not future.done():
                future.set_result(None)

    async def wait(self, key: str, within_s: float, accept: Callable[[T], bool] | None = None) -> T | None:
        """The record when it is there and acceptable, None when the time is over."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    found = self._found.get(key)
                    if found is not None and (accept is None or accept(found)):
                        return found
                    await self._next(key)
        except TimeoutError:
            return None

    async def _next(self, key: str) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key, [])
        waiting.append(future)
        try:
            await future
        finally:
            if not future.done() or future.cancelled():
                waiting.remove(future)
                if not waiting and self._waiting.get(key) is waiting:
                    del self._waiting[key]
