import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiokafka.errors import KafkaError

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
