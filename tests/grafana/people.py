"""What people do while the house is under attack: analysts, members, services, and somebody uninvited."""

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer

from core.clock import rfc3339
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


def be_busy(house: House) -> None:
    """Everything once, in order; each step waits for what it needs."""
    produce(house, "events", [("x", b"no JSON"), ("x", b"{}"), ("x", b'{"event_id":1}')] * 4)
    produce(house, "rules", [(rule["id"], json.dumps(rule).encode()) for rule in (RULE, WRONG_RULE)])
    for number in range(6):
        house.post("/v1/score", event(number), role="service")
        house.post("/v1/events", [event(number), event(100 + number)], role="service")
    house.get("/v1/alerts")
    house.get("/v1/alerts", token="forged")
    house.get("/v1/alerts", role="member")

    until(lambda: len(found(house, "/v1/cases")) >= 4, 60, "four cases")
    cases = found(house, "/v1/cases")
    alerts = [case["alert_ids"][0] for case in cases]
    house.post(f"/v1/alerts/{alerts[0]}/acknowledge", role="analyst")
    house.post(f"/v1/alerts/{alerts[1]}/resolve", {"resolution": "confirmed_fraud"}, role="analyst")
    house.post(f"/v1/alerts/{alerts[2]}/false-positive", role="analyst")

    house.post("/v1/users/visitor-1/lock", {"reason": "asked for it"}, role="admin")
    until(lambda: house.get("/v1/users/visitor-1", role="analyst").status == 200, 30, "visitor-1")
    member = house.token("member", "visitor-1")
    house.post("/v1/users/visitor-1/otp", token=member)
    until(house.passwords.exists, 30, "the password")
    house.post("/v1/users/visitor-1/otp/verify", {"code": "000000"}, token=member)
    code = json.loads(house.passwords.read_text().splitlines()[-1])["code"]
    house.post("/v1/users/visitor-1/otp/verify", {"code": code}, token=member)
    house.post("/v1/users/visitor-1/unlock", {"reason": "it was me"}, role="admin")


def found(house: House, path: str) -> list[dict[str, Any]]:
    """The items of a page."""
    answer = house.get(path, role="analyst").json
    items: list[dict[str, Any]] = next((value for value in answer.values() if isinstance(value, list)), [])
    return items
