"""A table's partition that keeps one record for each key: decode, load, decide, commit.

What is decided, and from what, is the subclass's; a step that is too large for one changelog batch is forgotten and
taken again as two halves. State of keys that come often is in memory, all of it on disk.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from agents.intake import unseen
from agents.journal import TooLarge
from agents.services import Services
from agents.shard import Meta, Output, Shard
from tables.versions import Codec, Versioned

logger = logging.getLogger(__name__)

MISSED_RECORDS = 500

State = TypeVar("State", bound=Versioned)
# Reads records that were skipped in delivery: topic, partition, first offset, end.
Missed = Callable[[str, int, int, int], AsyncIterator[Sequence[Any]]]


class Kind(Struct, Generic[State], frozen=True):
    """A table's name, what its keys begin with on disk, and how their records are written."""

    table: str
    prefix: bytes
    codec: Codec[State]


def nothing() -> None:
    """What follows a step that nobody waits for."""


class Step(Struct, Generic[State]):
    """What is to happen. states: of the keys that changed, None for those to forget; after: called when it has."""

    states: dict[str, State | None]
    writes: dict[bytes, bytes | None]
    outputs: list[Output]
    clock_ms: int
    origins: dict[str, int]
    after: Callable[[], None] = nothing


class KeyedWork(ABC, Generic[State]):
    """One partition of such a table while this worker owns it (see `agents.lanes.Work`)."""

    def __init__(
        self, services: Services, shard: Shard, kind: Kind[State], cached: int, missed: Missed | None = None
    ) -> None:
        """cached: how many states are kept in memory. missed: None where skipped records are not read again."""
        self.services = services
        self.shard = shard
        self._kind = kind
        self._cached = cached
        self._missed = missed
        self._cache: dict[str, State] = {}

    @abstractmethod
    def decide(self, topic: str, records: Sequence[Any]) -> Step[State]:
        """What some records of a topic lead to; pure but for the states in memory."""

    def undone(self) -> None:
        """A step was forgotten; the disk has the truth."""

    async def start(self) -> None:
        begin = self.services.monotonic()
        meter, table, partition = self.services.meter, self._kind.table, self.shard.partition
        await self.shard.take_over(lambda remaining: meter.recovering(table, partition, remaining))
        meter.recovered(table, partition, self.services.monotonic() - begin)

    async def apply(self, topic: str, records: list[Any]) -> None:
        async with self.shard.lock:
            applied = self.shard.meta.applied.get(topic)
            fresh = unseen(records, applied)
            if self._missed is not None and applied is not None and fresh and fresh[0].offset > applied:
                await self._catch_up(self._missed, topic, applied, fresh[0].offset)
            if fresh:
                await self._step(topic, fresh)

    async def tick(self) -> None:
        async with self.shard.lock:
            await self.shard.confirm_if_quiet()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self.shard.release()
        self.shard.store.close()

    def load(self, keys: Iterable[str]) -> dict[str, State]:
        """The states of those keys that have one."""
        found = {key: state for key in keys if (state := self._cache.get(key)) is not None}
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        values = self.shard.store.get_many([self._kind.prefix + key.encode() for key in missing])
        for key, value in zip(missing, values, strict=True):
            if value is not None:
                found[key] = self._kind.codec.decode(value)
        return found

    def stored(self) -> Iterable[State]:
        """Every state on disk."""
        return (self._kind.codec.decode(value) for _, value in self.shard.store.scan(self._kind.prefix))

    async def commit(self, step: Step[State], applied: dict[str, int]) -> None:
        """Make a step happen. Raises `TooLarge`, with the step forgotten."""
        prefix, encode = self._kind.prefix, self._kind.codec.encode
        writes = step.writes | {
            prefix + key.encode(): None if state is None else encode(state) for key, state in step.states.items()
        }
        clock_ms = max(self.shard.meta.clock_ms, step.clock_ms)
        try:
            await self.shard.commit(
                writes, step.outputs, Meta(clock_ms=clock_ms, applied=applied, origins=step.origins)
            )
        except TooLarge:
            for key in step.states:
                self._cache.pop(key, None)
            self.undone()
            raise
        self._keep(step.states)
        step.after()

    async def _catch_up(self, missed: Missed, topic: str, start: int, end: int) -> None:
        """Read what delivery skipped: a rebalance at the wrong moment can move a consumer past unread records."""
        partition = self.shard.partition
        logger.warning("%s[%d]: delivery skipped from %d to %d, reading it", topic, partition, start, end)
        async for records in missed(topic, partition, start, end):
            for first in range(0, len(records), MISSED_RECORDS):
                await self._step(topic, records[first : first + MISSED_RECORDS])

    async def _step(self, topic: str, records: Sequence[Any]) -> None:
        step = self.decide(topic, records)
        try:
            await self.commit(step, self.shard.meta.applied | {topic: records[-1].offset + 1})
        except TooLarge:
            if len(records) == 1:
                raise
            middle = len(records) // 2
            await self._step(topic, records[:middle])
            await self._step(topic, records[middle:])

    def _keep(self, states: dict[str, State | None]) -> None:
        for key, state in states.items():
            self._cache.pop(key, None)
            if state is not None:
                self._cache[key] = state
        while len(self._cache) > self._cached:
            del self._cache[next(iter(self._cache))]
