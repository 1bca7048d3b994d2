"""What is on the topics, read from outside: nothing here asks a worker, or uses its way of reading."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from core.state import UserState
from tables.users import decode_user

QUIET_POLLS = 4
LOOK_S = 0.01


async def read(
    bootstrap: str,
    topic: str,
    partitions: int,
    enough: Callable[[list[Any]], bool] | None = None,
    within_s: float = 300,
) -> list[Any]:
    """All records of a topic, partition by partition in order. Without `enough`: until nothing more comes; with it:
    until it says so, AssertionError after `within_s`."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=500
    )
    await consumer.start()
    records: list[Any] = []
    try:
        targets = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(targets)
        await consumer.seek_to_beginning(*targets)
        deadline, quiet = time.monotonic() + within_s, 0
        while quiet < QUIET_POLLS if enough is None else not enough(records):
            assert time.monotonic() < deadline, f"{topic}: {len(records)} records after {within_s} s"
            fetched = await consumer.getmany(*targets, timeout_ms=600)
            quiet = 0 if any(fetched.values()) else quiet + 1
            for batch in fetched.values():
                records.extend(batch)
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def send(
    bootstrap: str,
    topic: str,
    lines: Iterable[tuple[str, bytes]],
    per_second: float,
    may: Callable[[int], bool] = lambda sent: True,
) -> None:
    """Key and value, placed as aiokafka places keys, at most so many a second. may: whether another one may follow
    when so many are sent."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=100, max_batch_size=1 << 19, acks="all")
    await producer.start()
    try:
        start = time.monotonic()
        for count, (key, value) in enumerate(lines):
            while not may(count):  # noqa: ASYNC110 - what it waits for is another process
                await asyncio.sleep(LOOK_S)
            await producer.send(topic, value, key=key.encode())
            if count % 500 == 499:
                await asyncio.sleep(max(0.0, start + count / per_second - time.monotonic()))
        await producer.flush()
    finally:
        await producer.stop()


def states(records: Sequence[Any], compacted: bool) -> dict[str, UserState]:
    """Users' states as a users changelog has them, by a reading of its own: behind a record of a higher epoch, one of
    a lower epoch counts for nothing. compacted: as if only the last record of each key were left."""
    by_partition: dict[int, list[Any]] = defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record)
    ids: dict[bytes, bytes] = {}
    users: dict[bytes, bytes] = {}
    for entries in by_partition.values():
        if compacted:
            newest = {record.key: record.offset for record in entries}
            entries = [record for record in entries if newest[record.key] == record.offset]
        owner = 0
        for record in entries:
            raw = record.value if record.value is not None else dict(record.headers)["epoch"]
            epoch = int.from_bytes(raw[:4], "big")
            if epoch < owner:
                continue
            owner = epoch
            table = {b"u": users, b"i": ids}.get(record.key[:1])
            if table is not None and record.value is not None:
                table[record.key[1:]] = record.value[4:]
    return {key.decode(): decode_user(value) for key, value in users.items()}


def differing_repeats(records: Iterable[Any], identity: Callable[[Any], Any]) -> list[Any]:
    """Identities that came more than once with different bytes."""
    seen: dict[Any, bytes] = {}
    return [
        key
        for record in records
        if seen.setdefault(key := identity(msgspec.json.decode(record.value)), record.value) != record.value
    ]
