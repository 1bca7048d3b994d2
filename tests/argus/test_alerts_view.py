"""Alerts for a terminal."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from argus.alerts_view import Lines, Tail
from argus.settings import Settings
from argus.topics import Topic, ensure_topics


def alert(**changes: Any) -> bytes:
    record = {
        "alert_id": "a",
        "severity": "MEDIUM",
        "title": "Many declined cards",
        "summary": "12 in 60 s",
        "time": "2026-03-01T12:34:56.789Z",
        "user_id": "u1",
        "count": 1,
        "reasons": [],
    }
    return json.dumps(record | changes).encode()


def test_no_id_commands_the_terminal() -> None:
    line = Lines().line(alert(user_id="\x1b[2J\n\x9bu", title="\x07Bell"))
    assert line is not None
    assert line.isprintable()
    assert "[2J" in line


def test_an_alert_is_a_line() -> None:
    assert Lines().line(alert()) == "12:34:56 MEDIUM   u1: Many declined cards. 12 in 60 s"


def test_an_alert_about_a_source_names_it() -> None:
    line = Lines().line(alert(user_id=None, source={"type": "ip", "id": "192.0.2.1"}, count=40))
    assert line == "12:34:56 MEDIUM   ip 192.0.2.1: Many declined cards (x40). 12 in 60 s"


def test_an_update_is_a_line_only_when_the_severity_rose() -> None:
    lines = Lines()
    assert lines.line(alert())
    assert lines.line(alert(count=2)) is None
    assert lines.line(alert(count=3, severity="HIGH"))
    assert lines.line(alert(count=4, severity="HIGH")) is None
    assert lines.line(alert(alert_id="b"))


@pytest.mark.parametrize("record", [b"", b"no", b"{}", b"[]", alert(severity="LOUD")])
def test_what_is_no_alert_is_no_line(record: bytes) -> None:
    assert Lines().line(record) is None


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
