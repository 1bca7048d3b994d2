"""Garbage of every kind among good events, on real brokers: what is good is decided once, what is bad is set aside
untouched, and nothing stops."""

import asyncio
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.placing import partition_of
from argus.topics import ensure_topics
from core.clock import DAY, MINUTE
from core.events import ERRORS
from tests.faults import outside
from tests.faults.stage import Stage, event_counts

USERS = 40
EVENTS = 2_000
WITHIN_S = 240.0

pytestmark = [pytest.mark.broker, pytest.mark.slow]

encode = msgspec.json.Encoder().encode


def good(number: int, now_ms: int) -> dict[str, Any]:
    """An ordinary event of one of `USERS` users, a few seconds after the last."""
    types = ("login", "page_view", "transaction", "page_view", "logout")
    return {
        "event_id": f"good-{number}",
        "type": types[number % len(types)],
        "user_id": f"user-{number % USERS}",
        "time": now_ms - 2 * DAY + number * 20_000,
        "device_id": f"d{number % USERS}",
        "amount": 12.5,
        "currency": "EUR",
    }


def garbage(now_ms: int) -> dict[str, bytes | None]:
    """By what is wrong with it."""
    sound = good(0, now_ms) | {"event_id": "bad"}
    text = encode(sound)

    def but(**fields: Any) -> bytes:
        return encode(sound | fields)

    def raw(name: str, value: bytes) -> bytes:
        return text[:-1] + b',"%s":%s}' % (name.encode(), value)

    return {
        "null value": None,
        "empty value": b"",
        "white space": b" \n",
        "not json": b"user=u1&type=login",
        "half of it": text[:-20],
        "two at once": text + text,
        "zero bytes": bytes(100),
        "every byte": bytes(range(256)),
        "byte order mark": b"\xef\xbb\xbf" + text,
        "utf-16": text.decode().encode("utf-16"),
        "an array": b"[" + text + b"]",
        "a text": b'"event"',
        "null": b"null",
        "nothing in it": b"{}",
        "no event id": encode({name: sound[name] for name in sound if name != "event_id"}),
        "no user": but(user_id=None),
        "empty id": but(user_id=""),
        "id is a number": but(user_id=7),
        "id too long": but(user_id="u" * 129),
        "unknown type": but(type="teleport"),
        "unknown outcome": but(outcome="maybe"),
        "amount is text": but(amount="12.50"),
        "amount below zero": but(amount=-1),
        "amount beyond all": but(amount=1e300),
        "NaN": raw("lat", b"NaN"),
        "Infinity": raw("lat", b"-Infinity"),
        "a number beyond floats": raw("lat", b"1e999"),
        "beyond the poles": but(lat=91, lon=0),
        "no such country": but(country="XYZ"),
        "no address": but(ip="999.1.1.1"),
        "attributes nested": but(attributes={"a": {"b": 1}}),
        "nested deeply": raw("attributes", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        "arrays nested deeply": b"[" * 60_000,
        "lone surrogate": raw("path", b'"\\ud800"'),
        "lone surrogate in a key": raw("user_agent", b'"\xed\xa0\x80"'),
        "overlong utf-8": raw("path", b'"\xc0\x80"'),
        "time in words": but(time="yesterday"),
        "time without a zone": but(time="2026-03-02T12:00:00"),
        "time before 2000": but(time="1999-12-31T23:59:59Z"),
        "time in seconds": but(time=now_ms // 1_000),
        "time after 2100": but(time="2100-01-01T00:00:00Z"),
        "time beyond 64 bits": raw("time", b"9" * 30),
        "ten minutes ahead": but(time=now_ms + 20 * MINUTE),
        "over 64 KiB": but(path="x" * 66_000),
        "text over 2048": but(path="x" * 2_049),
        "just under a MB": but(path="x" * 1_000_000),
        "as large as a broker takes": but(path="x" * (1_048_588 - 500)),
        "one number of 900 KB": b"1" * 900_000,
    }


def crc32_partition(key: bytes, partitions: int) -> int:
    """Where librdkafka puts a key unless told otherwise."""
    return zlib.crc32(key) % partitions


@pytest.fixture
def stage(bootstrap: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(bootstrap, tmp_path, [])
    yield stage
    for worker in stage.workers:
        worker.end()


async def producer_on(stage: Stage, compression: str | None = None) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bootstrap,
        acks="all",
        max_request_size=16 << 20,
        linger_ms=20,
        compression_type=compression,
    )
    await producer.start()
    return producer


async def read(stage: Stage, topic: str, enough: Callable[[list[Any]], bool] | None = None) -> list[Any]:
    return await outside.read(
        stage.bootstrap, stage.settings.topic(topic), stage.settings.partitions, enough, WITHIN_S
    )


def told(records: list[Any]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record.value) for record in records]


def test_garbage_is_set_aside_untouched_and_every_good_event_is_decided_once(stage: Stage) -> None:
    now_ms = time.time_ns() // 1_000_000
    partitions, topic = stage.settings.partitions, stage.settings.topic("events")
    bad = garbage(now_ms)
    events = [good(number, now_ms) for number in range(EVENTS)]
    keys = [b"", None, b"\xff\x00key", b"user-0", b"k" * 5_000]

    async def send() -> dict[tuple[int, int], tuple[str, bytes | None, bytes | None]]:
        """Good events by three kinds of placing, and the bad ones among them, by where they were put."""
        producer = await producer_on(stage)
        placed = {}
        names = list(bad)
        for number, event in enumerate(events):
            user = event["user_id"].encode()
            if number % 3 == 0:
                await producer.send(topic, encode(event), key=user)
            elif number % 3 == 1:
                await producer.send(topic, encode(event), key=user, partition=crc32_partition(user, partitions))
            else:
                await producer.send(topic, encode(event), key=b"somebody else")
            if number % (EVENTS // len(names)) == 0 and number // (EVENTS // len(names)) < len(names):
                name = names[number // (EVENTS // len(names))]
                key = keys[number % len(keys)]
                put = await producer.send_and_wait(topic, bad[name], key=key, partition=number % partitions)
                placed[put.partition, put.offset] = (name, key, bad[name])
        await producer.stop()
        return placed

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        worker = stage.worker()
        placed = await send()
        assert len(placed) == len(bad)
        wanted = {event["event_id"] for event in events}
        decisions = await read(stage, "decisions", lambda records: alive(worker) and len(records) >= EVENTS)
        rejected = await read(stage, "rejected", lambda records: alive(worker) and len(records) >= len(bad))
        # What came late, or twice, would show now.
        decisions, rejected = await read(stage, "decisions"), await read(stage, "rejected")
        assert Counter(decision["event_id"] for decision in told(decisions)) == Counter(wanted)
        found = {}
        for record in rejected:
            headers = {name: value.decode() for name, value in record.headers}
            assert set(headers) == {"error", "reason", "topic", "partition", "offset"}
            assert headers["topic"] == topic
            assert headers["error"] in ERRORS
            assert headers["reason"]
            found[int(headers["partition"]), int(headers["offset"])] = (record.key, record.value)
        assert len(rejected) == len(bad)
        assert found == {at: (key, value) for at, (_, key, value) in placed.items()}
        assert worker.alive

    asyncio.run(story())


def alive(worker: Any) -> bool:
    assert worker.alive, worker.log.read_text()[-3_000:]
    return True


def test_what_only_compression_let_past_the_brokers_limit_is_kept_as_far_as_it_can_be(stage: Stage) -> None:
    now_ms = time.time_ns() // 1_000_000
    topic = stage.settings.topic("events")
    carried, beyond = b"x" * (2 << 20), b"x" * (8 << 20)

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        worker = stage.worker()
        producer = await producer_on(stage, "lz4")
        for value in (carried, beyond, encode(good(0, now_ms))):
            await producer.send_and_wait(topic, value, key=b"k", partition=0)
        await producer.stop()
        rejected = await read(stage, "rejected", lambda records: alive(worker) and len(records) >= 2)
        assert [(record.key, record.value) for record in rejected] == [(b"k", carried), (None, None)]
        headers = dict(rejected[1].headers)
        assert (headers["error"], headers["offset"]) == (b"too_large", b"1")
        assert headers["reason"].endswith(b"too large to be kept here")
        decisions = await read(stage, "decisions", lambda records: alive(worker) and bool(records))
        assert [decision["event_id"] for decision in told(decisions)] == ["good-0"]

    asyncio.run(story())


def test_a_rule_that_is_wrong_is_told_of_among_what_could_not_be_read(stage: Stage) -> None:
    topic, bad = stage.settings.topic("rules"), b"{id: too_much, title: Too much, when: {field: amout, gt: 5}}"

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        worker = stage.worker()
        producer = await producer_on(stage)
        event = encode(good(0, time.time_ns() // 1_000_000))
        await producer.send_and_wait(stage.settings.topic("events"), event, key=b"user-0")
        await read(stage, "decisions", lambda records: alive(worker) and bool(records))
        await producer.send_and_wait(topic, bad, key=b"too_much")
        await producer.stop()
        (record,) = await read(stage, "rejected", lambda records: alive(worker) and bool(records))
        headers = dict(record.headers)
        assert (record.key, record.value, headers["topic"], headers["error"]) == (
            b"too_much",
            bad,
            topic.encode(),
            b"invalid",
        )
        assert b"too_much" in headers["reason"]

    asyncio.run(story())


def test_a_user_whose_events_lie_on_all_partitions_has_one_state_and_one_sequence_of_decisions(stage: Stage) -> None:
    now_ms = time.time_ns() // 1_000_000
    partitions, topic = stage.settings.partitions, stage.settings.topic("events")
    users = [f"user-{number}" for number in range(8)]
    events = [good(number, now_ms) | {"user_id": users[number % len(users)]} for number in range(800)]
    placed = {
        user: {crc32_partition(user.encode(), partitions), partition_of(user.encode(), partitions)} for user in users
    }
    assert any(len(places) > 1 for places in placed.values())

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        worker = stage.worker()
        producer = await producer_on(stage)
        for number, event in enumerate(events):
            user = event["user_id"].encode()
            partition = (None, crc32_partition(user, partitions), number % partitions)[number % 3]
            await producer.send(topic, encode(event), key=user, partition=partition)
        await producer.stop()
        await read(stage, "decisions", lambda records: alive(worker) and len(records) >= len(events))
        decisions = await read(stage, "decisions")
        where = defaultdict(set)
        for record, decision in zip(decisions, told(decisions), strict=True):
            where[decision["user_id"]].add(record.partition)
            assert record.key == decision["user_id"].encode()
        assert where == {user: {partition_of(user.encode(), partitions)} for user in users}
        assert Counter(decision["event_id"] for decision in told(decisions)) == Counter(
            event["event_id"] for event in events
        )
        states = outside.states(await read(stage, "users-changelog"), compacted=True)
        lines = [(event["user_id"], encode(event)) for event in events]
        assert {user: state.events for user, state in states.items()} == event_counts(lines)

    asyncio.run(story())


RULE = """
rule_id: very_large
title: A very large payment
types: [transaction]
severity: MEDIUM
mode: live
when: {field: amount, gte: 70000}
"""


def test_rules_and_labels_take_effect_in_a_running_worker(stage: Stage) -> None:
    now_ms = time.time_ns() // 1_000_000
    events, rules = stage.settings.topic("events"), stage.settings.topic("rules")
    sent = Counter[str]()

    def payment(amount: float) -> dict[str, Any]:
        sent["payments"] += 1
        number = sent["payments"]
        event = good(number, now_ms) | {
            "event_id": f"pay-{number}",
            "user_id": f"payer-{number}",
            "merchant_id": "till",
        }
        return event | {"type": "transaction", "amount": amount, "time": now_ms - DAY + number * 1_000}

    async def alerts_of(rule_id: str) -> list[dict[str, Any]]:
        return [alert for alert in told(await read(stage, "alerts")) if alert["rule_id"] == rule_id]

    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        worker = stage.worker()
        producer = await producer_on(stage)

        async def pay(amount: float) -> str:
            event = payment(amount)
            await producer.send_and_wait(events, encode(event), key=event["user_id"].encode())
            return str(event["event_id"])

        async def pay_until_alert(rule_id: str, title: str) -> None:
            """A rule takes effect some moments after it was sent: pay until it speaks."""
            deadline = time.monotonic() + WITHIN_S
            while not any(alert["title"] == title for alert in await alerts_of(rule_id)):
                assert alive(worker)
                assert time.monotonic() < deadline, f"{rule_id} never spoke"
                await pay(75_000)

        first = await pay(75_000)
        await read(stage, "decisions", lambda records: alive(worker) and len(records) >= 1)
        assert await alerts_of("very_large") == []
        await producer.send_and_wait(rules, RULE.encode(), key=b"very_large")
        await pay_until_alert("very_large", "A very large payment")
        assert first not in {alert["event_id"] for alert in await alerts_of("very_large")}

        bad = RULE.replace("amount", "no_such_field").replace("A very", "A wrong")
        await producer.send_and_wait(rules, bad.encode(), key=b"very_large")
        other = RULE.replace("very_large", "other").replace("A very large payment", "Other")
        await producer.send_and_wait(rules, other.encode(), key=b"other")
        await pay_until_alert("other", "Other")
        last = await pay(75_000)
        count = sent["payments"]
        await read(stage, "decisions", lambda records: alive(worker) and len(records) >= count)
        assert last in {alert["event_id"] for alert in await alerts_of("very_large")}
        assert "is refused, the others go on" in worker.log.read_text()

        paid = [await pay(5.0) for _ in range(40)]
        count = sent["payments"]
        await read(stage, "decisions", lambda records: alive(worker) and len(records) >= count)
        for number, event_id in enumerate(paid):
            user = f"payer-{count - len(paid) + number + 1}"
            label = {"feedback_id": f"f{number}", "event_id": event_id, "user_id": user, "label": "fraud"}
            label |= {"source": "chargeback", "time": now_ms - DAY + 2 * 3_600_000}
            await producer.send(stage.settings.topic("feedback"), encode(label), key=user.encode())
        await producer.stop()
        await read(
            stage,
            "alerts",
            lambda records: (
                alive(worker)
                and any(alert.get("source") == {"type": "merchant", "id": "till"} for alert in told(records))
            ),
        )
        reputations = await read(
            stage,
            "reputation",
            lambda records: alive(worker) and any(record.key == b"merchant:till" for record in records),
        )
        # What the labelled payments named is tied to their frauds (`core.ring`).
        untied = {record.key for record in reputations if not record.key.startswith(b"tie:")}
        assert untied == {b"merchant:till"}

    asyncio.run(story())
