"""The tails of many changelogs, for standbys: asked for their ends now and then, fetched only where there is more.

The embedded broker looks through every batch of a partition for each fetch of it, so that a consumer which follows
many quiet partitions would keep it busy for nothing. Asking for all their ends is one request.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from agents.journal import Entry, entry_of
from agents.patience import Patience
from agents.standby import Place

# Stored at once, in a few milliseconds: the partitions that are worked on share the event loop.
RECORDS_AT_ONCE: Final = 500
POLL_MS: Final = 500


class OutOfRange(Exception):
    """The broker does not have the records from which these copies would go on."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__("its changelog has no such offset: the broker has lost data, or is another one")
        self.places = places


class Tails(Protocol):
    """What standbys read."""

    async def open(self, positions: Mapping[Place, int]) -> None:
        """Begin at these offsets, and with nothing else. Raises KafkaError."""

    async def ends(self) -> Mapping[Place, int]:
        """The offset behind the last record of each. The embedded broker's is that behind the last batch's first.
        Raises KafkaError."""

    def read(self, ends: Mapping[Place, int]) -> AsyncGenerator[tuple[Place, Sequence[Entry]], None]:
        """What there is of these up to their ends at least, in order, some at a time. Raises KafkaError where it does
        not come, and `OutOfRange`."""

    async def close(self) -> None: ...


class KafkaTails:
    """Of changelogs in Kafka, outside of any consumer group."""

    def __init__(
        self,
        open_consumer: Callable[[], AIOKafkaConsumer],
        changelogs: Mapping[str, str],
        wait_ms: int,
        stall_s: float = 30.0,
    ) -> None:
        """open_consumer: one that raises where an offset is out of range; changelogs: full names, by table; wait_ms:
        of that consumer's fetches; stall_s: how long a read may bring nothing before it is given up."""
        self._open_consumer = open_consumer
        self._changelogs = changelogs
        self._wait_ms = wait_ms
        self._stall_s = stall_s
        self._consumer: AIOKafkaConsumer | None = None
        self._places: dict[TopicPartition, Place] = {}

    async def open(self, positions: Mapping[Place, int]) -> None:
        await self.close()
        self._consumer = consumer = self._open_consumer()
        await consumer.start()
        self._patience = Patience(consumer, self._wait_ms)
        self._places = {TopicPartition(self._changelogs[one.table], one.partition): one for one in positions}
        consumer.assign(list(self._places))
        consumer.pause(*self._places)
        for target, place in self._places.items():
            consumer.seek(target, positions[place])

    async def ends(self) -> Mapping[Place, int]:
        found = await self._opened.end_offsets(list(self._places))
        return {place: found[target] for target, place in self._places.items()}

    async def read(self, ends: Mapping[Place, int]) -> AsyncGenerator[tuple[Place, Sequence[Entry]], None]:
        consumer, now = self._opened, asyncio.get_running_loop().time
        behind = {target: ends[place] for target, place in self._places.items() if place in ends}
        unheard, targets, moved_at = set(behind), list(behind), now()
        consumer.resume(*targets)
        try:
            while behind:
                fetched = await self._fetch(list(behind))
                for target, records in fetched.items():
                    if target in unheard:
                        # The true end, once: what comes behind it later is the next round's.
                        behind[target] = max(behind[target], consumer.highwater(target) or 0)
                        unheard.remove(target)
                    yield self._places[target], [entry_of(record) for record in records]
                    moved_at = now()
                self._patience.after(bool(fetched), behind)
                if now() - moved_at > self._stall_s:
                    raise KafkaError(f"{len(behind)} changelogs brought nothing")
                behind = {target: end for target, end in behind.items() if await consumer.position(target) < end}
        finally:
            consumer.pause(*targets)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _fetch(self, targets: list[TopicPartition]) -> Mapping[TopicPartition, Sequence[object]]:
        try:
            fetched: Mapping[TopicPartition, Sequence[object]] = await self._opened.getmany(
                *targets, timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE
            )
        except OffsetOutOfRangeError as error:
            raise OutOfRange([self._places[target] for target in error.args[0]]) from error
        return fetched

    @property
    def _opened(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "tails are read before they are opened"
        return self._consumer
