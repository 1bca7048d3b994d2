"""`argus ingest` and `argus simulate` as processes of their own, against a broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2

from argus.settings import Settings
from argus.topics import ensure_topics
from tests.kafka.until import until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.broker


@pytest.fixture
def settings(bootstrap: str, tmp_path: Path) -> Settings:
    made = Settings(broker=bootstrap, topic_prefix=f"t{uuid.uuid4().hex}.", data_dir=tmp_path / "data")
    asyncio.run(ensure_topics(bootstrap, made))
    return made


def start(settings: Settings, *args: str, stdin: int | None = None) -> "subprocess.Popen[str]":
    environ = {
        **os.environ,
        "ARGUS_BROKER": settings.broker,
        "ARGUS_TOPIC_PREFIX": settings.topic_prefix,
        "ARGUS_DATA_DIR": str(settings.data_dir),
    }
    command = [sys.executable, "-m", "argus", *args]
    return subprocess.Popen(command, cwd=ROOT, env=environ, text=True, stderr=subprocess.PIPE, stdin=stdin)


def read(settings: Settings, name: str, count: int) -> list[ConsumerRecord]:
    """The first records of a topic, as many as are asked for."""

    async def consume() -> list[ConsumerRecord]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.broker, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(settings.topic(name), n) for n in range(settings.partitions)])
            found: list[ConsumerRecord] = []
            async with asyncio.timeout(240):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += records
            return found
        finally:
            await consumer.stop()

    return asyncio.run(consume())


def event(number: int) -> str:
    return json.dumps({"event_id": f"e{number}", "type": "login", "user_id": f"u{number}", "time": 1_772_442_000_000})


def position_is(settings: Settings, offset: int) -> Callable[[], bool]:
    def reached() -> bool:
        return any(
            msgspec.json.decode(file.read_bytes())["offset"] == offset
            for file in (settings.data_dir / "ingest").glob("*.json")
        )

    return reached


def test_a_followed_file_reaches_the_stream_across_a_restart(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(event(n) + "\n" for n in range(700)) + "not json\n")
    args = ("ingest", "--file", str(log), "--follow", "--format", "json")
    first = start(settings, *args)
    until(position_is(settings, log.stat().st_size))
    first.send_signal(signal.SIGINT)
    _, told = first.communicate(timeout=240)
    assert (first.returncode, told.splitlines()[-1]) == (0, "701 lines: 700 events, 1 rejected, 0 of no concern")
    assert settings.data_dir.stat().st_mode & 0o077 == 0
    with log.open("a") as file:
        file.write(event(700) + "\n")
    second = start(settings, *args)
    until(position_is(settings, log.stat().st_size))
    second.terminate()
    _, told = second.communicate(timeout=240)
    assert (second.returncode, told.splitlines()[-1]) == (0, "1 lines: 1 events, 0 rejected, 0 of no concern")

    records = read(settings, "events", 701)
    assert sorted(record.value.decode() for record in records) == sorted(event(n) for n in range(701))
    assert all(record.partition == (murmur2(record.key) & 0x7FFFFFFF) % settings.partitions for record in records)
    (rejected,) = read(settings, "rejected", 1)
    assert rejected.value == b"not json"
    assert dict(rejected.headers)["error"] == b"not_json"


def test_standard_input_reaches_the_stream(settings: Settings) -> None:
    line = "Mar  2 08:59:00 web sshd[77]: Failed password for root from 203.0.113.9 port 4711 ssh2"
    piped = start(settings, "ingest", "--file", "-", "--format", "syslog", stdin=subprocess.PIPE)
    _, told = piped.communicate(f"{line}\n{line}", timeout=240)
    assert (piped.returncode, told.splitlines()[-1]) == (0, "2 lines: 2 events, 0 rejected, 0 of no concern")
    assert {json.loads(record.value)["user_id"] for record in read(settings, "events", 2)} == {"root"}


def test_simulated_life_reaches_the_stream_at_its_rate(settings: Settings, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    sent = start(settings, "simulate", "--events", "300", "--rate", "300", "--users", "100", "--labels", str(labels))
    _, told = sent.communicate(timeout=240)
    assert sent.returncode == 0, told
    ids = {json.loads(record.value)["event_id"] for record in read(settings, "events", 300)}
    assert ids == {json.loads(line)["event_id"] for line in labels.read_text().splitlines()}


def test_simulated_life_ends_after_its_days(settings: Settings) -> None:
    sent = start(settings, "simulate", "--days", "0.00001", "--rate", "300", "--users", "100")
    _, told = sent.communicate(timeout=240)
    assert sent.returncode == 0, told
    assert told.splitlines()[-1].endswith(f" events to {settings.topic('events')}")
