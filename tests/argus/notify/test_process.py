"""`argus notify` as a process on the embedded broker, with everything around it real."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.placing import partition_of
from argus.secret import derived_key
from argus.settings import EMBEDDED, load_settings
from argus.topics import ensure_topics
from core.clock import rfc3339
from core.otp import code
from core.records import Alert, Case, Delivery, Lock, encode
from tests.argus.notify.receivers import Alertmanager, Receiver, pages
from tests.faults.outside import read
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PARTITIONS = 2
SECRET = "for tests only"
CHANNELS = """
channels:
  - name: soc
    url: "URL/soc"
    secret: "sixteen characters at least"
    about: [alerts, cases, locks]
    severities: []
    user_per_hour: 0
  - {name: broken, url: "URL/broken", secret: "sixteen characters at least", rules: [impossible_travel]}
  - {name: mine, url: "URL/mine", secret: "sixteen characters at least", kinds: [SYSTEM]}
"""
RULES = """
rules:
  - {id: own_rule, title: Own, severity: LOW, types: [login], when: {field: amount, gt: 5}, channels: [mine]}
"""


def now() -> str:
    return rfc3339(time.time_ns() // 1_000_000)


def alert(alert_id: str, severity: str = "HIGH", count: int = 1, **more: Any) -> tuple[str, str, bytes]:
    fields: dict[str, Any] = {
        "alert_id": alert_id, "schema_version": 1, "user_id": "user-1", "event_id": "e", "event_ids": ["e"],
        "rule_id": "impossible_travel", "kind": "SECURITY", "severity": severity, "risk_score": 80.0,
        "title": "Impossible travel", "summary": "Far too fast", "reasons": [], "suggested_actions": [],
        "context": {}, "scores": {}, "contributions": {}, "attack": [], "time": now(), "detected_at": now(),
        "dedup_key": "k", "count": count, "mode": "live", **more,
    }  # fmt: skip
    return "alerts", str(fields["user_id"]), encode(Alert(**fields))


def case(case_id: str, version: int = 1, **more: Any) -> tuple[str, str, bytes]:
    fields: dict[str, Any] = {
        "case_id": case_id, "user_id": "user-1", "alert_ids": ["a1"], "severity": "CRITICAL", "priority": 80,
        "status": "open", "resolution": None, "assignee": None, "notes": [], "opened": now(), "acknowledge_by": now(),
        "resolve_by": now(), "acknowledged": None, "resolved": None, "version": version, "title": "Takeover",
        "attack": "takeover", "rules": ["impossible_travel"], **more,
    }  # fmt: skip
    return "cases", case_id, encode(Case(**fields))


def lock(version: int, state: str = "locked") -> tuple[str, str, bytes]:
    fields: dict[str, Any] = {
        "user_id": "user-1", "state": state, "scope": ["payout"], "reason": "travel", "alert_id": "a1",
        "since": now(), "until": None, "by": "rule", "version": version,
    }  # fmt: skip
    return "locks", "user-1", encode(Lock(**fields))


def delivery(command_id: str, user_id: str = "user-1") -> tuple[str, str, bytes]:
    expires = rfc3339(time.time_ns() // 1_000_000 + 300_000)
    return "deliveries", user_id, encode(Delivery(command_id=command_id, user_id=user_id, expires=expires))


class Notify:
    """The process, its topics and its files."""

    def __init__(self, bootstrap: str, directory: Path, settings: dict[str, str]) -> None:
        self.bootstrap, self.directory = bootstrap, directory
        self.prefix = f"t{uuid.uuid4().hex}."
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")},
            **{f"ARGUS_{name.upper()}": str(value) for name, value in EMBEDDED.items()},
            "ARGUS_TOPIC_PREFIX": self.prefix,
            "ARGUS_APP_ID": self.prefix.strip("."),
            "ARGUS_PARTITIONS": str(PARTITIONS),
            "ARGUS_SECRET": SECRET,
            "ARGUS_BROKER": bootstrap,
            "ARGUS_DATA_DIR": str(directory / "data"),
            "ARGUS_METRICS_PORT": "0",
            **settings,
        }
        self.settings = load_settings(self.environment)
        asyncio.run(ensure_topics(bootstrap, self.settings))
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def start(self) -> None:
        self.starts += 1
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "argus", "notify"], env=self.environment, stdout=log, stderr=log
            )

    def sent(self) -> int:
        """How many messages and passwords were sent, and are no more in the state, since it was started."""
        found = re.findall(r"metrics at (\S+)", self.log)
        with urllib.request.urlopen(found[self.starts - 1]) as answer:
            text = answer.read().decode()
        return int(sum(float(count) for count in re.findall(r'_total\{[^}]*outcome="sent"[^}]*\} (\S+)', text)))

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(30)

    def say(self, *records: tuple[str, str, bytes]) -> None:
        asyncio.run(self._say(records))

    async def _say(self, records: tuple[tuple[str, str, bytes], ...]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        for topic, key, value in records:
            partition = partition_of(key.encode(), PARTITIONS)
            await producer.send(self.settings.topic(topic), value, key=key.encode(), partition=partition)
        await producer.stop()

    def undelivered(self) -> list[dict[str, Any]]:
        found = asyncio.run(read(self.bootstrap, self.settings.topic("undelivered"), 1))
        return [json.loads(record.value) for record in found]


@pytest.fixture
def notify(tansu: str, tmp_path: Path, inbox: Receiver) -> Iterator[Notify]:
    (tmp_path / "channels.yaml").write_text(CHANNELS.replace("URL", inbox.url))
    (tmp_path / "rules.yaml").write_text(RULES)
    running = Notify(
        tansu,
        tmp_path,
        {
            "ARGUS_NOTIFY_FILE": str(tmp_path / "channels.yaml"),
            "ARGUS_RULES_FILE": str(tmp_path / "rules.yaml"),
            "ARGUS_OTP_DELIVERY": f"file:{tmp_path / 'otp.jsonl'}",
            "ARGUS_MEMBER_NOTICES": f"file:{tmp_path / 'members.jsonl'}",
        },
    )
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        running.end(signal.SIGKILL)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_everybody_is_told_once_also_when_it_is_killed_in_between(notify: Notify, inbox: Receiver) -> None:
    otps, members = notify.directory / "otp.jsonl", notify.directory / "members.jsonl"
    shadow = alert("a3", mode="shadow")
    own = alert("a2", "LOW", rule_id="own_rule")
    first = [alert("a1"), own, shadow, case("c1"), lock(1), delivery("o1"), alert("a1", count=2)]
    notify.say(*first)
    until(lambda: len(inbox.at("/soc")) == 4, 240)
    until(lambda: notify.sent() == 4 + 4)
    assert notify.end(signal.SIGKILL) == -signal.SIGKILL
    notify.start()
    notify.say(*first)
    notify.say(alert("a1", "CRITICAL", count=3), case("c1", 2, status="resolved"))
    notify.say(lock(2, "unlocked"), delivery("o2"))
    until(lambda: len(inbox.at("/soc")) == 7, 240)
    until(lambda: notify.sent() == 3 + 3)
    assert notify.end(signal.SIGTERM) == 0
    types = [request.json["type"] for request in inbox.at("/soc")]
    assert sorted(types) == ["alert", "alert", "alert", "case_opened", "case_resolved", "lock", "lock"]
    assert len({request.json["notice_id"] for request in inbox.at("/soc")}) == 7
    assert [request.json["alert_id"] for request in inbox.at("/mine")] == ["a2"]
    key = derived_key(SECRET, b"otp")
    assert [(line["user_id"], line["code"]) for line in lines(otps)] == [
        ("user-1", code(key, "user-1", name)) for name in ("o1", "o2")
    ]
    assert stat.S_IMODE(otps.stat().st_mode) == 0o600
    assert [line["title"] for line in lines(members)] == ["Your account is locked", "Your account is open again"]
    assert not any(line["code"] in notify.log for line in lines(otps))
    assert "sixteen" not in notify.log


def test_what_a_channel_refuses_for_good_is_kept_as_undelivered(notify: Notify, inbox: Receiver) -> None:
    inbox.status = 410
    notify.say(alert("a1"))
    until(lambda: len(inbox.at("/broken")) == 1, 240)
    until(lambda: len(notify.undelivered()) == 2)
    dead = {record["channel"]: record for record in notify.undelivered()}
    assert dead["broken"]["reason"] == "webhook answered 410"
    assert dead["broken"]["facts"]["alert_id"] == "a1"


def test_an_open_case_is_paged_and_resolved_by_a_real_alertmanager(
    tansu: str, tmp_path: Path, inbox: Receiver, alertmanager: Alertmanager
) -> None:
    settings = {"ARGUS_ALERTMANAGER_URL": alertmanager.url, "ARGUS_ALERTMANAGER_INTERVAL_S": "1"}
    notify = Notify(tansu, tmp_path, settings)
    notify.start()
    try:
        notify.say(case("c1"), case("c2", attack="compliance"), case("c3", severity="MEDIUM"))
        until(lambda: pages(inbox), 240)
        notify.say(case("c1", 2, status="resolved", resolution="confirmed_fraud"))
        until(lambda: pages(inbox, "resolved"), 240)
        assert len(pages(inbox)) == 1
        [paged] = pages(inbox)[0]["alerts"]
        assert paged["labels"]["case"] == "c1"
        assert not inbox.at("/triage")
    finally:
        notify.end(signal.SIGTERM)
