"""How fast a process works off a backlog of events, seen from outside: by the decisions it sends."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct

from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import per_second
from benchmarks.house import STALL_S, House, house
from benchmarks.process import BenchError, Child, Deadline, cpu_s, memory_mib


class Drained(Struct, frozen=True):
    """One run. rate: events a second from the first decision to the last, by the time each was sent or read at;
    cpu_us: processor time of the process for each event, over the same stretch; broker_cpu_us: the broker's."""

    rate: float
    cpu_us: float
    broker_cpu_us: float
    peak_mib: float


class _Id(Struct):
    event_id: str


_read_id = msgspec.json.Decoder(_Id).decode


async def drain(
    settings: Settings,
    events: Events,
    count: int,
    start: Callable[[House], AbstractContextManager[Child]],
    *,
    stamped: bool = True,
) -> Drained:
    """Put `count` events on a fresh broker, start a process, and watch it until every event is decided.

    stamped: its decisions carry the time they were sent at; False where they carry that of the event.
    Raises `BenchError` unless each distinct event has exactly one decision in the end.
    """
    wanted = events.ids(count)
    async with house(settings) as home:
        home.fill(events, count)
        with start(home) as process:
            async with home.reader("decisions") as reader:
                found: list[ConsumerRecord] = []
                deadline = Deadline(STALL_S)
                begin: tuple[int, float, float, float] | None = None
                while len(found) < len(wanted):
                    records = await reader.poll()
                    if records:
                        found += records
                        deadline.moved()
                        if begin is None:
                            begin = len(found), time.monotonic(), cpu_s(process.pid), cpu_s(home.broker_pid)
                    process.check()
                    deadline.check(f"{len(found):,} of {len(wanted):,} decisions have come")
                assert begin is not None
                seen, begin_s, used_s, broker_s = begin
                took_s = time.monotonic() - begin_s
                used_s, broker_s = cpu_s(process.pid) - used_s, cpu_s(home.broker_pid) - broker_s
                peak_mib = memory_mib(process.pid, "VmHWM")
                found += await reader.rest()
    _exactly_once(found, wanted)
    share = count / len(wanted)
    measured = max(1, len(wanted) - seen) * share
    rate = rate_of(found) * share if stamped else per_second(round(measured), took_s)
    return Drained(rate, used_s / measured * 1e6, broker_s / measured * 1e6, peak_mib)


def rate_of(records: list[ConsumerRecord]) -> float:
    """Records a second by the moments that they were sent at. Those of the first moment were made before it."""
    times = [record.timestamp for record in records]
    first, last = min(times), max(times)
    return per_second(sum(time > first for time in times), (last - first) / 1_000)


def _exactly_once(records: list[ConsumerRecord], wanted: set[str]) -> None:
    counts = Counter(_read_id(record.value).event_id for record in records)
    missing, foreign = len(wanted - counts.keys()), len(counts.keys() - wanted)
    repeated = sum(count > 1 for count in counts.values())
    if missing or foreign or repeated:
        raise BenchError(
            f"of {len(wanted):,} events {missing} have no decision, {repeated} several, {foreign} others"
        )
