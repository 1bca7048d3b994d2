"""`recovery`: how long users are without a killed worker: until the next has decided an event in every partition."""

import asyncio
import os
import shutil
import signal
import time
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from agents.placing import Placing
from argus.settings import EMBEDDED, Settings
from benchmarks.changelog import lived, write
from benchmarks.events import START_MS, Events, read_head
from benchmarks.figures import Result, Target, figure, per_second
from benchmarks.house import House, Reader, house
from benchmarks.process import Child, Deadline, cpu_s
from core.records import encode

USERS: Final = 100_000
LIVED_USERS: Final = 2_000
MEAN_EVENTS: Final = 10
RUNS: Final = 3
MOST_S: Final = 60.0
STALL_S: Final = 600.0
RECOVERY: Final = "argus_recovery_duration_seconds"


class Start(Struct, frozen=True):
    """Of a worker, from the start of its process to its first decision in the last of its partitions. ready_s: by the
    clock; cpu_s: processor time, all threads; reading_s: of the users' recovery, a partition (they are side by side).
    """

    ready_s: float
    cpu_s: float
    reading_s: float


def run(settings: Settings, events: Events, users: int) -> Result:
    changelog, disk = asyncio.run(_starts(settings, lived(settings, events), users))
    return Result(
        "recovery",
        (
            figure("from the changelog", "s", [one.ready_s for one in changelog], Target(MOST_S, "lower")),
            figure("from local disk", "s", [one.ready_s for one in disk]),
            figure("reading the changelog", "s", [one.reading_s for one in changelog]),
            figure("changelog records read", "/s", [per_second(users, one.reading_s) for one in changelog]),
            figure("from the changelog, processor time", "s", [one.cpu_s for one in changelog]),
            figure("from local disk, processor time", "s", [one.cpu_s for one in disk]),
            figure("processor time a user", "us", cpu_us_a_user(changelog, disk, users)),
        ),
        (
            f"{users:,} users in {settings.partitions} partitions, about {MEAN_EVENTS} events each",
            "from the start of a worker to its decisions in every partition; the one before it was killed",
            f"the group misses the killed one after {EMBEDDED['session_timeout_s']:.0f} s",
        ),
    )


def cpu_us_a_user(changelog: list[Start], disk: list[Start], users: int) -> list[float]:
    """Run by run, by the difference: all else that a start costs is in both."""
    return [max(0.0, a.cpu_s - b.cpu_s) / users * 1e6 for a, b in zip(changelog, disk, strict=True)]


async def _starts(settings: Settings, records: list[bytes], users: int) -> tuple[list[Start], list[Start]]:
    """Without a disk, and with it, in turns."""
    changelog: list[Start] = []
    disk: list[Start] = []
    async with house(settings) as home:
        await write(home, records, users)
        async with home.reader("decisions") as reader:
            for number in range(RUNS):
                shutil.rmtree(home.directory / "worker-0", ignore_errors=True)
                changelog.append(await _start(home, reader, f"{number}-changelog"))
                disk.append(await _start(home, reader, f"{number}-disk"))
    return changelog, disk


async def _start(home: House, reader: Reader, name: str) -> Start:
    """Start a worker, wait until it has decided an event of every partition, and kill it."""
    await _one_event_each(home, name)
    begin = time.monotonic()
    with home.worker() as worker:
        await _decided(reader, name, home.settings.partitions, worker)
        ready_s, used_s = time.monotonic() - begin, cpu_s(worker.pid)
        reading_s = recovery_s(await asyncio.to_thread(home.metrics)) or 0.0
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    return Start(ready_s, used_s, reading_s)


def recovery_s(exposition: str) -> float | None:
    """Seconds that the recovery of a partition of the users' table took, by a worker's metrics; None before one."""
    found = {
        sample.name.rpartition("_")[2]: sample.value
        for family in text_string_to_metric_families(exposition)
        if family.name == RECOVERY
        for sample in family.samples
        if sample.labels.get("table") == "users"
    }
    return found["sum"] / found["count"] if found.get("count") else None


async def _decided(reader: Reader, name: str, wanted: int, worker: Child) -> None:
    """Wait for decisions on `wanted` events of that name. (An owner sends the last ones of another again.)"""
    decided: set[str] = set()
    deadline = Deadline(STALL_S)
    while len(decided) < wanted:
        ids = (read_head(record.value).event_id for record in await reader.poll())
        decided |= {event_id for event_id in ids if event_id.startswith(f"{name}-")}
        worker.check()
        deadline.check("the worker is not ready")


async def _one_event_each(home: House, name: str) -> None:
    settings = home.settings
    place, waiting = Placing(settings.partitions), set(range(settings.partitions))
    producer = AIOKafkaProducer(bootstrap_servers=home.bootstrap, acks="all")
    await producer.start()
    try:
        for number in range(1_000 * settings.partitions):
            user_id = f"{name}-{number}"
            if (partition := place(user_id)) in waiting:
                waiting.remove(partition)
                event = {"event_id": user_id, "type": "login", "user_id": user_id, "time": START_MS}
                await producer.send_and_wait(
                    settings.topic("events"), encode(event), key=user_id.encode(), partition=partition
                )
    finally:
        await producer.stop()
