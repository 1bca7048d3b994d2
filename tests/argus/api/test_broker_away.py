"""A broker that goes away, and one that hangs: an honest no, nothing lost that was said to be taken."""

import asyncio
import json
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from argus import broker
from argus.topics import ensure_topics
from tests.argus.api.running import Running, settings_for
from tests.argus.api.whole import event
from tests.argus.store.records import alert
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WITHIN_S = 240.0


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, broker.Broker]]:
    """A server with a broker that nobody else has."""
    running = asyncio.run(broker.start(tmp_path_factory.mktemp("own"), within_s=WITHIN_S))
    try:
        settings = settings_for(running.bootstrap, tmp_path_factory.mktemp("data"), f"away-{uuid.uuid4().hex[:8]}.")
        with Running(settings) as api:
            yield api, running
    finally:
        running.process.send_signal(signal.SIGCONT)
        running.stop()


async def stored(api: Running) -> list[str]:
    """The ids of all events in the topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=api.settings.broker, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        targets = [TopicPartition(api.settings.topic("events"), number) for number in range(api.settings.partitions)]
        consumer.assign(targets)
        await consumer.seek_to_beginning(*targets)
        found: list[str] = []
        quiet = 0
        while quiet < 3:
            fetched = await consumer.getmany(timeout_ms=500)
            quiet = 0 if fetched else quiet + 1
            found += [json.loads(record.value)["event_id"] for records in fetched.values() for record in records]
        return found
    finally:
        await consumer.stop()


def test_without_its_broker_it_says_no_and_goes_on_when_there_is_one(
    own: tuple[Running, broker.Broker], tmp_path: Path
) -> None:
    api, running = own
    assert api.post("/v1/events", event("ada"), role="service").status == 202
    running.stop()
    for path, body in (("/v1/events", [event(f"u{n}") for n in range(20)]), ("/v1/score", event("ada"))):
        answer = api.post(path, body, role="service")
        assert (answer.status, answer.json["type"]) == (503, "urn:argus:problem:unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    locked = api.post("/v1/users/bob/lock", role="admin")
    assert (locked.status, "retry-after" in locked.headers) == (503, True)
    until(lambda: api.get("/ready").status == 503, WITHIN_S, "not ready")
    assert api.get("/health").status == 200
    # Another one in its place, with nothing in it.
    fresh = asyncio.run(broker.start(tmp_path, int(running.bootstrap.rpartition(":")[2]), WITHIN_S))
    try:
        asyncio.run(ensure_topics(fresh.bootstrap, api.settings))
        until(lambda: api.get("/ready").status == 200, WITHIN_S, "ready again")
        assert api.post("/v1/events", event("ada"), role="service").status == 202
        api.produce("alerts", alert("after-it-all"))
        until(lambda: api.services.feed.get("after-it-all"), WITHIN_S, "the alert")
    finally:
        fresh.stop()


def test_a_broker_that_hangs_is_given_up_and_the_same_list_is_taken_when_it_is_back(
    own: tuple[Running, broker.Broker],
) -> None:
    api, running = own
    events = [event(f"u{number}") for number in range(20)]
    running.process.send_signal(signal.SIGSTOP)
    assert api.post("/v1/events", events, role="service").status == 503
    running.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + WITHIN_S
    while (answer := api.post("/v1/events", events, role="service")).status != 202:
        assert answer.status == 503
        assert time.monotonic() < deadline
    assert answer.json == {"accepted": 20}
    assert set(asyncio.run(stored(api))) == {one["event_id"] for one in events}
