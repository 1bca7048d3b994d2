"""What people do while the house is under attack: analysts, members, services, and somebody uninvited."""

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from core.clock import HOUR, MINUTE, rfc3339
from tests.faults.test_story import ordinary_life, takeover
from tests.grafana.house import House
from tests.kafka.until import until

# A rule that the workers take, and one that they refuse.
RULE = {"id": "large_night_payout", "title": "Large payout", "severity": "MEDIUM", "types": ["payout"],
        "when": {"field": "amount", "gt": 5000}}  # fmt: skip
WRONG_RULE = {"id": "unreadable", "severity": "MEDIUM", "when": {"field": "amount", "larger": 1}}


def event(number: int, **fields: Any) -> dict[str, Any]:
    now = rfc3339(time.time_ns() // 1_000_000)
    return {"event_id": f"posted-{number}", "type": "transaction", "user_id": f"visitor-{number % 7}", "time": now,
            "amount": 20.0 + number % 50, "currency": "EUR", "ip": "198.51.100.7", **fields}  # fmt: skip


def produce(house: House, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Put records straight into a topic."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=house.broker)
        await producer.start()
        for key, value in records:
            await producer.send_and_wait(house.prefix + topic, value, key=key.encode())
        await producer.stop()

    asyncio.run(send())


def robbed(names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Users with three quiet weeks, to whom a stranger comes now: each ends in a critical case and a lock."""
    now_ms = time.time_ns() // 1_000_000
    records = []
    for name in names:
        for number, each in enumerate([*ordinary_life(now_ms - HOUR), *takeover(now_ms - 2 * MINUTE)]):
            told = {
                **each,
                "user_id": name,
                "event_id": f"{name}-{number}",
                "device_id": f"{name}-{each['device_id']}",
            }
            records.append((name, json.dumps(told).encode()))
    return records


def be_busy(house: House, who: str = "victim") -> None:
    """Everything once, in order; each step waits for what it needs. who: the beginning of the users' names."""
    victims = [f"{who}-{number}" for number in range(6)]
    first, second, third, fourth, fifth, _ = victims
    produce(house, "events", robbed(victims))
    produce(house, "events", [("x", b"no JSON"), ("x", b"{}"), ("x", b'{"event_id":1}')] * 4)
    produce(house, "rules", [(rule["id"], json.dumps(rule).encode()) for rule in (RULE, WRONG_RULE)])
    for number in range(6):
        house.post("/v1/score", event(number), role="service")
        house.post("/v1/events", [event(number), event(100 + number)], role="service")
    house.get("/v1/alerts")
    house.get("/v1/alerts", token="forged")
    house.get("/v1/alerts", role="member")

    until(lambda: len(cases_of(house, victims)) == len(victims), 150, "a case of each victim")
    cases = cases_of(house, victims)
    house.post(f"/v1/alerts/{cases[second]}/acknowledge", role="analyst")
    house.post(f"/v1/alerts/{cases[third]}/resolve", {"resolution": "confirmed_fraud"}, role="analyst")
    house.post(f"/v1/alerts/{cases[fourth]}/false-positive", role="analyst")
    house.post(f"/v1/alerts/{cases[fifth]}/dispute", token=house.token("member", fifth))
    house.post(f"/v1/users/{fourth}/unlock", {"reason": "it was her"}, role="admin")

    member = house.token("member", first)
    house.post(f"/v1/users/{first}/otp", token=member)
    until(lambda: passwords_of(house, first), 240, "the password")
    house.post(f"/v1/users/{first}/otp/verify", {"code": "000000"}, token=member)
    (code, *_) = passwords_of(house, first)
    house.post(f"/v1/users/{first}/otp/verify", {"code": code}, token=member)


def have_faults(house: House) -> None:
    """A pager and channels that refuse for a while, and a second worker, who takes partitions over."""
    house.inbox.status = 400
    produce(house, "events", robbed(["victim-8", "victim-9"]))
    refused = (
        'sum(alertmanager_notifications_failed_total) > 0 and sum(argus_notifications_total{outcome="dead"}) > 0'
    )
    until(lambda: house.asked("query", query=refused)["result"], 120, "a refused page and a refused message")
    house.inbox.status = 200
    house.worker()


def passwords_of(house: House, user: str) -> list[str]:
    """What a user was sent, once the line is whole."""
    told = house.passwords.read_text().splitlines(keepends=True) if house.passwords.exists() else []
    whole = [json.loads(line) for line in told if line.endswith("\n")]
    return [each["code"] for each in whole if each["user_id"] == user]


def cases_of(house: House, users: Iterable[str]) -> dict[str, str]:
    """An alert of each user's case, by user."""
    items = house.get("/v1/cases?limit=200", role="analyst").json["items"]
    return {case["user_id"]: case["alert_ids"][0] for case in items if case["user_id"] in users}
