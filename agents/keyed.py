"""A table's partition that keeps one record for each key: decode, load, decide, commit.

What is decided, and from what, is the subclass's. State of keys that come often is in memory, all of it on disk.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from agents.journal import TooLarge
from agents.services import Services
from agents.shard import Meta, Output, Shard
from agents.steps import Missed, Steps
from tables.versions import Codec, Versioned

State = TypeVar("State", bound=Versioned)


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

    def __init__(self, services: Services, shard: Shard, kind: Kind[State], cached: int, missed: Missed) -> None:
        """cached: how many states are kept in memory."""
        self.services = services
        self.shard = shard
        self._kind = kind
        self._cached = cached
        self._steps = Steps(shard, missed, self._step)
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
            await self._steps.take_unseen(topic, records)

    async def tick(self) -> None:
        async with self.shard.lock:
            await self.shard.confirm_if_quiet()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self.shard.release()
        self.shard.store.close()

    def load(self, keys: Collection[str]) -> dict[str, State]:
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

    async def _step(self, topic: str, records: Sequence[Any]) -> None:
        await self.commit(self.decide(topic, records), self.shard.meta.applied | {topic: records[-1].offset + 1})

    def _keep(self, states: dict[str, State | None]) -> None:
        for key, state in states.items():
            self._cache.pop(key, None)
            if state is not None:
                self._cache[key] = state
        while len(self._cache) > self._cached:
            del self._cache[next(iter(self._cache))]
