"""Standbys in tests: on logs in memory and stores on disk."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from rocksdict import Cache

from agents.journal import Entry
from agents.standby import Place
from agents.standbys import Standbys
from tables.store import Store
from tests.agents.fakes import Log
from tests.kafka.until import until_async

ONE, OTHER = Place("users", 1), Place("sources", 2)


class MemoryTails:
    """Tails of logs in memory, at most three entries at a time. fails: raised by the next
    reads; held: cleared where reads shall wait."""

    def __init__(self, logs: Mapping[Place, Log]) -> None:
        self.logs = logs
        self.fails: list[Exception] = []
        self.asked = 0
        self.opened = 0
        self.closed = True
        self.held = asyncio.Event()
        self.held.set()
        self._positions: dict[Place, int] = {}

    async def open(self, positions: Mapping[Place, int]) -> None:
        self.opened += 1
        self.closed = False
        self._positions = dict(positions)

    async def ends(self) -> Mapping[Place, int]:
        self.asked += 1
        return {place: self.logs[place].end for place in self._positions}

    async def read(self, ends: Mapping[Place, int]) -> AsyncGenerator[tuple[Place, Sequence[Entry]], None]:
        await self.held.wait()
        if self.fails:
            raise self.fails.pop()
        for place, end in ends.items():
            while self._positions[place] < end:
                found = [entry for entry in self.logs[place].entries if entry.offset >= self._positions[place]][:3]
                yield place, found
                self._positions[place] = found[-1].offset + 1

    async def close(self) -> None:
        self.closed = True


class Keeper:
    """Standbys, and what they are given."""

    def __init__(self, directory: Path, *places: Place) -> None:
        self.logs = {place: Log() for place in places}
        self.tails = MemoryTails(self.logs)
        self.free = 0.5
        self.directory = directory
        self.standbys = Standbys(self.tails, self.path, lambda _path: self.free, retry_s=0.0)

    def path(self, table: str, partition: int) -> Path:
        return self.directory / table / str(partition)

    def write(self, place: Place, *keys: str) -> None:
        self.logs[place].append({key.encode(): b"1" for key in keys}, 1)

    async def fresh(self, *places: Place) -> None:
        """Wait until copies of these lack nothing."""

        def are_fresh() -> bool:
            lags = self.standbys.lags()
            return set(places) == lags.keys() and all(
                store.next_offset == self.logs[Place(table, partition)].end
                for table, partition, store in self.standbys.stores
            )

        await until_async(are_fresh)

    def keys(self, place: Place) -> list[str]:
        """What its files hold, which nobody else may have open."""
        store = Store(self.path(*place), Cache(1 << 20), 1)
        try:
            return [key.decode() for key, _ in store.scan(b"") if key[:1] != b"\x00"]
        finally:
            store.close()
