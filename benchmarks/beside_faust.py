"""`faust`: Argus beside an idiomatic Faust app that calls the same detection (`benchmarks.idiomatic`)."""

import asyncio
from typing import Final

from argus.settings import Settings
from benchmarks.drain import drain
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure, ratios
from benchmarks.house import House

EVENTS: Final = 60_000
# The idiomatic app would take minutes for as many.
PART: Final = 6
RUNS: Final = 3


def run(settings: Settings, events: Events, count: int) -> Result:
    few = max(1_000, count // PART)
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(asyncio.run(drain(settings, events, count, House.worker)))
        theirs.append(asyncio.run(drain(settings, events, few, House.idiomatic)))
    rate = ratios([one.rate for one in ours], [one.rate for one in theirs])
    cpu = ratios([one.cpu_us for one in theirs], [one.cpu_us for one in ours])
    return Result(
        "faust",
        (
            figure("Argus", "/s", [one.rate for one in ours]),
            figure("idiomatic Faust", "/s", [one.rate for one in theirs]),
            figure("Argus against idiomatic Faust", "times", rate, Target(3, "higher")),
            figure("Argus", "us/event", [one.cpu_us for one in ours]),
            figure("idiomatic Faust", "us/event", [one.cpu_us for one in theirs]),
            figure("processor time saved", "times", cpu),
        ),
        (f"{count:,} events for Argus and the first {few:,} of them for the other, in turns on fresh brokers",),
    )
