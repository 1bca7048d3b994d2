"""`capacity`: what `argus plan` counts with: what an event leaves on each topic and on disk, and how fast a worker
that has lost its disk reads the changelog again.

One partition, so that the time of its recovery is all of the worker's.
"""

import asyncio
import http.client
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct

from argus import children
from argus.ports import LOOPBACK, pick
from argus.settings import Settings
from argus.topics import TOPICS
from benchmarks.events import Events
from benchmarks.figures import Figure, Result, figure, per_second
from benchmarks.house import STALL_S, House, house
from benchmarks.process import Child, Deadline, child
from benchmarks.recovery import recovery_s

EVENTS: Final = 50_000
EVENTS_PER_USER: Final = 5
POLL_S: Final = 0.05
CHANGELOG: Final = "users-changelog"


class Left(Struct):
    """records, sizes: of each topic, keys and values before compression; keys: of the users' changelog, each once;
    disk_bytes: a worker's directory; recovery_s: of the users' table, without a disk."""

    events: int
    users: int
    records: dict[str, int]
    sizes: dict[str, int]
    keys: int
    disk_bytes: int
    recovery_s: float


def run(settings: Settings, events: Events, count: int) -> Result:
    left = asyncio.run(_left(msgspec.structs.replace(settings, partitions=1), events, count))
    read = left.records[CHANGELOG]
    return Result(
        "capacity",
        (
            *_topics(left),
            figure("records of the users' changelog, a user", "", [left.keys / left.users]),
            figure("disk of a worker, a user", "bytes", [left.disk_bytes / left.users]),
            figure("changelog records read at recovery", "/s", [per_second(read, left.recovery_s)]),
            figure("recovery without a disk", "s", [left.recovery_s]),
        ),
        (
            f"{left.events:,} events of {left.users:,} users; keys and values, before compression",
            f"{read:,} records of the changelog read again, not compacted",
        ),
    )


def _topics(left: Left) -> Iterable[Figure]:
    for name, count in left.records.items():
        if count:
            yield figure(f"{name}, an event", "records", [count / left.events])
            yield figure(f"{name}, an event", "bytes", [left.sizes[name] / left.events])


async def _left(settings: Settings, events: Events, count: int) -> Left:
    wanted = events.ids(count)
    async with house(settings) as home:
        home.fill(events, count)
        with home.worker() as worker:
            async with home.reader("decisions") as reader:
                await reader.all_of(len(wanted), worker)
        found = {topic.name: await _all(home, topic.name) for topic in TOPICS}
        directory = home.directory / "worker-0"
        disk_bytes = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        shutil.rmtree(directory)
        recovery_s = await _recovery_s(home)
    users = {head.user_id for head in events.heads()}
    return Left(
        events=count,
        users=len(users),
        records={name: len(records) for name, records in found.items()},
        sizes={name: sum(map(_size, records)) for name, records in found.items()},
        keys=len({record.key for record in found[CHANGELOG]}),
        disk_bytes=disk_bytes,
        recovery_s=recovery_s,
    )


async def _all(home: House, name: str) -> list[ConsumerRecord]:
    async with home.reader(name) as reader:
        return await reader.rest()


def _size(record: ConsumerRecord) -> int:
    return len(record.key or b"") + len(record.value or b"")


async def _recovery_s(home: House) -> float:
    """Start a worker with an empty directory, and wait until it has recovered."""
    port = pick()
    spec = children.worker_child(children.ARGUS, home.settings, home.bootstrap, 0, port)
    with child("worker", spec.argv, spec.env, Path(home.directory)) as process:
        deadline = Deadline(STALL_S)
        while (seconds := await asyncio.to_thread(_recovered, port, process)) is None:
            deadline.check("the worker has not recovered")
            await asyncio.sleep(POLL_S)
        return seconds


def _recovered(port: int, process: Child) -> float | None:
    process.check()
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=STALL_S)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return recovery_s(text)
