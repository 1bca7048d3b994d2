"""The changelog of one partition: framed records, appended a whole batch at a time, read back in order.

Every record says which epoch wrote it, so that a reader can tell the owner's records from those of a process that was
stopped, lost the partition, and woke up to finish its sentence. An epoch begins with an owner marker.

    value of a put:  4 bytes epoch, then the state's bytes
    a delete:        no value (so that compaction can forget the key), the epoch in the header `epoch`
    owner marker:    key `OWNER_KEY`, value 4 bytes epoch, then the owner's name
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from agents.access import OPEN, Access
from agents.producing import MeteredProducer

OWNER_KEY = b"\x00owner"
EPOCH_HEADER = "epoch"
EPOCH_BYTES = 4


class Entry(Struct, frozen=True, gc=False):
    """One changelog record as written. value: None for a delete."""

    offset: int
    key: bytes
    value: bytes | None
    epoch: int


class Append(Struct, frozen=True, gc=False):
    """Where a batch of `count` entries landed."""

    base_offset: int
    count: int


class TooLarge(Exception):
    """The entries don't fit into one record batch."""


class Journal(Protocol):
    """An ordered log with one partition's changes. The broker is behind it in the stream, a list in the simulator."""

    async def append(self, entries: Mapping[bytes, bytes | None], epoch: int) -> Append:
        """Append all entries as ONE record batch, whole or not at all; returns when the broker has it.

        Raises `TooLarge` before anything is sent. Any other error leaves it open whether it was appended.
        """

    def read(self, start: int, end: int) -> AsyncIterator[Sequence[Entry]]:
        """Entries with start <= offset < end, in order, some at a time. Offsets may have holes (compaction)."""


class KafkaJournal:
    """A journal on one partition of a compacted topic."""

    def __init__(
        self,
        producer: MeteredProducer,
        reader: "RangeReader",
        topic: str,
        partition: int,
    ) -> None:
        self._producer = producer
        self._reader = reader
        self._topic = topic
        self._partition = partition

    async def append(self, entries: Mapping[bytes, bytes | None], epoch: int) -> Append:
        head = epoch.to_bytes(EPOCH_BYTES, "big")
        batch = self._producer.create_batch()
        for key, value in entries.items():
            if value is None:
                added = batch.append(key=key, value=None, timestamp=None, headers=[(EPOCH_HEADER, head)])
            else:
                added = batch.append(key=key, value=head + value, timestamp=None)
            if added is None:
                raise TooLarge(f"{len(entries)} entries for {self._topic} do not fit into one record batch")
        batch.close()
        delivered = await self._producer.send_batch(batch, self._topic, partition=self._partition)
        metadata = await delivered
        return Append(metadata.offset, len(entries))

    async def read(self, start: int, end: int) -> AsyncIterator[Sequence[Entry]]:
        async for records in self._reader.read(self._topic, self._partition, start, end):
            yield [entry_of(record) for record in records]


def entry_of(record: object) -> Entry:
    """A record of a changelog, as a consumer brings it."""
    value: bytes | None = record.value  # type: ignore[attr-defined]
    if value is None:
        headers = dict(record.headers)  # type: ignore[attr-defined]
        epoch = int.from_bytes(headers.get(EPOCH_HEADER, b""), "big")
    else:
        epoch, value = int.from_bytes(value[:EPOCH_BYTES], "big"), value[EPOCH_BYTES:]
    return Entry(record.offset, record.key, value, epoch)  # type: ignore[attr-defined]


class RangeReader:
    """Reads known ranges of offsets, outside of any consumer group.

    It asks the broker for no end: the caller knows it, because it has appended the record that the range ends
    with. (The embedded broker's ListOffsets answers the first offset of the last batch, not its end.)
    """

    def __init__(self, bootstrap: Sequence[str], access: Access = OPEN, *, stall_s: float = 30.0) -> None:
        """stall_s: how long a read may bring nothing before it gives up with `KafkaError`."""
        self._bootstrap = bootstrap
        self._access = access
        self._stall_s = stall_s

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[object]]:
        if start >= end:
            return
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(self._bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Data at hand is answered at once; a short wait would be given up in a long log (`agents.patience`).
            fetch_max_wait_ms=500,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            **self._access.options(),
        )
        await consumer.start()
        try:
            target = TopicPartition(topic, partition)
            consumer.assign([target])
            consumer.seek(target, start)
            position, idle_since = start, asyncio.get_running_loop().time()
            while position < end:
                fetched = await consumer.getmany(target, timeout_ms=500, max_records=5_000)
                records = [record for record in fetched.get(target, ()) if record.offset < end]
                now = asyncio.get_running_loop().time()
                if records:
                    idle_since = now
                    yield records
                elif now - idle_since > self._stall_s:
                    raise KafkaError(f"{topic}[{partition}] brought nothing between {position} and {end}")
                position = await consumer.position(target)
        finally:
            await consumer.stop()
