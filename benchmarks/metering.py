"""`metrics`: what counting costs a worker, of the users table's steps with all that an event goes through but Kafka.

The time within the worker's meter is set against all the rest of the same steps: with metrics and without, under the
same moods of the machine.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from agents.detect import Detect
from agents.intake import Rejections
from agents.journal import Append, Entry
from agents.placing import Placing
from agents.services import Services
from agents.shard import Output, Shard
from agents.stores import Stores
from agents.users import UserWork
from argus import collector
from argus.app import topic_names
from argus.batch_meter import TableMeter
from argus.geo import make_locate
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure
from core.features import FEATURES
from core.rules.book import RuleBook
from core.rules.custom import NO_CUSTOM_RULES
from models.plan import ModelPlan

EVENTS: Final = 40_000
BATCH: Final = 200
ROUNDS: Final = 3
COST_MOST: Final = 3.0
ALL_DEFAULTS: Final = ModelPlan()


class Record(NamedTuple):
    """What is read of a consumer's record."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Timed:
    """A meter that keeps count of the processor time it takes."""

    def __init__(self, *meters: Any) -> None:
        """meters: each call goes to the first that knows it."""
        self.used_s = 0.0
        self._meters = meters

    def __getattr__(self, name: str) -> Any:
        report = next(getattr(meter, name) for meter in self._meters if hasattr(meter, name))

        def timed(*facts: Any) -> None:
            begin = time.process_time()
            report(*facts)
            self.used_s += time.process_time() - begin

        # Found without `__getattr__` from now on.
        self.__dict__[name] = timed
        return timed


class Nowhere:
    """A changelog and a sender that keep nothing."""

    def __init__(self) -> None:
        self._end = 0

    async def append(self, entries: Mapping[bytes, bytes | None], _epoch: int) -> Append:
        base, self._end = self._end, self._end + len(entries)
        return Append(base, len(entries))

    async def read(self, _start: int, _end: int) -> AsyncIterator[Sequence[Entry]]:
        for nothing in list[Sequence[Entry]]():
            yield nothing

    def missed(self, _topic: str, _partition: int, start: int, end: int) -> AsyncIterator[Sequence[Entry]]:
        return self.read(start, end)

    async def send(self, _outputs: Sequence[Output]) -> None:
        return


def run(settings: Settings, events: Events, count: int) -> Result:
    lines = list(events.lines(count))
    # As a worker does it: otherwise a walk through all objects falls now on the one, now on the other.
    collector.spare()
    rounds = [asyncio.run(once(settings, lines)) for _ in range(ROUNDS)]
    return Result(
        "metrics",
        (
            figure("without metrics", "us/event", [rest for _, rest in rounds]),
            figure("metrics", "us/event", [counting for counting, _ in rounds]),
            figure(
                "cost of metrics",
                "%",
                [100 * counting / rest for counting, rest in rounds],
                Target(COST_MOST, "lower"),
            ),
        ),
        (
            f"{len(lines):,} events in batches of {BATCH}, processor time of the users table's steps, without Kafka",
            f"{ROUNDS} rounds, each from an empty state",
        ),
    )


async def once(settings: Settings, lines: Sequence[bytes]) -> tuple[float, float]:
    """Microseconds of processor time for each event: of the meter, and of all else."""
    topic, at_ms = settings.topic("events"), now_ms()
    records = [Record(topic, 0, at, b"", line, at_ms) for at, line in enumerate(lines)]
    meter = meter_of(settings)
    with tempfile.TemporaryDirectory(prefix="argus-bench-metrics-") as directory:
        work = work_of(settings, Path(directory) / "users", meter)
        await work.start()
        meter.used_s, begin = 0.0, time.process_time()
        for first in range(0, len(records), BATCH):
            batch = records[first : first + BATCH]
            await work.apply(topic, batch)
            meter.batch(topic, len(batch), 0.01)
        used_s, counting_s = time.process_time() - begin, meter.used_s
        await work.stop(gracefully=False)
    return counting_s / len(lines) * 1e6, (used_s - counting_s) / len(lines) * 1e6


def meter_of(settings: Settings) -> Timed:
    metrics = Metrics(process="worker")
    metrics.own_partitions([0])
    meter = WorkerMeter(metrics, {settings.topic("events"): "detect"}, settings.topic_prefix)
    meter.rules("builtin", list(RuleBook().by_id), True)
    return Timed(meter, TableMeter(metrics, "users", settings.topic("locks")))


def work_of(settings: Settings, directory: Path, meter: Any, plan: ModelPlan = ALL_DEFAULTS) -> UserWork:
    """One partition at work."""
    topics, nowhere = topic_names(settings), Nowhere()
    services = Services(
        topics=topics,
        partitions=1,
        book=RuleBook(settings.thresholds, settings.modes),
        policy=settings.policy,
        custom=lambda: NO_CUSTOM_RULES,
        reputation={},
        locate=make_locate(settings.geo_city_file),
        now_ms=now_ms,
        monotonic=time.monotonic,
        meter=meter,
        snapshot_key=b"k" * 32,
        model_seed=settings.seed,
        cached_users=settings.state_cache_users,
        snapshot_every=1 << 62,
        dormant_ms=1 << 62,
        signals_every_s=0.0,
        plan=plan,
    )
    shard = Shard(
        partition=0,
        owner="bench",
        store=Stores(1 << 26).open("users", 0, directory, 16),
        journal=nowhere,
        sender=nowhere,
        monotonic=time.monotonic,
        recheck_s=1e9,
        meter=meter,
    )
    place = Placing(1)
    detect = Detect(place, Rejections(topics.rejected))
    return UserWork(services, shard, {topics.events: detect}, nowhere.missed, FEATURES, place)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
