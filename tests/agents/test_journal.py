"""The journal, the sender and the reader on real brokers: the embedded one, and Apache Kafka where it can run."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rocksdict import Cache

from agents.journal import OWNER_KEY, Entry, KafkaJournal, RangeReader, TooLarge
from agents.sender import KafkaSender
from agents.shard import Fenced, Meta, Output, Shard
from tables.store import Store

pytestmark = pytest.mark.broker

PARTITIONS = 3
BATCH_BYTES = 64 * 1024


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", compression_type="lz4", max_batch_size=BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def new_topic(bootstrap: str, **config: str) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config)])
        async with asyncio.timeout(240):
            while name not in await admin.list_topics():
                pass
    finally:
        await admin.close()
    return name


async def entries_of(journal: KafkaJournal, start: int, end: int) -> list[Entry]:
    return [entry async for entries in journal.read(start, end) for entry in entries]


def test_appends_of_many_writers_land_whole_where_they_say(bootstrap: str) -> None:
    async def story() -> None:
        topic = await new_topic(bootstrap, **{"cleanup.policy": "compact"})
        async with producing(bootstrap) as one, producing(bootstrap) as two:
            reader = RangeReader([bootstrap])
            journals = [KafkaJournal(producer, reader, topic, 1) for producer in (one, two)]

            async def write(writer: int) -> list[tuple[int, int, int]]:
                landed = []
                for number in range(20):
                    batch = {b"%d-%d-%d" % (writer, number, index): b"v" for index in range(1 + number % 5)}
                    appended = await journals[writer].append(batch, writer + 1)
                    landed.append((appended.base_offset, len(batch), number))
                return landed

            landed = await asyncio.gather(write(0), write(1))
            end = max(base + count for writer in landed for base, count, _ in writer)
            entries = await entries_of(journals[0], 0, end)
        assert [entry.offset for entry in entries] == list(range(end))
        for writer, batches in enumerate(landed):
            for base, count, number in batches:
                keys = [(entry.key, entry.epoch) for entry in entries[base : base + count]]
                assert keys == [(b"%d-%d-%d" % (writer, number, index), writer + 1) for index in range(count)]

    asyncio.run(story())


def test_a_read_brings_exactly_its_range_with_deletes_and_epochs(bootstrap: str) -> None:
    async def story() -> None:
        topic = await new_topic(bootstrap, **{"cleanup.policy": "compact"})
        async with producing(bootstrap) as producer:
            journal = KafkaJournal(producer, RangeReader([bootstrap]), topic, 0)
            await journal.append({OWNER_KEY: b"worker"}, 7)
            appended = await journal.append({b"a": b"1", b"gone": None, b"empty": b""}, 70_000)
            await journal.append({b"behind": b"x"}, 9)
            assert await entries_of(journal, 0, 1) == [Entry(0, OWNER_KEY, b"worker", 7)]
            base = appended.base_offset
            expected = [
                Entry(base, b"a", b"1", 70_000),
                Entry(base + 1, b"gone", None, 70_000),
                Entry(base + 2, b"empty", b"", 70_000),
            ]
            assert await entries_of(journal, base, base + 3) == expected
            assert await entries_of(journal, base + 1, base + 2) == expected[1:2], "from the middle of a batch"
            assert await entries_of(journal, base + 3, base + 3) == []

    asyncio.run(story())


def test_a_batch_that_does_not_fit_is_refused_before_anything_is_sent(bootstrap: str) -> None:
    async def story() -> None:
        topic = await new_topic(bootstrap)
        async with producing(bootstrap) as producer:
            journal = KafkaJournal(producer, RangeReader([bootstrap]), topic, 0)
            with pytest.raises(TooLarge):
                await journal.append({b"%d" % number: b"x" * 1_000 for number in range(100)}, 1)
            assert (await journal.append({b"a": b"1"}, 1)).base_offset == 0

    asyncio.run(story())


def test_outputs_arrive_in_order_where_they_were_sent_to_in_as_many_batches_as_it_takes(bootstrap: str) -> None:
    async def story() -> None:
        topic = await new_topic(bootstrap)
        outputs = [
            Output(topic, number % 2, b"k%d" % number, b"x" * 500, (("n", b"%d" % number),)) for number in range(400)
        ]
        outputs.append(Output(topic, 2, b"deleted", None))
        async with producing(bootstrap) as producer:
            await KafkaSender(producer).send(outputs)
        reader = RangeReader([bootstrap])
        for partition, count in ((0, 200), (1, 200), (2, 1)):
            found = [record async for records in reader.read(topic, partition, 0, count) for record in records]
            assert [
                Output(topic, partition, record.key, record.value, tuple(record.headers))  # type: ignore[attr-defined]
                for record in found
            ] == [output for output in outputs if output.partition == partition]

    asyncio.run(story())


def test_ownership_passes_from_process_to_process(bootstrap: str, tmp_path: Path) -> None:
    async def story() -> None:
        changelog, out = await new_topic(bootstrap, **{"cleanup.policy": "compact"}), await new_topic(bootstrap)
        cache = Cache(1024 * 1024)
        async with producing(bootstrap) as one, producing(bootstrap) as two:

            def process(name: str, producer: AIOKafkaProducer) -> Shard:
                return Shard(
                    partition=2,
                    owner=name,
                    store=Store(tmp_path / name, cache, 1),
                    journal=KafkaJournal(producer, RangeReader([bootstrap]), changelog, 2),
                    sender=KafkaSender(producer),
                    monotonic=asyncio.get_running_loop().time,
                    recheck_s=60.0,
                )

            zombie, owner = process("zombie", one), process("owner", two)
            await zombie.take_over()
            await zombie.commit({b"a": b"1", b"b": b"1"}, [Output(out, 0, b"a", b"first")], Meta(applied={"in": 1}))
            await owner.take_over()
            assert (owner.store.get(b"a"), owner.meta) == (b"1", zombie.meta)
            with pytest.raises(Fenced):
                await zombie.commit({b"a": b"void"}, [Output(out, 0, b"a", b"void")], Meta(applied={"in": 2}))
            await owner.commit({b"b": b"2"}, [Output(out, 0, b"b", b"second")], Meta(applied={"in": 2}))
            await owner.release()
            last = process("last", one)
            await last.take_over()
            assert (last.store.get(b"a"), last.store.get(b"b"), last.meta) == (b"1", b"2", owner.meta)
        reader = RangeReader([bootstrap])
        sent = [record.value async for records in reader.read(out, 0, 0, 3) for record in records]  # type: ignore[attr-defined]
        assert sent == [b"first", b"first", b"second"]

    asyncio.run(story())
