"""Of `recovery`: how long users are without a worker when another stands by for it, from the moment at which the
broker hands the partition over."""

import asyncio
import os
import signal
import time
from contextlib import ExitStack, suppress
from typing import Final

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from argus.settings import Settings
from benchmarks.changelog import write
from benchmarks.house import House, Reader, house
from benchmarks.process import Child, Deadline
from benchmarks.waiting import decided, one_event_each

RUNS: Final = 3
# One, so that whoever takes over has everybody to take over.
PARTITIONS: Final = 1
STALL_S: Final = 900.0
POLL_S: Final = 0.02


class Takeover(Struct, frozen=True):
    """handed_s: from the moment at which the partition is this worker's to its first decision there, at most;
    killed_s: the same from the kill; read: records of the users' changelog that it read for it."""

    handed_s: float
    killed_s: float
    read: float


async def takeovers(settings: Settings, records: list[bytes], users: int) -> list[Takeover]:
    """Two workers, of which one owns everybody: it is killed, and begins again as the other's standby."""
    found: list[Takeover] = []
    async with house(settings, partitions=PARTITIONS, standby_replicas=1) as home:
        await write(home, records, users)
        async with home.reader("decisions") as reader:
            with ExitStack() as stack:
                owner, other = 0, 1
                workers = {owner: stack.enter_context(home.worker(owner))}
                await _until(home, owner, workers[owner], "argus_assigned_partitions")
                for number in range(RUNS):
                    workers[other] = stack.enter_context(home.worker(other))
                    await _until(home, other, workers[other], "argus_standby_partitions", "users")
                    await _until_fresh(home, other, workers[other])
                    found.append(await _killed(home, reader, workers[owner], other, workers[other], f"kill-{number}"))
                    owner, other = other, owner
    return found


async def _killed(home: House, reader: Reader, owner: Child, other: int, standby: Child, name: str) -> Takeover:
    read_before = _value(home, other, "argus_recovery_records_total", "users") or 0.0
    with suppress(ProcessLookupError):
        os.killpg(owner.pid, signal.SIGKILL)
    owner.process.wait()
    killed_at = time.monotonic()
    await one_event_each(home, name)
    handed_at = await _until(home, other, standby, "argus_assigned_partitions")
    await decided(reader, name, PARTITIONS, standby)
    decided_at = time.monotonic()
    await _until(home, other, standby, "argus_ready")
    read = (_value(home, other, "argus_recovery_records_total", "users") or 0.0) - read_before
    return Takeover(decided_at - handed_at, decided_at - killed_at, read)


async def _until(home: House, number: int, worker: Child, name: str, table: str | None = None) -> float:
    """Wait until a worker's metric is 1; when it was last seen that it is not."""
    deadline, last_at = Deadline(STALL_S), time.monotonic()
    while True:
        asked_at = time.monotonic()
        if await asyncio.to_thread(_value, home, number, name, table) == 1:
            return last_at
        last_at = asked_at
        worker.check()
        deadline.check(f"{name} of worker {number} is not 1")
        await asyncio.sleep(POLL_S)


async def _until_fresh(home: House, number: int, worker: Child) -> None:
    deadline = Deadline(STALL_S)
    while await asyncio.to_thread(_value, home, number, "argus_standby_lag_records", None) != 0:
        worker.check()
        deadline.check("the standby does not come up")
        await asyncio.sleep(POLL_S)


def _value(home: House, number: int, name: str, table: str | None = None) -> float | None:
    """The sum of a metric's series, those of a table where one is named; None where there are none."""
    try:
        text = home.metrics(number)
    except OSError:
        return None
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and table in (None, sample.labels.get("table"))
    ]
    return sum(found) if found else None
