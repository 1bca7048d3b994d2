"""`latency`: from the moment an event is due at the producer to its decision, its alert and its lock at an outside
consumer.

Open loop: events are due at a fixed rate, and an answer's time counts from when its event was due, not from when it
could be sent; a system that stands still is charged for everything that piles up meanwhile (no coordinated omission).
"""

import asyncio
import time
from typing import Final

import msgspec
from msgspec import Struct

from argus.settings import Settings
from benchmarks.bursts import with_bursts
from benchmarks.events import Events
from benchmarks.figures import Figure, Result, Target, figure, quantile
from benchmarks.house import STALL_S, House, Reader, guest, house
from benchmarks.process import BenchError, Child, Deadline

RATE: Final = 1_000
RUN_S: Final = 20
RUNS: Final = 3
# Judged before the clock runs: a worker's first batches pay for what is loaded once.
WARM_UP: Final = 3_000
LEAD_S: Final = 3.0
ALERT_WAIT_S: Final = 1.0
SHARES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


class _Seen(Struct):
    """What is needed of a decision or an alert. count: 1 in an alert's first record."""

    event_id: str
    user_id: str | None = None
    count: int = 1
    alert_id: str | None = None
    time: str = ""


class _Locked(Struct):
    """What is needed of a lock. since: the time of the event that it came of."""

    since: str
    alert_id: str | None = None


class Latencies(Struct):
    """Milliseconds, ascending. sources: of alerts about a source, which take a second hop through the broker."""

    decisions: list[float] = []
    alerts: list[float] = []
    locks: list[float] = []
    sources: list[float] = []


_read_lock = msgspec.json.Decoder(_Locked).decode
_read = msgspec.json.Decoder(_Seen).decode


def run(settings: Settings, events: Events, rate: int, count: int | None, at: str | None = None) -> Result:
    """count: events of each run; by default as many as come within `RUN_S`. at: "host:port" of brokers that are
    there, None for an embedded one."""
    count = count or rate * RUN_S
    runs = [asyncio.run(_measure(settings, events, rate, count, at)) for _ in range(RUNS)]
    targets = {"p50": Target(25, "lower"), "p99": Target(100, "lower")} if rate <= RATE else {}
    figures: list[Figure] = []
    for what, name in (
        ("alert", "alerts"),
        ("lock", "locks"),
        ("decision", "decisions"),
        ("alert about a source", "sources"),
    ):
        measured = [values for one in runs if (values := getattr(one, name))]
        for label, share in SHARES if measured else ():
            values = [quantile(each, share) for each in measured]
            figures.append(
                figure(f"event to {what}, {label}", "ms", values, targets.get(label) if name == "alerts" else None)
            )
    alerts = min(len(one.alerts) for one in runs)
    return Result(
        "latency",
        tuple(figures),
        (
            f"{count:,} events at {rate:,} a second, open loop, at least {alerts:,} alerts a run",
            f"partitions of users: {settings.partitions}, on {at or 'the embedded broker'}",
        ),
    )


async def _measure(settings: Settings, events: Events, rate: int, count: int, at: str | None) -> Latencies:
    async with house(settings) if at is None else guest(settings, at) as home:
        mixed = with_bursts(events, home.directory / "mixed.jsonl", WARM_UP + count)
        lines = list(mixed.lines())
        warm, paced = home.directory / "warm.jsonl", home.directory / "paced.jsonl"
        warm.write_bytes(b"\n".join(lines[:WARM_UP]) + b"\n")
        paced.write_bytes(b"\n".join(lines[WARM_UP:]) + b"\n")
        known = Events(warm).ids()
        # The first coming of an event is the one that is answered.
        due: dict[str, int] = {}
        for number, head in enumerate(Events(paced).heads()):
            if head.event_id not in known:
                due.setdefault(head.event_id, number)
        with home.worker() as worker:
            home.fill(Events(warm), WARM_UP)
            async with home.reader("decisions", "alerts", "locks") as reader:
                await _warmed(reader, len(known), worker)
                start_s = time.monotonic() + LEAD_S
                with home.loader("pace", Events(paced), count, float(rate), start_s) as loader:
                    return await _watch(home, reader, due, start_s, rate, worker, loader)


async def _warmed(reader: Reader, wanted: int, worker: Child) -> None:
    deadline, decided = Deadline(STALL_S), 0
    while decided < wanted:
        records = await reader.poll()
        decided += sum(record.topic.endswith("decisions") for record in records)
        worker.check()
        if records:
            deadline.moved()
        deadline.check("the worker does not decide")


async def _watch(
    home: House, reader: Reader, due: dict[str, int], start_s: float, rate: int, worker: Child, loader: Child
) -> Latencies:
    """Until every event has its decision, and for a moment more, for alerts that take longer."""
    decisions_topic, locks_topic = home.settings.topic("decisions"), home.settings.topic("locks")
    found = Latencies([], [], [], [])
    # By alert and time of the event: a lock names both, and so does the alert's record that comes of the same event.
    tipped: dict[tuple[str | None, str], int] = {}
    locked_s: dict[tuple[str | None, str], float] = {}
    deadline = Deadline(STALL_S)
    complete_s: float | None = None
    while complete_s is None or time.monotonic() < complete_s + ALERT_WAIT_S:
        records = await reader.poll(100)
        now_s = time.monotonic()
        for record in records:
            if record.topic == locks_topic:
                lock = _read_lock(record.value)
                locked_s.setdefault((lock.alert_id, lock.since), now_s)
                continue
            seen = _read(record.value)
            number = due.get(seen.event_id)
            if number is None:
                continue
            latency_ms = (now_s - start_s - number / rate) * 1_000
            if record.topic == decisions_topic:
                found.decisions.append(latency_ms)
            elif seen.user_id is None:
                found.sources.append(latency_ms)
            else:
                tipped[seen.alert_id, seen.time] = number
                if seen.count == 1:
                    found.alerts.append(latency_ms)
        if records:
            deadline.moved()
        if complete_s is None and len(found.decisions) >= len(due):
            complete_s = now_s
        worker.check()
        loader.check()
        deadline.check(f"{len(found.decisions):,} of {len(due):,} decisions have come")
    if not found.alerts:
        raise BenchError("no event of the run raised an alert: take more events")
    found.locks = [
        (at_s - start_s - tipped[event] / rate) * 1_000 for event, at_s in locked_s.items() if event in tipped
    ]
    for values in (found.decisions, found.alerts, found.locks, found.sources):
        values.sort()
    return found
