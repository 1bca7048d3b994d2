"""Alerts as they come."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from argus.alerts_view import Tail
from argus.settings import Settings
from argus.topics import Topic, ensure_topics


@pytest.mark.broker
@pytest.mark.parametrize("from_start", [True, False])
def test_a_tail_begins_where_it_is_told_and_misses_nothing_after(bootstrap: str, from_start: bool) -> None:
    settings = Settings(topic_prefix=f"t{uuid.uuid4().hex}.", partitions=2)

    async def scenario() -> list[bytes]:
        await ensure_topics(bootstrap, settings, [Topic("alerts", "delete", 1)])
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        topic = settings.topic("alerts")
        await producer.send_and_wait(topic, b"before", partition=1)
        tail = Tail(bootstrap, topic, 2, from_start=from_start)
        await tail.start()
        await producer.send_and_wait(topic, b"after 0", partition=0)
        await producer.send_and_wait(topic, b"after 1", partition=1)
        values = tail.values()
        got = [await asyncio.wait_for(anext(values), 20) for _ in range(3 if from_start else 2)]
        await tail.stop()
        await producer.stop()
        return sorted(got)

    expected = [b"after 0", b"after 1"]
    assert asyncio.run(scenario()) == (sorted([*expected, b"before"]) if from_start else expected)
