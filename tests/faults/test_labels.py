"""What labels taught outlives the worker that learnt it, seen from outside: in the scores of decisions."""

import asyncio
import json
import shutil
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from argus.settings import Settings
from argus.topics import ensure_topics
from core.clock import DAY, MINUTE
from tests.faults.test_story import World, now_ms
from tests.faults.workers import Worker

USERS = 37
EVENTS = 1_200
START_MS = now_ms() - 20 * DAY
LEARNING = {"ARGUS_PARTITIONS": "1", "ARGUS_LABEL_DELAY_DAYS": "0"}
FORESTS = ("random_forest", "gradient_boosting")

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def payment(number: int, amount: float) -> dict[str, Any]:
    at_ms, user = START_MS + number * 10 * MINUTE, f"u{number % USERS}"
    event = {"event_id": f"e{number}", "type": "transaction", "user_id": user, "time": at_ms}
    return {**event, "amount": amount, "currency": "EUR"}


def dispute(number: int) -> dict[str, Any]:
    at_ms, user = START_MS + number * 10 * MINUTE + 1_000, f"u{number % USERS}"
    label = {"feedback_id": f"f{number}", "event_id": f"e{number}", "user_id": user, "label": "fraud"}
    return {**label, "source": "chargeback", "time": at_ms}


async def judged(world: World, numbers: Iterator[int], amount: float) -> dict[str, float]:
    """The scores of one more payment."""
    event = payment(next(numbers), amount)
    await world.say("events", event)
    decision = await world.find("decisions", lambda found: found["event_id"] == event["event_id"])
    scores: dict[str, float] = decision["scores"]
    return scores


def test_what_labels_taught_outlives_a_kill_and_the_loss_of_the_disk(tansu: str, tmp_path: Path) -> None:
    settings = Settings(broker=tansu, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1)
    worker = Worker(tansu, settings.topic_prefix, tmp_path / "worker", tmp_path / "log", settings=LEARNING)

    async def story() -> None:
        await ensure_topics(tansu, settings)
        producer = AIOKafkaProducer(bootstrap_servers=tansu, linger_ms=20)
        await producer.start()
        world, numbers = World(settings, producer, tmp_path), count(EVENTS)
        try:
            for number in range(EVENTS):
                fraud = number % 20 == 7
                for topic, record in (
                    ("events", payment(number, 900.0 if fraud else 10.0 + number % 9)),
                    *((("feedback", dispute(number)),) if fraud else ()),
                ):
                    key, value = record["user_id"].encode(), json.dumps(record).encode()
                    await producer.send(settings.topic(topic), value, key=key)
            await producer.flush()
            worker.start()
            while not set(FORESTS) <= (await judged(world, numbers, 12.0)).keys():
                pass  # bounded by the test's time: a forest is grown when its turn comes
            for name in FORESTS:
                await world.find("models", lambda found, name=name: found.get("model") == name and found["in_force"])
            # What was put in force since the last snapshot would have to be grown again.
            await world.find("models", lambda found: set(FORESTS) <= set(found.get("speaking", ())))
            worker.kill()
            shutil.rmtree(worker.data_dir)
            worker.start()
            small, large = await judged(world, numbers, 12.0), await judged(world, numbers, 900.0)
            for name in FORESTS:
                assert large[name] > 0.99 > small[name]
        finally:
            await producer.stop()

    try:
        asyncio.run(story())
    finally:
        worker.end()
