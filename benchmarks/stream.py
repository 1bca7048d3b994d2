"""`stream`: the whole detection through a broker, with one worker process."""

import asyncio
from typing import Final

from argus.settings import Settings
from benchmarks.drain import drain
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure
from benchmarks.house import House

EVENTS: Final = 100_000
RUNS: Final = 3


def run(settings: Settings, events: Events, count: int) -> Result:
    runs = [asyncio.run(drain(settings, events, count, House.worker)) for _ in range(RUNS)]
    return Result(
        "stream",
        (
            figure("events through one worker", "/s", [one.rate for one in runs], Target(10_000, "higher")),
            figure("processor time of the worker", "us/event", [one.cpu_us for one in runs]),
            figure("processor time of the broker", "us/event", [one.broker_cpu_us for one in runs]),
            figure("peak memory of the worker", "MiB", [one.peak_mib for one in runs]),
        ),
        (f"{count:,} events wait on the broker when the worker starts; each was decided exactly once",),
    )
