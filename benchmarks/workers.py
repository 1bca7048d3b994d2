"""`workers`: one, two and four workers on one topic, events a second in all."""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from typing import Final

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from argus.settings import Settings
from benchmarks.events import Events, read_head
from benchmarks.figures import Figure, Result, figure, per_second, ratios
from benchmarks.house import House, Reader, house
from benchmarks.process import Child, Deadline, cpu_s

EVENTS: Final = 100_000
WORKERS: Final = (1, 2, 4)
RUNS: Final = 3
POLL_S: Final = 0.25
# More workers than cores come late to all that they do; none is to be taken for dead of it.
PATIENCE: Final = {"session_timeout_s": 30.0, "rebalance_timeout_s": 30.0}
READY_WITHIN_S: Final = 180.0


class Together(Struct, frozen=True):
    """One run. rate: events a second of all workers; cpu_us: processor time of all of them for each event; cores: of
    those, how many they had on average."""

    rate: float
    cpu_us: float

    @property
    def cores(self) -> float:
        return self.rate * self.cpu_us / 1e6


def run(settings: Settings, events: Events, count: int) -> Result:
    runs: dict[int, list[Together]] = {number: [] for number in WORKERS}
    for _ in range(RUNS):
        for number, found in runs.items():
            found.append(asyncio.run(_together(settings, events, count, number)))
    return Result(
        "workers",
        (
            *(figure(_named(number), "/s", [one.rate for one in found]) for number, found in runs.items()),
            *(_against_one(number, found, runs[1]) for number, found in runs.items() if number > 1),
            *(figure(_named(number), "us/event", [one.cpu_us for one in found]) for number, found in runs.items()),
            *(figure(_named(number), "cores", [one.cores for one in found]) for number, found in runs.items()),
        ),
        (
            f"{count:,} events in {settings.partitions} partitions, which come once every worker has its share",
            f"{os.cpu_count()} cores for workers, broker, load and reader: more workers than cores gain nothing",
        ),
    )


def _named(number: int) -> str:
    return f"{number} worker{'s' if number > 1 else ''}"


def _against_one(number: int, found: list[Together], one: list[Together]) -> Figure:
    rates = ratios([many.rate for many in found], [single.rate for single in one])
    return figure(f"{_named(number)} against one", "times", rates)


async def _together(settings: Settings, events: Events, count: int, number: int) -> Together:
    wanted, decided = len(events.ids(count)), set[str]()
    async with house(settings, **PATIENCE) as home, AsyncExitStack() as stack:
        processes = [stack.enter_context(home.worker(each)) for each in range(number)]
        await _shared(home, processes)
        reader = await stack.enter_async_context(home.reader("decisions"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(home.fill, events, count))
            await _read(reader, 1, decided, processes)
            at_first, begin_s, used_s = len(decided), time.monotonic(), sum(cpu_s(each.pid) for each in processes)
            await _read(reader, wanted, decided, processes)
        took_s = time.monotonic() - begin_s
        used_s = sum(cpu_s(each.pid) for each in processes) - used_s
    measured = max(1, wanted - at_first)
    return Together(per_second(measured, took_s), used_s / measured * 1e6)


async def _read(reader: Reader, wanted: int, decided: set[str], processes: list[Child]) -> None:
    """Add the decided events to `decided`, until there are `wanted`."""
    deadline = Deadline(READY_WITHIN_S)
    while len(decided) < wanted:
        records = await reader.poll()
        if records:
            decided |= {read_head(record.value).event_id for record in records}
            deadline.moved()
        for process in processes:
            process.check()
        deadline.check(f"{len(decided):,} of {wanted:,} events are decided")


async def _shared(home: House, processes: list[Child]) -> None:
    """Wait until every worker is at work on its share of the partitions."""
    share = home.settings.partitions / len(processes)
    deadline = Deadline(READY_WITHIN_S)
    for number, process in enumerate(processes):
        while not await asyncio.to_thread(_has, home, number, share):
            process.check()
            deadline.check("the workers do not share the partitions")
            await asyncio.sleep(POLL_S)


def _has(home: House, number: int, share: float) -> bool:
    try:
        text = home.metrics(number)
    except OSError:
        return False
    return partitions_of(text) == share


def partitions_of(exposition: str) -> int:
    """How many partitions a worker works on, by its metrics; 0 before it is ready."""
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }
    return int(found.get("argus_assigned_partitions", 0)) if found.get("argus_ready") else 0
