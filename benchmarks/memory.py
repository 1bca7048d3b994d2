"""`memory`: what a worker holds in memory after many users, and how large a user's record is."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents.journal import EPOCH_BYTES
from argus.replay import BLOCK_LINES, make_engine
from argus.settings import Settings
from benchmarks.events import START_MS, Events
from benchmarks.figures import Figure, Result, Target, figure, quantile
from benchmarks.house import house
from benchmarks.process import memory_mib
from core.records import encode
from core.state import KEY_BYTES
from tables.user_table import IDS_PREFIX, SPILL_IDS, USER_PREFIX
from tables.users import encode_user

USERS: Final = 10_000
# Those who have not come by then come once, at the end.
EVENTS_PER_USER: Final = 5
# Those whose records are measured when they are full.
BUSY_USERS: Final = 500
EVENTS_PER_BUSY_USER: Final = 100
KIB: Final = 1_024
MOST_MIB: Final = 1_536
MOST_SERIES: Final = 5_000


class Held(Struct):
    """A worker's memory, MiB, its series for Prometheus, and the bytes of every user's newest records in its
    changelog."""

    now_mib: float
    peak_mib: float
    series: int
    records: list[int]


def everybody(source: Events, path: Path, users: int) -> Events:
    """The events of `source`, and one login each of as many others as are missing from `users` users."""
    came: set[str] = set()
    with path.open("wb") as out:
        for line, head in zip(source.lines(), source.heads(), strict=True):
            came.add(head.user_id)
            out.write(line + b"\n")
        for number in range(users - len(came)):
            device, ip = f"guest-device-{number}", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            login = {"event_id": f"guest-{number}", "type": "login", "user_id": f"guest-{number}", "time": START_MS}
            out.write(encode(login | {"device_id": device, "ip": ip}) + b"\n")
    return Events(path)


def run(settings: Settings, many: Events, busy: Events) -> Result:
    held = asyncio.run(_held(settings, many))
    full = sorted(full_records(settings, busy.lines()))
    target = Target(MOST_MIB, "lower")
    return Result(
        "memory",
        (
            figure("worker, after all users", "MiB", [held.now_mib], target),
            figure("worker, at its most", "MiB", [held.peak_mib], target),
            figure("series of its metrics", "", [held.series], Target(MOST_SERIES, "lower")),
            *_sizes("record of a user", held.records, ("p50", "p99", "max")),
            *_sizes("record of a busy user", full, ("p50", "p99", "max")),
        ),
        (
            f"{len(held.records):,} users; sizes from the changelog, ids of events included",
            f"{len(full):,} busy users, about {EVENTS_PER_BUSY_USER} events each",
        ),
    )


def _sizes(name: str, ordered: list[int], labels: Iterable[str]) -> list[Figure]:
    shares = {"p50": (0.5, None), "p99": (0.99, Target(4 * KIB, "lower")), "max": (1.0, Target(8 * KIB, "lower"))}
    return [
        figure(f"{name}, {label}", "bytes", [quantile(ordered, shares[label][0])], shares[label][1])
        for label in labels
    ]


async def _held(settings: Settings, events: Events) -> Held:
    count = sum(1 for _ in events.lines())
    wanted = len(events.ids())
    async with house(settings) as home:
        home.fill(events, count)
        with home.worker() as worker:
            async with home.reader("decisions") as reader:
                await reader.all_of(wanted, worker)
            series = await asyncio.to_thread(home.series)
            now_mib, peak_mib = memory_mib(worker.pid), memory_mib(worker.pid, "VmHWM")
        newest: dict[bytes, int] = {}
        async with home.reader("users-changelog") as reader:
            for record in await reader.rest():
                if record.key[:1] in (USER_PREFIX, IDS_PREFIX):
                    newest[record.key] = len(record.value or b"") - EPOCH_BYTES
    by_user: dict[bytes, int] = {}
    for key, size in newest.items():
        by_user[key[1:]] = by_user.get(key[1:], 0) + size
    return Held(now_mib, peak_mib, series, sorted(by_user.values()))


def full_records(settings: Settings, lines: Iterable[bytes]) -> Iterable[int]:
    """Bytes of each user's record after a replay, at the most ids of events that it carries itself."""
    engine = make_engine(settings)
    waiting: list[bytes] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == BLOCK_LINES:
            engine.block(waiting)
            waiting = []
    engine.block(waiting)
    for partition in engine._partitions:
        for state in partition.users.values():
            state.ids = state.ids[-SPILL_IDS * KEY_BYTES :]
            yield len(encode_user(state))
