"""`state`: keyed state alone, without detection: a count for each user, by Argus's tables, Quix Streams and Faust."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from argus.settings import Settings
from benchmarks.events import Events, read_head
from benchmarks.figures import Figure, Result, figure, per_second, ratios
from benchmarks.house import STALL_S, Reader, house
from benchmarks.marks import BEGIN, END, marked
from benchmarks.process import Child, Deadline, cpu_s

EVENTS: Final = 200_000
USERS: Final = 20_000
# Faust would take minutes for as many.
FAUST_PART: Final = 5
RUNS: Final = 3
# Behind the last answer Quix Streams has a checkpoint to write within 5 s.
SETTLE_S: Final = 7.0
PEERS: Final = {
    "Argus": "benchmarks.count_argus",
    "Quix Streams": "benchmarks.count_quix",
    "idiomatic Faust": "benchmarks.count_faust",
}


class Counted(Struct, frozen=True):
    """One run. rate: events a second, from the first partition's begin to the last one's end, read from outside;
    cpu_us: processor time of the process for each event, until all is written."""

    rate: float
    cpu_us: float


def run(settings: Settings, events: Events, count: int, directory: Path) -> Result:
    few = max(1_000, count // FAUST_PART)
    size = {"Argus": count, "Quix Streams": count, "idiomatic Faust": few}
    files = {
        number: marked(events, directory / f"marked-{number}.jsonl", number, settings.partitions)
        for number in (count, few)
    }
    runs: dict[str, list[Counted]] = {name: [] for name in PEERS}
    for _ in range(RUNS):
        for name, module in PEERS.items():
            runs[name].append(asyncio.run(_counted(settings, files[size[name]], size[name], module)))
    ours = runs["Argus"]
    return Result(
        "state",
        (
            *(figure(name, "/s", [one.rate for one in found]) for name, found in runs.items()),
            *(figure(name, "us/event", [one.cpu_us for one in found]) for name, found in runs.items()),
            *(of for name, found in runs.items() if name != "Argus" for of in _against(name, ours, found)),
        ),
        (
            f"{count:,} events of {USERS:,} users, the first {few:,} of them for Faust, in turns on fresh brokers",
            "Argus writes with each batch, Faust with each event, Quix Streams at a checkpoint every five seconds",
        ),
    )


def _against(name: str, ours: Sequence[Counted], theirs: Sequence[Counted]) -> tuple[Figure, Figure]:
    return (
        figure(f"Argus against {name}", "times", ratios([one.rate for one in ours], [one.rate for one in theirs])),
        figure(
            f"processor time saved, {name}",
            "times",
            ratios([one.cpu_us for one in theirs], [one.cpu_us for one in ours]),
        ),
    )


async def _counted(settings: Settings, events: Events, count: int, module: str) -> Counted:
    async with house(settings) as home:
        home.fill(events, count + 2 * settings.partitions)
        with home.peer(module) as process:
            async with home.reader("decisions") as reader:
                await _answers(reader, BEGIN, 1, process)
                begin_s, used_s = time.monotonic(), cpu_s(process.pid)
                await _answers(reader, END, settings.partitions, process)
                took_s = time.monotonic() - begin_s
                await asyncio.sleep(SETTLE_S)
                used_s = cpu_s(process.pid) - used_s
    return Counted(per_second(count, took_s), used_s / count * 1e6)


async def _answers(reader: Reader, kind: str, wanted: int, process: Child) -> None:
    """Wait for answers to that many different marks of a kind."""
    found: set[str] = set()
    deadline = Deadline(STALL_S * 4)
    while len(found) < wanted:
        names = (read_head(record.value).event_id for record in await reader.poll())
        found |= {name for name in names if name.startswith(kind)}
        process.check()
        deadline.check(f"{len(found)} of {wanted} partitions have answered")
