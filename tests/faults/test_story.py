"""The whole story of a takeover, from outside: topics, one file, and the command line. Once as it is, and once with
the worker killed between every two steps."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from argus.secret import derived_key
from argus.settings import Settings
from argus.topics import ensure_topics
from core.clock import DAY, HOUR, MINUTE
from core.otp import otp_hash
from tests.faults.workers import SECRET, Worker

WITHIN_S = 240.0
USER = "ada"

pytestmark = [pytest.mark.broker, pytest.mark.slow]


class World:
    """A broker's topics as clients see them. Every record is seen once, in the order of its topic."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, tmp_path: Path) -> None:
        self.settings = settings
        self._producer = producer
        self._codes = tmp_path / "codes.jsonl"
        self.otp_key = derived_key(SECRET, b"otp")

    async def say(self, topic: str, record: dict[str, Any]) -> None:
        await self._producer.send_and_wait(
            self.settings.topic(topic), json.dumps(record).encode(), key=record["user_id"].encode()
        )

    async def ask(self, type_: str, by: str, role: str, **fields: Any) -> dict[str, Any]:
        """Send a command; its outcome."""
        command_id = f"c-{uuid.uuid4().hex}"
        command = {"command_id": command_id, "type": type_, "user_id": USER, "by": by, "role": role, "time": now_ms()}
        await self.say("commands", {**command, **fields})
        return await self.find("outcomes", lambda outcome: outcome["command_id"] == command_id)

    async def find(self, topic: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The newest record that is wanted, as soon as there is one."""
        deadline = time.monotonic() + WITHIN_S
        async with reading(self.settings, topic) as consumer:
            while True:
                assert time.monotonic() < deadline, f"nothing of the kind on {topic}"
                fetched = await consumer.getmany(timeout_ms=300)
                found = [json.loads(record.value) for batch in fetched.values() for record in batch]
                found = [record for record in found if wanted(record)]
                if found:
                    return found[-1]

    async def lock(self, version: int) -> dict[str, Any]:
        """What a downstream service knows of the user, once it has read so far."""
        return await self.find("locks", lambda lock: lock["user_id"] == USER and lock["version"] >= version)

    async def code(self) -> str:
        """The newest code that reached the user."""
        deadline = time.monotonic() + WITHIN_S
        while not self._codes.exists() or not self._codes.read_text().endswith("\n"):
            assert time.monotonic() < deadline, "no code came"
            await asyncio.sleep(0.05)
        told: str = json.loads(self._codes.read_text().splitlines()[-1])["code"]
        return told


@asynccontextmanager
async def reading(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=500,
    )
    await consumer.start()
    try:
        targets = [TopicPartition(settings.topic(topic), partition) for partition in range(settings.partitions)]
        consumer.assign(targets)
        await consumer.seek_to_beginning(*targets)
        yield consumer
    finally:
        await consumer.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ordinary_life(until_ms: int) -> list[dict[str, Any]]:
    """Three weeks of one device at home and small payments."""
    home = {"ip": "81.2.69.144", "device_id": "home-phone", "country": "GB", "lat": 51.5, "lon": -0.12}
    events = []
    for day in range(21, 0, -1):
        at = until_ms - day * DAY
        events.append({"type": "login", "time": at, **home})
        events.append({"type": "transaction", "time": at + MINUTE, "amount": 20.0 + day, "currency": "GBP", **home})
    return [{"event_id": f"life-{number}", "user_id": USER, **event} for number, event in enumerate(events)]


def takeover(at_ms: int) -> list[dict[str, Any]]:
    """A stranger comes in, changes the password and pays himself."""
    there = {"ip": "196.25.1.1", "device_id": "burner", "country": "ZA", "lat": -26.2, "lon": 28.0}
    events = [
        {"type": "login", "time": at_ms, **there},
        {"type": "password_change", "time": at_ms + 20_000, **there},
        {"type": "payout", "time": at_ms + 50_000, "amount": 4_000, "currency": "GBP", "payee_id": "mule", **there},
    ]
    return [{"event_id": f"theft-{number}", "user_id": USER, **event} for number, event in enumerate(events)]


@pytest.mark.parametrize("killed_between", [False, True], ids=["undisturbed", "killed between every two steps"])
def test_a_takeover_is_stopped_undone_and_accounted_for(tansu: str, tmp_path: Path, killed_between: bool) -> None:
    settings = Settings(broker=tansu, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    worker = Worker(tansu, settings.topic_prefix, tmp_path / "worker", tmp_path / "worker.log")
    delivery = {"ARGUS_OTP_DELIVERY": f"file:{tmp_path / 'codes.jsonl'}"}
    notify = Worker(tansu, settings.topic_prefix, tmp_path / "notify", tmp_path / "notify.log", "notify", delivery)

    def seam() -> None:
        if killed_between:
            worker.kill()
            worker.start()

    async def story() -> None:
        await ensure_topics(tansu, settings)
        worker.start()
        notify.start()
        producer = AIOKafkaProducer(bootstrap_servers=tansu)
        await producer.start()
        try:
            await tell(World(settings, producer, tmp_path), seam)
        finally:
            await producer.stop()

    try:
        asyncio.run(story())
        verify_audit(settings, worker.data_dir)
    finally:
        worker.end()
        notify.end()


async def tell(world: World, seam: Callable[[], None]) -> None:
    start_ms = now_ms() - HOUR
    for event in ordinary_life(start_ms):
        await world.say("events", event)
    seam()

    for event in takeover(start_ms):
        await world.say("events", event)
    alert = await world.find("alerts", lambda alert: alert["user_id"] == USER and alert["severity"] == "CRITICAL")
    lock = await world.find("locks", lambda lock: lock["user_id"] == USER and lock["state"] == "locked")
    assert "payout" in lock["scope"]
    seam()

    outcome = await world.ask("otp_request", USER, "member")
    assert outcome["status"] == "done", outcome
    code = await world.code()
    seam()

    for wrong in range(3):
        guess = f"{(int(code) + 1 + wrong) % 1_000_000:06d}"
        outcome = await world.ask("otp_verify", USER, "member", otp_hash=otp_hash(world.otp_key, USER, guess))
        assert outcome["status"] == "refused"
    seam()

    outcome = await world.ask("otp_verify", USER, "member", otp_hash=otp_hash(world.otp_key, USER, code))
    assert outcome["status"] == "done", outcome
    lock = await world.lock(lock["version"] + 1)
    assert (lock["state"], lock["by"]) == ("unlocked", "otp")
    seam()

    outcome = await world.ask("dispute", USER, "member", alert_id=alert["alert_id"])
    assert outcome["status"] == "done", outcome
    lock = await world.lock(lock["version"] + 1)
    assert lock["state"] == "locked"
    case = await world.find("cases", lambda case: alert["alert_id"] in case["alert_ids"])
    seam()

    outcome = await world.ask(
        "resolve", "grace", "analyst", case_id=case["case_id"], resolution="confirmed_fraud", reason="The user called"
    )
    assert outcome["status"] == "done", outcome
    closed = await world.find("cases", lambda one: one["case_id"] == case["case_id"] and one["status"] == "resolved")
    assert closed["resolution"] == "confirmed_fraud"
    label = await world.find("feedback", lambda label: label["event_id"] == alert["event_id"])
    assert label["label"] == "fraud"
    seam()
    await world.find("audit", lambda record: "resolve" in json.dumps(record))


def verify_audit(settings: Settings, data_dir: Path) -> None:
    """`argus audit verify` finds the chain whole."""
    command = [sys.executable, "-m", "argus", "audit", "verify", "--broker", settings.broker]
    environment = {
        "ARGUS_TOPIC_PREFIX": settings.topic_prefix,
        "ARGUS_SECRET": SECRET,
        "ARGUS_DATA_DIR": str(data_dir),
    }
    done = subprocess.run(
        command,
        env={"PATH": str(Path(shutil.which("env") or "").parent), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
