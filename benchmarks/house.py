"""A broker with Argus's topics in a directory of its own, and who works on it; all of it gone afterwards."""

import os
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.patience import Patience
from argus import broker, children
from argus.ports import LOOPBACK, pick
from argus.settings import EMBEDDED, Settings
from argus.topics import TOPICS, ensure_topics
from benchmarks.events import Events
from benchmarks.process import BenchError, Child, Deadline, child

TOPIC: Final = {topic.name: topic for topic in TOPICS}
# A worker joins its group within seconds; a step takes less. Beyond this nothing will come.
STALL_S = 90.0


class House:
    """A broker with every topic, and `directory`. broker_pid: of the embedded one."""

    def __init__(self, settings: Settings, bootstrap: str, directory: Path, broker_pid: int | None = None) -> None:
        self.settings = settings
        self.bootstrap = bootstrap
        self.directory = directory
        self._broker_pid = broker_pid
        self._metrics_ports: dict[int, int] = {}

    @property
    def broker_pid(self) -> int:
        assert self._broker_pid is not None, "brokers of others have no process here"
        return self._broker_pid

    @contextmanager
    def worker(self, number: int = 0) -> Iterator[Child]:
        """One `argus worker`."""
        port = self._metrics_ports[number] = pick()
        spec = children.worker_child(children.ARGUS, self.settings, self.bootstrap, number, port)
        with child(spec.name, spec.argv, spec.env, self.directory) as process:
            yield process

    def metrics(self, number: int = 0) -> str:
        """What the worker tells Prometheus now. Raises OSError before it does."""
        url = f"http://{LOOPBACK}:{self._metrics_ports[number]}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:  # nosec B310 # our own worker
            return answer.read().decode()

    def series(self) -> int:
        """How many series the worker has for Prometheus now."""
        return sum(not line.startswith("#") for line in self.metrics().splitlines())

    @contextmanager
    def idiomatic(self) -> Iterator[Child]:
        """The idiomatic Faust app of `benchmarks.idiomatic`."""
        with self.peer("benchmarks.idiomatic") as process:
            yield process

    @contextmanager
    def quix(self) -> Iterator[Child]:
        """The Quix Streams app of `benchmarks.quix`."""
        with self.peer("benchmarks.quix") as process:
            yield process

    @contextmanager
    def peer(self, module: str, *argv: str) -> Iterator[Child]:
        """A module that reads Argus's settings and works on the same topics, with a directory of its own."""
        name = module.rpartition(".")[2]
        env = children.environment(self.settings) | {"ARGUS_BROKER": self.bootstrap}
        env |= {"ARGUS_DATA_DIR": str(self.directory / name), "ARGUS_METRICS_PORT": "0"}
        with child(name, (sys.executable, "-m", module, *argv), env, self.directory) as process:
            yield process

    def fill(self, events: Events, count: int) -> None:
        """Put the first `count` events on the events topic."""
        with self.loader("fill", events, count) as loader:
            try:
                status = loader.process.wait(STALL_S + count / 1_000)
            except subprocess.TimeoutExpired:
                raise BenchError("the broker does not take the events") from None
            if status:
                loader.check()

    @contextmanager
    def loader(self, mode: str, events: Events, count: int, *more: float) -> Iterator[Child]:
        argv = (
            sys.executable, "-m", "benchmarks.load", mode, self.bootstrap, self.settings.topic("events"),
            str(self.settings.partitions), str(events.path), str(count), *map(repr, more),
        )  # fmt: skip
        with child("loader", argv, os.environ, self.directory) as process:
            yield process

    @asynccontextmanager
    async def reader(self, *topics: str) -> AsyncIterator["Reader"]:
        """A consumer from outside, from the topics' beginning on."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self.settings.fetch_max_wait_ms,
        )
        await consumer.start()
        try:
            targets = [
                TopicPartition(self.settings.topic(name), number)
                for name in topics
                for number in range(TOPIC[name].partition_count(self.settings))
            ]
            consumer.assign(targets)
            yield Reader(consumer, targets, self.settings.fetch_max_wait_ms)
        finally:
            await consumer.stop()


class Reader:
    """Reads whole topics, without a group."""

    def __init__(self, consumer: AIOKafkaConsumer, targets: list[TopicPartition], wait_ms: int) -> None:
        self._consumer = consumer
        self._targets = targets
        self._patience = Patience(consumer, wait_ms)

    async def poll(self, timeout_ms: int = 200) -> list[ConsumerRecord]:
        fetched = await self._consumer.getmany(timeout_ms=timeout_ms)
        self._patience.after(any(fetched.values()), self._targets)
        return [record for records in fetched.values() for record in records]

    async def rest(self) -> list[ConsumerRecord]:
        """What is there now and was not read before."""
        found: list[ConsumerRecord] = []
        quiet = 0
        while quiet < 3:
            records = await self.poll(500)
            found += records
            quiet = 0 if records else quiet + 1
        return found

    async def all_of(self, wanted: int, process: Child) -> list[ConsumerRecord]:
        """Read until `wanted` records have come. Raises `BenchError` when no more come, or the process has died."""
        found: list[ConsumerRecord] = []
        deadline = Deadline(STALL_S)
        while len(found) < wanted:
            records = await self.poll()
            if records:
                found += records
                deadline.moved()
            process.check()
            deadline.check(f"{len(found):,} of {wanted:,} records have come")
        return found


@asynccontextmanager
async def house(settings: Settings, **more: Any) -> AsyncIterator[House]:
    """An embedded broker, on free ports and in a temporary directory, whatever else runs on this machine. more:
    settings besides."""
    with tempfile.TemporaryDirectory(prefix="argus-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        more = {**EMBEDDED, **more, "data_dir": directory, "log_level": "warning"}
        own = msgspec.structs.replace(settings, **more)
        running = await broker.start(directory)
        try:
            await ensure_topics(running.bootstrap, own)
            yield House(own, running.bootstrap, directory, running.pid)
        finally:
            running.stop()


@asynccontextmanager
async def guest(settings: Settings, bootstrap: str) -> AsyncIterator[House]:
    """Brokers that are there and ask for no name: topics and a group of its own, and the topics gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="argus-bench-", ignore_cleanup_errors=True) as name:
        directory, app_id = Path(name), f"argus-bench-{uuid.uuid4().hex[:8]}"
        quick = {key: value for key, value in EMBEDDED.items() if key != "fetch_max_wait_ms"}
        own = msgspec.structs.replace(
            settings, **quick, data_dir=directory, log_level="warning", topic_prefix=f"{app_id}.", app_id=app_id
        )
        await ensure_topics(bootstrap, own)
        try:
            yield House(own, bootstrap, directory)
        finally:
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            await admin.start()
            try:
                await admin.delete_topics([own.topic(name) for name in TOPIC])
            finally:
                await admin.close()
