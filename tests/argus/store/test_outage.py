"""`argus sink` between a real broker and a real PostgreSQL that goes away under load: nothing is lost or doubled."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from argus.ports import LOOPBACK, pick
from argus.settings import EMBEDDED, Settings
from argus.topics import ensure_topics
from core.clock import rfc3339
from core.records import encode
from tests.argus.store import records as make
from tests.argus.store.postgres import Server
from tests.argus.store.records import NOW_MS, run, stored
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PARTITIONS = 2
USERS = 40
POISON = b'{"alert_id":'


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of the test's own, since it is stopped."""
    try:
        own = Server()
    except Exception as reason:  # noqa: BLE001 - whatever keeps it from running, `postgres` says it
        pytest.skip(str(reason))
    own.start()
    yield own
    own.remove()


class Sink:
    """`argus sink` as a process."""

    def __init__(self, bootstrap: str, prefix: str, database: str, directory: Path) -> None:
        self.port = pick()
        self.log = directory / "sink.log"
        self._environment = {
            **os.environ,
            **{f"ARGUS_{name.upper()}": str(value) for name, value in EMBEDDED.items()},
            "ARGUS_TOPIC_PREFIX": prefix,
            "ARGUS_APP_ID": prefix.strip("."),
            "ARGUS_PARTITIONS": str(PARTITIONS),
            "ARGUS_DATA_DIR": str(directory),
            "ARGUS_SINK_APPROVE_SHARE": "1",
            "DATABASE_URL": database,
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        self._command = [
            sys.executable,
            "-m",
            "argus",
            "sink",
            "--broker",
            bootstrap,
            "--metrics-port",
            str(self.port),
        ]
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self, within_s: float = 30.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def value(self, name: str) -> float:
        """The sum of a metric's series."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@pytest.fixture
def sink(tansu: str, server: Server, tmp_path: Path) -> Iterator[Callable[[], tuple[Sink, str, str]]]:
    started: list[Sink] = []

    def begin() -> tuple[Sink, str, str]:
        prefix, database = f"s{uuid.uuid4().hex[:10]}.", server.database()
        asyncio.run(ensure_topics(tansu, Settings(broker=tansu, topic_prefix=prefix, partitions=PARTITIONS)))
        started.append(Sink(tansu, prefix, database, tmp_path))
        return started[0], prefix, database

    yield begin
    for one in started:
        one.kill()


class Load:
    """Records at a rate, with what the database must have of them in the end."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self.sent = 0
        self.decisions: dict[str, bytes] = {}
        self.alerts: dict[str, bytes] = {}
        self.locks: dict[str, bytes] = {}
        self.versions: dict[str, list[int]] = {}
        self.poison = 0

    @contextmanager
    def running(self, per_second: int, seconds: float) -> Iterator[None]:
        """In a thread of its own; over when it has sent all."""
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(asyncio.run, self.run(per_second, seconds))
            yield
            sending.result()

    async def run(self, per_second: int, seconds: float) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=20)
        await producer.start()
        try:
            begin = time.monotonic()
            while (elapsed := time.monotonic() - begin) < seconds:
                while self.sent < elapsed * per_second:
                    await self._one(producer, self.sent)
                    self.sent += 1
                await asyncio.sleep(0.02)
            await producer.flush()
        finally:
            await producer.stop()

    async def _one(self, producer: AIOKafkaProducer, number: int) -> None:
        user = number % USERS
        user_id, when = f"u{user}", rfc3339(NOW_MS + number)
        if number % 10 == 0:
            alert_id = f"a{user}-{number // 4_000}"
            record = encode(make.alert(alert_id, user_id=user_id, count=1 + number // USERS, time=when))
            self.alerts[alert_id] = record
            await self._send(producer, "alerts", user, record)
        elif number % 10 == 1:
            versions = self.versions.setdefault(user_id, [])
            versions.append(len(versions) + 1)
            record = self.locks[user_id] = encode(make.lock(user_id, version=len(versions), since=when))
            await self._send(producer, "locks", user, record)
        elif number % 500 == 2:
            self.poison += 1
            await self._send(producer, "alerts", user, POISON)
        else:
            record = self.decisions[f"e{number}"] = encode(make.decision(f"e{number}", user_id=user_id, time=when))
            await self._send(producer, "decisions", user, record)

    async def _send(self, producer: AIOKafkaProducer, topic: str, user: int, value: bytes) -> None:
        await producer.send(self._prefix + topic, value, key=f"u{user}".encode(), partition=user % PARTITIONS)

    def wanted(self) -> dict[str, Any]:
        """What the database must have: every record once, and the newest of what has versions."""
        tables = {"decisions": self.decisions, "alerts": self.alerts, "locks": self.locks}
        newest = {table: {key: msgspec.json.decode(one) for key, one in of.items()} for table, of in tables.items()}
        return {**newest, "rows": {table: len(of) for table, of in tables.items()}, "lock_history": self.versions}

    def check(self, database: str) -> None:
        found, wanted = held(database), self.wanted()
        for table, rows in wanted.items():
            assert found[table] == rows, table


def held(database: str) -> dict[str, Any]:
    """What the database has, in the form of `Load.wanted`."""

    async def story(store: Any) -> dict[str, Any]:
        keys = {"decisions": "event_id", "alerts": "alert_id", "locks": "user_id"}
        tables = {table: await stored(store, table) for table in keys}
        history: dict[str, list[int]] = {}
        for one in await stored(store, "lock_history"):
            history.setdefault(one["user_id"], []).append(one["version"])
        newest = {table: {row[keys[table]]: row for row in rows} for table, rows in tables.items()}
        return {**newest, "rows": {table: len(rows) for table, rows in tables.items()}, "lock_history": history}

    return run(database, story)


def kept(sink: Sink, load: Load) -> bool:
    """Whether all that was sent has been worked on; a redelivery counts twice, hence at least."""
    return sink.value("argus_sink_records_total") >= load.sent


async def rejected(bootstrap: str, prefix: str) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=500)
    await consumer.start()
    try:
        targets = [TopicPartition(prefix + "rejected", partition) for partition in range(PARTITIONS)]
        consumer.assign(targets)
        await consumer.seek_to_beginning(*targets)
        found: list[bytes | None] = []
        quiet = 0
        while quiet < 3:
            fetched = await consumer.getmany(*targets, timeout_ms=600)
            quiet = 0 if any(fetched.values()) else quiet + 1
            found += [record.value for records in fetched.values() for record in records]
        return found
    finally:
        await consumer.stop()


def walk(
    tansu: str, server: Server, started: tuple[Sink, str, str], per_second: int, before_s: float, outage_s: float
) -> None:
    sink, prefix, database = started
    load = Load(tansu, prefix)

    with load.running(per_second, before_s * 2 + outage_s):
        time.sleep(before_s)
        until(lambda: sink.value("argus_sink_records_total") > 0)
        server.stop()
        until(lambda: sink.value("argus_sink_retries_total") > 0)
        assert sink.value("argus_sink_database_up") == 0
        time.sleep(outage_s)
        server.start()
    until(lambda: kept(sink, load), what="the sink's catching up")
    assert sink.process.poll() is None, sink.log.read_text()
    assert sink.leave() == 0
    load.check(database)
    found = asyncio.run(rejected(tansu, prefix))
    assert set(found) == {POISON}
    assert len(found) >= load.poison


def test_a_stopped_postgresql_loses_and_doubles_nothing(
    tansu: str, server: Server, sink: Callable[[], tuple[Sink, str, str]]
) -> None:
    walk(tansu, server, sink(), per_second=500, before_s=5.0, outage_s=3.0)


def test_thirty_seconds_without_postgresql_under_a_thousand_records_a_second_lose_and_double_nothing(
    tansu: str, server: Server, sink: Callable[[], tuple[Sink, str, str]]
) -> None:
    walk(tansu, server, sink(), per_second=1_000, before_s=8.0, outage_s=30.0)


def test_a_killed_sink_goes_on_where_it_was_without_loss_or_double(
    tansu: str, sink: Callable[[], tuple[Sink, str, str]]
) -> None:
    process, prefix, database = sink()
    load = Load(tansu, prefix)

    with load.running(500, 14.0):
        for _ in range(2):
            until(lambda: process.value("argus_sink_records_total") > 100)
            process.kill()
            process.start()

    until(lambda: held(database) == load.wanted(), what=f"{load.sent} records")
    assert process.leave() == 0
    load.check(database)


def test_it_stops_cleanly_while_the_database_is_away_and_has_acked_nothing(
    tansu: str, server: Server, sink: Callable[[], tuple[Sink, str, str]]
) -> None:
    process, prefix, database = sink()
    load = Load(tansu, prefix)
    until(lambda: process.value("argus_sink_database_up") == 1)
    server.stop()
    asyncio.run(load.run(300, 2.0))
    until(lambda: process.value("argus_sink_retries_total") > 0)
    assert process.leave() == 0
    server.start()
    process.start()
    until(lambda: kept(process, load))
    load.check(database)


def test_it_waits_for_a_database_that_is_not_there_yet(
    tansu: str, server: Server, sink: Callable[[], tuple[Sink, str, str]]
) -> None:
    server.stop()
    server.start()  # on the same port, which `sink` makes a database on
    process, prefix, database = sink()
    server.stop()
    load = Load(tansu, prefix)
    asyncio.run(load.run(200, 1.0))
    until(lambda: process.value("argus_sink_retries_total") > 0)
    server.start()
    until(lambda: kept(process, load))
    assert process.leave() == 0
    load.check(database)
    assert "secret" not in process.log.read_text()
