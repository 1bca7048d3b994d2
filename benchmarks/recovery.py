"""`recovery`: how long users are without a killed worker: until the next has decided an event in every partition."""

import asyncio
import os
import shutil
import signal
import time
from contextlib import suppress
from typing import Final

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from argus.settings import EMBEDDED, Settings
from benchmarks.changelog import lived, write
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure, per_second
from benchmarks.house import House, Reader, house
from benchmarks.process import cpu_s
from benchmarks.standby import takeovers
from benchmarks.waiting import decided, one_event_each

USERS: Final = 100_000
LIVED_USERS: Final = 2_000
MEAN_EVENTS: Final = 10
RUNS: Final = 3
MOST_S: Final = 60.0
STANDBY_S: Final = 5.0
RECOVERY: Final = "argus_recovery_duration_seconds"


class Start(Struct, frozen=True):
    """Of a worker, from the start of its process to its first decision in the last of its partitions. ready_s: by the
    clock; cpu_s: processor time, all threads; reading_s: of the users' recovery, a partition (they are side by side).
    """

    ready_s: float
    cpu_s: float
    reading_s: float


def run(settings: Settings, events: Events, users: int) -> Result:
    records = lived(settings, events)
    changelog, disk = asyncio.run(_starts(settings, records, users))
    standby = asyncio.run(takeovers(settings, records, users))
    return Result(
        "recovery",
        (
            figure("from the changelog", "s", [one.ready_s for one in changelog], Target(MOST_S, "lower")),
            figure("from local disk", "s", [one.ready_s for one in disk]),
            figure(
                "by a standby, from the handover", "s", [one.handed_s for one in standby], Target(STANDBY_S, "lower")
            ),
            figure("by a standby, from the kill", "s", [one.killed_s for one in standby]),
            figure("records that the standby read", "", [one.read for one in standby]),
            figure("reading the changelog", "s", [one.reading_s for one in changelog]),
            figure("changelog records read", "/s", [per_second(users, one.reading_s) for one in changelog]),
            figure("from the changelog, processor time", "s", [one.cpu_s for one in changelog]),
            figure("from local disk, processor time", "s", [one.cpu_s for one in disk]),
            figure("processor time a user", "us", cpu_us_a_user(changelog, disk, users)),
        ),
        (
            f"{users:,} users in {settings.partitions} partitions, about {MEAN_EVENTS} events each",
            "from the start of a worker to its decisions in every partition; the one before it was killed",
            "a standby has all users in one partition; its event is sent when the owner has been killed",
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
    await one_event_each(home, name)
    begin = time.monotonic()
    with home.worker() as worker:
        await decided(reader, name, home.settings.partitions, worker)
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
