"""What the state protocol takes for granted of a broker, on each of them; and where the embedded one differs."""

import asyncio
import random
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from argus.settings import Settings
from argus.topics import Topic, ensure_topics

pytestmark = pytest.mark.broker


async def topic_of_its_own(bootstrap: str) -> TopicPartition:
    settings = Settings(topic_prefix=f"t{uuid.uuid4().hex}.", partitions=1)
    await ensure_topics(bootstrap, settings, [Topic("log", "compact")])
    return TopicPartition(settings.topic("log"), 0)


async def producer_on(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 20)
    await producer.start()
    return producer


async def consumer_at(bootstrap: str, target: TopicPartition, offset: int = 0) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    consumer.assign([target])
    consumer.seek(target, offset)
    return consumer


async def append(producer: AIOKafkaProducer, target: TopicPartition, values: list[bytes]) -> int:
    batch = producer.create_batch()
    for value in values:
        assert batch.append(key=b"k", value=value, timestamp=None)
    batch.close()
    placed = await (await producer.send_batch(batch, target.topic, partition=target.partition))
    offset: int = placed.offset
    return offset


def test_each_writer_learns_where_its_batch_begins_whoever_else_writes(bootstrap: str) -> None:
    async def scenario() -> None:
        target = await topic_of_its_own(bootstrap)
        producers = [await producer_on(bootstrap) for _ in range(3)]
        placed: dict[int, bytes] = {}

        async def write(number: int) -> None:
            sizes = random.Random(number)
            for turn in range(40):
                values = [b"%d:%d:%d" % (number, turn, i) for i in range(sizes.randint(1, 30))]
                base = await append(producers[number], target, values)
                placed.update({base + i: value for i, value in enumerate(values)})

        await asyncio.gather(*(write(number) for number in range(3)))
        consumer = await consumer_at(bootstrap, target)
        found = {}
        while len(found) < len(placed):
            record = await asyncio.wait_for(consumer.getone(target), 20)
            found[record.offset] = record.value
        assert found == placed
        assert sorted(found) == list(range(len(placed)))
        for client in (*producers, consumer):
            await client.stop()

    asyncio.run(scenario())


def test_a_fetch_tells_the_true_end(bootstrap: str) -> None:
    async def scenario() -> int | None:
        target = await topic_of_its_own(bootstrap)
        producer = await producer_on(bootstrap)
        await append(producer, target, [b"v"] * 10)
        consumer = await consumer_at(bootstrap, target, 4)
        record = await asyncio.wait_for(consumer.getone(target), 20)
        assert record.offset == 4
        end: int | None = consumer.highwater(target)
        await consumer.stop()
        await producer.stop()
        return end

    assert asyncio.run(scenario()) == 10


async def latest_after_a_batch_of_ten(bootstrap: str) -> int:
    target = await topic_of_its_own(bootstrap)
    producer = await producer_on(bootstrap)
    await append(producer, target, [b"v"] * 10)
    consumer = await consumer_at(bootstrap, target)
    end: int = (await consumer.end_offsets([target]))[target]
    await consumer.stop()
    await producer.stop()
    return end


@pytest.mark.kafka
def test_kafka_lists_the_latest_offset_right(kafka: str) -> None:
    assert asyncio.run(latest_after_a_batch_of_ten(kafka)) == 10


def test_the_embedded_broker_lists_it_wrong_which_is_why_the_end_is_asked_of_a_fetch(tansu: str) -> None:
    """When this fails, the embedded broker has been mended: ask it like Kafka, and drop the detour."""
    assert asyncio.run(latest_after_a_batch_of_ten(tansu)) == 1
