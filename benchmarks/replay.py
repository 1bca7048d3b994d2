"""`replay`: what `argus replay` does with events, on one core, with no broker; answers are encoded, not kept."""

import time
from typing import Final

from argus import collector
from argus.replay import BLOCK_LINES, make_engine
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure, per_second
from core.records import encode

EVENTS: Final = 100_000
RUNS: Final = 3


def run(settings: Settings, events: Events, count: int) -> Result:
    lines = list(events.lines(count))
    collector.spare()
    rates, cpus = [], []
    for _ in range(RUNS):
        wall_s, used_s = once(settings, lines)
        rates.append(per_second(len(lines), wall_s))
        cpus.append(used_s / len(lines) * 1e6)
    return Result(
        "replay",
        (
            figure("events replayed", "/s", rates, Target(15_000, "higher")),
            figure("processor time", "us/event", cpus),
        ),
        (f"{len(lines):,} events in blocks of {BLOCK_LINES}, every run from an empty state",),
    )


def once(settings: Settings, lines: list[bytes]) -> tuple[float, float]:
    """Seconds of the wall clock and of the processor, for one replay from an empty state."""
    engine = make_engine(settings, labels=False)
    wall_s, used_s = time.perf_counter(), time.process_time()
    for start in range(0, len(lines), BLOCK_LINES):
        block = engine.block(lines[start : start + BLOCK_LINES])
        for records in (block.decisions, block.alerts, block.locks):
            for record in records:
                encode(record)
    return time.perf_counter() - wall_s, time.process_time() - used_s
