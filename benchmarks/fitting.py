"""`fitting`: by how much fits in the background hold up a worker's steps, and what each model costs to score.

The same steps are taken with nothing fitted and with the fitting process at work all the time, in turns. Models are
scored in both; what differs is the process beside, and the steps that put a new version in force and on record.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from argus import collector
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure, quantile
from benchmarks.metering import Record, meter_of, now_ms, work_of
from models.background import Background
from models.fitting import FITS, Fitting, Job, Outcome
from models.plan import ModelPlan
from models.protocol import State
from models.reservoir import CAPACITY

EVENTS: Final = 30_000
BATCH: Final = 200
ROUNDS: Final = 3
DELAY_MOST_MS: Final = 50.0
WARM_WITHIN_S: Final = 120.0
SHADOWS: Final = ("isolation_forest", "local_outlier_factor", "autoencoder")


class Idle:
    """A `Fitting` that never does anything."""

    def submit(self, _job: Job, _arrays: State) -> None:
        return

    def poll(self, _name: str) -> tuple[Outcome, State] | None:
        return None

    def forget(self, _name: str) -> None:
        return

    def close(self) -> None:
        return


class Busy(Background):
    """The real one, which fits something of its own wherever it has nothing else to do. done: fits that are over."""

    def __init__(self) -> None:
        super().__init__()
        self.done = 0
        rng = np.random.default_rng(1)
        self._arrays = {"rows": rng.random((CAPACITY, 16))}
        self._own = [Job(f"bench/{fit}", fit) for fit in SHADOWS if fit in FITS]
        for job in self._own:
            self.submit(job, self._arrays)

    def warm_up(self) -> None:
        """Until it has fitted once: a process that starts is no fit. Errors: TimeoutError where that never comes."""
        end = time.monotonic() + WARM_WITHIN_S
        while not self.done:
            if time.monotonic() > end:
                raise TimeoutError(f"nothing was fitted within {WARM_WITHIN_S:g} s")
            time.sleep(0.05)
            self.again()
        self.done = 0

    def again(self) -> None:
        """Call it now and then."""
        for job in self._own:
            if self.poll(job.name) is not None:
                self.done += 1
                self.submit(job, self._arrays)


class Steps(list[float]):
    """Milliseconds of each; used: of processor time in this process, which no other process adds to; swaps: the
    latter of those steps after which other versions were in force, and of the step after each, which records them."""

    def __init__(self) -> None:
        super().__init__()
        self.recording = False
        self.used: list[float] = []
        self.swaps: list[float] = []


def run(settings: Settings, events: Events, count: int) -> Result:
    lines = list(events.lines(count))
    collector.spare()
    without: list[Steps] = []
    beside: list[Steps] = []
    fits = 0
    for _ in range(ROUNDS):
        without.append(asyncio.run(once(settings, lines, Idle())))
        busy = Busy()
        try:
            busy.warm_up()
            beside.append(asyncio.run(once(settings, lines, busy)))
        finally:
            fits += busy.done
            busy.close()
    pairs = list(zip(without, beside, strict=True))
    return Result(
        "fitting",
        (
            figure("slowest step, nothing fitted", "ms", [max(steps) for steps in without]),
            figure("slowest step, fits all the time", "ms", [max(steps) for steps in beside]),
            figure(
                "delay of the slowest step",
                "ms",
                [max(0.0, max(after) - max(before)) for before, after in pairs],
                Target(DELAY_MOST_MS, "lower"),
            ),
            figure("delay, 99 of 100 steps", "ms", [_at(after, 0.99) - _at(before, 0.99) for before, after in pairs]),
            figure("most work in a step, nothing fitted", "ms", [max(steps.used) for steps in without]),
            figure("most work in a step that swaps", "ms", [max(steps.swaps, default=0.0) for steps in beside]),
        ),
        (
            f"{len(lines):,} events in steps of {BATCH}, by the wall clock, without Kafka; {ROUNDS} rounds, in turns",
            f"{fits} fits were done beside them, apart from those that the steps asked for",
            "work: processor time of the worker's own process, which is what a swap adds, whatever else goes on",
            "other work on the machine delays the slowest step as well: look at the rounds (--json)",
        ),
    )


def _at(steps: Sequence[float], share: float) -> float:
    return quantile(sorted(steps), share)


async def once(settings: Settings, lines: Sequence[bytes], fitting: Fitting) -> Steps:
    """One run over the lines."""
    topic, at_ms = settings.topic("events"), now_ms()
    records = [Record(topic, 0, at, b"", line, at_ms) for at, line in enumerate(lines)]
    plan = ModelPlan(dict.fromkeys(SHADOWS, "shadow"), fitting)
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="argus-bench-fitting-") as directory:
        work = work_of(settings, Path(directory) / "users", meter_of(settings), plan)
        await work.start()
        versions = [0] * len(SHADOWS)
        for first in range(0, len(records), BATCH):
            begin, begin_used = time.perf_counter(), time.process_time()
            await work.apply(topic, records[first : first + BATCH])
            steps.append((time.perf_counter() - begin) * 1_000)
            steps.used.append((time.process_time() - begin_used) * 1_000)
            if isinstance(fitting, Busy):
                fitting.again()
            now = [work.scorer.version_of(name) for name in SHADOWS]
            if now != versions or steps.recording:
                steps.swaps.append(steps.used[-1])
            steps.recording, versions = now != versions, now
            # A worker waits for its broker in between; so the other process gets its turn.
            await asyncio.sleep(0.005)
        await work.stop(gracefully=False)
    return steps
