"""`argus bench`: which benchmarks there are, and their results as a table or as JSON."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from argus.settings import Settings
from benchmarks import (
    api,
    beside,
    beside_faust,
    beside_quix,
    capacity,
    costs,
    engine,
    fitting,
    handbook,
    latency,
    memory,
    metering,
    recovery,
    replay,
    state,
    stream,
    workers,
)
from benchmarks.events import USERS, Events, simulated
from benchmarks.figures import Figure, Result, told
from benchmarks.machine import Machine, describe, pace
from simulation.handbook import CUSTOMERS

# Pauses in the load of others are no reason to report nothing; still, absolute figures suffer from it.
BUSY_LOAD: Final = 0.5


class Report(Struct, frozen=True):
    """Everything that one `argus bench` found."""

    machine: Machine
    results: tuple[Result, ...]


class Bench:
    """What the benchmarks of one call share: settings, how many events, and files of events."""

    def __init__(
        self, settings: Settings, alone: Settings, directory: Path, events: int | None, at: str | None = None
    ) -> None:
        """alone: for what one worker does. at: brokers that are there, for those of `ELSEWHERE`."""
        self.settings = settings
        self._alone = alone
        self._at = at
        self._directory = directory
        self._events = events

    def count(self, default: int) -> int:
        return self._events or default

    def events(self, count: int, users: int = USERS) -> Events:
        return simulated(self._directory / f"{count}-of-{users}.jsonl", count, users)

    def stream(self) -> Result:
        count = self.count(stream.EVENTS)
        return stream.run(self._alone, self.events(count), count)

    def faust(self) -> Result:
        count = self.count(beside_faust.EVENTS)
        return beside.run(self._alone, self.events(count), count, beside_faust.PEER)

    def quix(self) -> Result:
        count = self.count(beside_quix.EVENTS)
        return beside.run(self._alone, self.events(count), count, beside_quix.PEER)

    def latency(self, rate: int) -> Result:
        count = self.count(rate * latency.RUN_S)
        return latency.run(self._alone, self.events(latency.WARM_UP + count), rate, count, self._at)

    def replay(self) -> Result:
        count = self.count(replay.EVENTS)
        return replay.run(self.settings, self.events(count), count)

    def engine(self) -> Result:
        count = self.count(engine.EVENTS)
        return engine.run(self.settings, self.events(count), count)

    def metrics(self) -> Result:
        count = self.count(metering.EVENTS)
        return metering.run(self.settings, self.events(count), count)

    def fitting(self) -> Result:
        count = self.count(fitting.EVENTS)
        return fitting.run(self.settings, self.events(count), count)

    def memory(self) -> Result:
        users = self.count(memory.USERS)
        busy = min(memory.BUSY_USERS, users)
        life = self.events(users * memory.EVENTS_PER_USER, users)
        return memory.run(
            self.settings,
            memory.everybody(life, self._directory / "everybody.jsonl", users),
            self.events(busy * memory.EVENTS_PER_BUSY_USER, busy),
        )

    def api(self) -> Result:
        count = self.count(api.RATE * api.RUN_S)
        return api.run(self._alone, self.events(api.WARM_UP + count + api.LISTS * api.LIST), count)

    def costs(self) -> Result:
        count = self.count(costs.EVENTS)
        return costs.run(self.settings, self.events(count), count)

    def handbook(self) -> Result:
        count = self.count(handbook.PAYMENTS)
        return handbook.run(self.settings, round(CUSTOMERS * count / handbook.PAYMENTS))

    def capacity(self) -> Result:
        count = self.count(capacity.EVENTS)
        return capacity.run(self.settings, self.events(count, max(1, count // capacity.EVENTS_PER_USER)), count)

    def state(self) -> Result:
        count = self.count(state.EVENTS)
        return state.run(self.settings, self.events(count, state.USERS), count, self._directory)

    def workers(self) -> Result:
        count = self.count(workers.EVENTS)
        return workers.run(self.settings, self.events(count), count)

    def recovery(self) -> Result:
        lived = self.events(recovery.LIVED_USERS * recovery.MEAN_EVENTS, recovery.LIVED_USERS)
        return recovery.run(self.settings, lived, self.count(recovery.USERS))


BENCHMARKS: Final[dict[str, Callable[[Bench], Result]]] = {
    "stream": Bench.stream,
    "faust": Bench.faust,
    "quix": Bench.quix,
    "latency": lambda bench: bench.latency(latency.RATE),
    "replay": Bench.replay,
    "engine": Bench.engine,
    "metrics": Bench.metrics,
    "memory": Bench.memory,
}
# Run when they are named.
MORE: Final[dict[str, Callable[[Bench], Result]]] = {
    "api": Bench.api,
    "capacity": Bench.capacity,
    "costs": Bench.costs,
    "fitting": Bench.fitting,
    "handbook": Bench.handbook,
    "recovery": Bench.recovery,
    "state": Bench.state,
    "workers": Bench.workers,
    "latency-50": lambda bench: bench.latency(50),
    "latency-200": lambda bench: bench.latency(200),
    "latency-500": lambda bench: bench.latency(500),
    "latency-2000": lambda bench: bench.latency(2_000),
    "latency-8000": lambda bench: bench.latency(8_000),
}
# Those that run on brokers that are there, too.
ELSEWHERE: Final = frozenset({"latency", "latency-50", "latency-200", "latency-500", "latency-2000", "latency-8000"})
# What a benchmark needs beyond Argus itself. Without it, it is left out unless it is named.
NEEDS: Final[Mapping[str, str]] = {"quix": "quixstreams", "state": "quixstreams"}


def run(
    settings: Settings,
    alone: Settings,
    *,
    names: Sequence[str],
    as_json: bool,
    events: int | None,
    at: str | None = None,
) -> int:
    """Run the named benchmarks, all usual ones if none is named; the exit status, 2 for a name that isn't there.

    alone: settings for what one worker does, with partitions as `argus up` has them. events: of each measurement
    (users, for `memory` and `recovery`); None for what suits each. at: brokers that are there, instead of embedded
    ones.
    """
    known = BENCHMARKS | MORE
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"no benchmark {unknown[0]!r}; there are {', '.join(known)}")
    impossible = [name for name in names if not _possible(name)]
    if impossible:
        raise click.UsageError(f"{impossible[0]} needs the package {NEEDS[impossible[0]]}, which is not installed")
    chosen = names or [name for name in BENCHMARKS if _possible(name)]
    if at is not None and not ELSEWHERE.issuperset(chosen):
        raise click.UsageError(f"--broker is for {', '.join(sorted(ELSEWHERE))}: name one of them")
    machine = describe()
    results = []
    with tempfile.TemporaryDirectory(prefix="argus-bench-events-") as directory:
        bench = Bench(settings, alone, Path(directory), events, at)
        for name in dict.fromkeys(chosen):
            print(f"{name} ...", file=sys.stderr, flush=True)
            before = pace()
            result = known[name](bench)
            note = f"a bare Python loop made {before:.0f} million additions a second before, {pace():.0f} after"
            results.append(msgspec.structs.replace(result, benchmark=name, notes=(*result.notes, note)))
    report = Report(machine, tuple(results))
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        show(report, Console(highlight=False))
    return 0


def _possible(name: str) -> bool:
    return name not in NEEDS or find_spec(NEEDS[name]) is not None


def show(report: Report, console: Console) -> None:
    machine = report.machine
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB, {machine.system}, {machine.python}"
    )
    console.print(", ".join(f"{name} {version}" for name, version in machine.packages.items()))
    if machine.load > BUSY_LOAD * machine.cores:
        console.print(f"The machine was busy with other work (load {machine.load:g}): absolute figures are too low.")
    for result in report.results:
        table = Table(title=result.benchmark, title_justify="left", caption_justify="left")
        table.caption = "\n".join(result.notes)
        table.add_column("")
        for heading in (result.middle, "lowest", "highest"):
            table.add_column(heading, justify="right")
        table.add_column("unit")
        table.add_column("target", justify="right")
        for one in result.figures:
            table.add_row(one.name, *map(told, (one.value, min(one.runs), max(one.runs))), one.unit, _target(one))
        console.print()
        console.print(table)


def _target(one: Figure) -> str:
    if one.target is None:
        return ""
    sign = "≥" if one.target.better == "higher" else "≤"
    return f"{sign} {told(one.target.limit)} {'met' if one.target.met(one.value) else 'missed'}"
