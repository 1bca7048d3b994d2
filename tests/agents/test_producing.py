import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, KafkaTimeoutError

from agents.producing import MeteredProducer
from tests.agents.fakes import ManualClock


class Batch:
    def record_count(self) -> int:
        return 3


class Producer:
    """The part of aiokafka's that is used; the test settles what was sent."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Any]] = []

    async def send_batch(self, _batch: Any, _topic: str, *, partition: int) -> asyncio.Future[Any]:
        return await self.send("", b"", key=None, partition=partition)

    async def send(self, _topic: str, _value: bytes, *, key: Any, partition: int) -> asyncio.Future[Any]:
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]


class Told:
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def sent(self, topic: str, records: int, seconds: float) -> None:
        self.told.append(("sent", topic, records, seconds))

    def refused(self, topic: str, records: int) -> None:
        self.told.append(("refused", topic, records))


def play(story: Callable[[MeteredProducer, Producer, Told, ManualClock], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        producer: Any = Producer()
        meter, clock = Told(), ManualClock()
        await story(MeteredProducer(producer, meter, clock), producer, meter, clock)

    asyncio.run(told())


def test_an_acknowledged_batch_is_told_with_its_records_and_time() -> None:
    async def story(metered: MeteredProducer, producer: Producer, meter: Told, clock: ManualClock) -> None:
        delivered = await metered.send_batch(Batch(), "locks", partition=0)
        clock.now_s += 2.5
        assert metered.oldest_unacked_s() == {"locks": 2.5}
        producer.sent[0].set_result(None)
        await delivered
        await asyncio.sleep(0)
        assert meter.told == [("sent", "locks", 3, 2.5)]
        assert metered.oldest_unacked_s() == {}

    play(story)


def test_what_the_broker_does_not_take_is_told_and_raised() -> None:
    async def story(metered: MeteredProducer, producer: Producer, meter: Told, _clock: ManualClock) -> None:
        sending = asyncio.create_task(metered.send_and_wait("events", b"{}", key=b"u", partition=0))
        await asyncio.sleep(0)
        producer.sent[0].set_exception(KafkaError("away"))
        with pytest.raises(KafkaError):
            await sending
        await asyncio.sleep(0)
        assert meter.told == [("refused", "events", 1)]

    play(story)


def test_the_oldest_of_each_topic_counts() -> None:
    async def story(metered: MeteredProducer, producer: Producer, _meter: Told, clock: ManualClock) -> None:
        await metered.send_batch(Batch(), "locks", partition=0)
        clock.now_s += 1
        await metered.send_batch(Batch(), "locks", partition=1)
        await metered.send_batch(Batch(), "alerts", partition=1)
        clock.now_s += 1
        assert metered.oldest_unacked_s() == {"locks": 2.0, "alerts": 1.0}
        for future in producer.sent:
            future.cancel()

    play(story)


class Narrow(Producer):
    """Has room for one batch at a time; the test says when there is room again."""

    def __init__(self) -> None:
        super().__init__()
        self.room = asyncio.Event()

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        delivered = await super().send_batch(batch, topic, partition=partition)
        await self.room.wait()
        return delivered


def test_batches_of_a_partition_are_handed_over_in_turn_and_other_partitions_do_not_wait() -> None:
    async def story() -> None:
        narrow: Any = Narrow()
        metered = MeteredProducer(narrow)
        sending = [asyncio.create_task(metered.send_batch(Batch(), "events", partition=0)) for _ in range(3)]
        await asyncio.sleep(0)
        assert len(narrow.sent) == 1
        sending.append(asyncio.create_task(metered.send_batch(Batch(), "events", partition=1)))
        await asyncio.sleep(0)
        assert len(narrow.sent) == 2
        narrow.room.set()
        await asyncio.gather(*sending)
        assert len(narrow.sent) == 4

    asyncio.run(story())


def test_a_batch_whose_turn_does_not_come_is_given_up_and_the_next_is_taken() -> None:
    async def story() -> None:
        narrow: Any = Narrow()
        metered = MeteredProducer(narrow, turn_within_s=0.01)
        first = asyncio.create_task(metered.send_batch(Batch(), "events", partition=0))
        await asyncio.sleep(0)
        with pytest.raises(KafkaTimeoutError):
            await metered.send_batch(Batch(), "events", partition=0)
        narrow.room.set()
        await first
        await metered.send_batch(Batch(), "events", partition=0)
        assert len(narrow.sent) == 2

    asyncio.run(story())


@pytest.mark.broker
def test_many_callers_at_once_are_all_taken_within_the_time_of_one(tansu: str) -> None:
    async def story() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=tansu)
        await admin.start()
        await admin.create_topics([NewTopic("many-callers", 1, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=tansu, acks="all", request_timeout_ms=5_000)
        await producer.start()
        metered, offsets = MeteredProducer(producer), list[int]()

        async def call() -> None:
            for _ in range(60):
                batch = metered.create_batch()
                batch.append(key=None, value=b"x" * 10_000, timestamp=None)
                batch.close()
                delivered = await (await metered.send_batch(batch, "many-callers", partition=0))
                offsets.append(delivered.offset)

        try:
            await asyncio.gather(*(call() for _ in range(16)))
        finally:
            await producer.stop()
        assert sorted(offsets) == list(range(16 * 60))

    asyncio.run(story())
