"""The metrics that count nothing while all is well: each is fed by its fault."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
from aiokafka.errors import KafkaError

from agents.producing import MeteredProducer
from agents.services import TopicNames
from agents.shard import Meta, Output, Shard
from argus.api.meter import ApiMeter
from argus.batch_meter import ProducerMeter, TableMeter
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.metrics import FAULTS
from argus.model_sampler import ModelSampler
from argus.notify.meter import NotifyMeter
from argus.sampler import ProducerSampler, StoreSampler, StreamSampler
from argus.sink_meter import SinkMeter
from core.rules.custom import CustomRules
from models.background import Background
from models.modes import Signal
from models.plan import ModelPlan
from models.watch import Watched
from tests.agents.fakes import Log, Lost, ManualClock, MemoryJournal, MemorySender, MemoryStore
from tests.agents.household import TOPICS, Town, event, users_of

# Those that a whole house shows under faults: a second worker, and receivers that refuse (`tests/grafana`); or that
# have a test of their own beside the part that counts them.
ELSEWHERE: Final = {
    "argus_agent_restarts_total",
    "argus_rebalance_duration_seconds",
    "argus_dlq_records_total",
    "argus_notification_breaker_open",
    "argus_notifications_waiting",
    "argus_live_clients_dropped_total",
    "argus_sink_retries_total",
    "argus_metric_series_rejected_total",
    "argus_memory_exceeded_total",
    "argus_standby_partitions",
    "argus_standby_lag_records",
    "argus_standby_bytes",
    "argus_standby_set_aside_total",
}
AGENTS: Final = {getattr(TOPICS, name): name for name in TopicNames.__struct_fields__} | {
    TOPICS.events: "detect",
    TOPICS.commands: "respond",
    TOPICS.feedback: "learn",
}
LOCK: Final = Output("argus.locks", 0, b"u", b"{}")


class Failing(CustomRules):
    """A rule of the user's own, which fails on whatever comes."""

    def check(self, *_: Any) -> Any:
        self.errors["own"] = self.errors.get("own", 0) + 1
        raise ZeroDivisionError("own")


def shard(metrics: Metrics, store: MemoryStore, log: Log, reach: Callable[[str], Coroutine[Any, Any, None]]) -> Shard:
    kept: Any = store
    return Shard(
        partition=0,
        owner="a",
        store=kept,
        journal=MemoryJournal(log),
        sender=MemorySender([], reach),
        monotonic=ManualClock(),
        recheck_s=5.0,
        meter=TableMeter(metrics, "users", "argus.locks"),
    )


async def _smoothly(_point: str) -> None:
    return


def test_a_rule_that_fails_on_an_event(tmp_path: Path) -> None:
    metrics = Metrics(process="worker")
    meter = WorkerMeter(metrics, AGENTS, "")
    meter.rules("custom", ["own"], True)

    async def story() -> None:
        failing = Failing()
        town = Town(tmp_path, meter=meter, custom=lambda: failing)
        work = await town.users()
        await work.apply(
            TOPICS.events, town.topic(TOPICS.events, [event(user, at) for at, user in enumerate(users_of(0, 2))])
        )
        await work.stop(gracefully=True)

    asyncio.run(story())
    meter.batch(TOPICS.events, 2, 0.1)
    assert metrics.number("argus_agent_exceptions_total", "detect", "ZeroDivisionError").value == 2
    assert metrics.number("argus_agent_events_total", "detect", "error").value == 2
    assert metrics.number("argus_agent_events_total", "detect", "ok").value == 0
    assert metrics.number("argus_rule_errors_total", "own").value == 2


def test_a_lock_that_the_broker_does_not_take_and_one_that_a_takeover_finds() -> None:
    metrics, store, log = Metrics(process="worker"), MemoryStore(), Log()

    async def refuse(point: str) -> None:
        if point == "before send":
            raise Lost

    async def story() -> None:
        owner = shard(metrics, store, log, refuse)
        await owner.take_over()
        with pytest.raises(Lost):
            await owner.commit({b"u": b"1"}, [LOCK, Output("argus.decisions", 0, b"u", b"{}")], Meta())
        assert metrics.number("argus_lock_failures_total").value == 1
        heir = shard(metrics, store, log, _smoothly)
        await heir.take_over()
        assert metrics.number("argus_lock_failures_total").value == 2
        await heir.release()
        await shard(metrics, store, log, _smoothly).take_over()
        assert metrics.number("argus_lock_failures_total").value == 2

    asyncio.run(story())


def test_a_takeover_of_what_another_one_wrote() -> None:
    metrics, log, seen = Metrics(process="worker"), Log(), []
    metrics.own_partitions([0])
    meter = WorkerMeter(metrics, {}, "")

    def progress(remaining: int) -> None:
        meter.recovering("users", 0, remaining)
        seen.append(metrics.number("argus_recovery_remaining_records", "users", "0").value)

    async def story() -> None:
        owner = shard(metrics, MemoryStore(), log, _smoothly)
        await owner.take_over()
        await owner.commit({bytes([n]): b"1" for n in range(40)}, [], Meta())
        await shard(metrics, MemoryStore(), log, _smoothly).take_over(progress)

    asyncio.run(story())
    assert max(seen) > 20
    # The other's marker and step, and the first claim, of an epoch that it had.
    assert metrics.number("argus_recovery_records_total", "users").value == 1 + 42 + 1
    meter.recovered("users", 0, 1.0)
    assert metrics.number("argus_recovery_remaining_records", "users", "0").value == 0


def test_a_broker_that_is_away() -> None:
    metrics, clock = Metrics(process="worker"), ManualClock()

    class Away:
        def __init__(self) -> None:
            self.sent: list[asyncio.Future[Any]] = []

        async def send(self, *_: Any, **__: Any) -> asyncio.Future[Any]:
            self.sent.append(asyncio.get_running_loop().create_future())
            return self.sent[-1]

    async def story() -> None:
        away: Any = Away()
        producer = MeteredProducer(away, ProducerMeter(metrics, "argus."), clock)
        sampler = ProducerSampler(metrics, producer.oldest_unacked_s, "argus.")
        sending = asyncio.create_task(producer.send_and_wait("argus.locks", b"{}", key=b"u", partition=0))
        await asyncio.sleep(0)
        clock.now_s += 12
        sampler.sample()
        assert metrics.number("argus_producer_oldest_unacked_seconds", "locks").value == 12
        away.sent[0].set_exception(KafkaError("away"))
        with pytest.raises(KafkaError):
            await sending
        sampler.sample()
        assert metrics.number("argus_producer_oldest_unacked_seconds", "locks").value == 0
        assert metrics.number("argus_producer_errors_total", "locks").value == 1

    asyncio.run(story())
    stream = StreamSampler(metrics, lambda _tp: (None, None), "argus.", lambda: 0)
    stream.committed(1.0, False)
    assert metrics.number("argus_commit_failures_total").value == 1


class Slow(NamedTuple):
    """A store that the disk does not keep up with."""

    stall_s: float

    def statistics(self) -> Mapping[str, int]:
        return {"keys": 1, "bytes": 10, "memtable_bytes": 5, "pending_compaction_bytes": 700}

    def stalled_s(self) -> float:
        return self.stall_s


class SlowStores:
    block_cache_bytes = 3
    discarded: Final = {"users": 1}

    def __init__(self) -> None:
        self.operations: Mapping[str, Any] = {"users": _Operations()}
        self.stores = [Slow(1.0)]

    def __iter__(self) -> Iterator[Any]:
        return iter([("users", 0, store) for store in self.stores])


class _Operations:
    gets, puts, deletes = 3, 2, 1


def test_writes_faster_than_the_disk() -> None:
    metrics, clock, stores = Metrics(process="worker"), ManualClock(), SlowStores()
    metrics.own_partitions([0])
    given: Any = stores
    sampler = StoreSampler(metrics, given, clock)
    sampler.sample()
    sampler.sample()
    assert metrics.number("argus_rocksdb_pending_compaction_bytes", "users").value == 700
    assert metrics.number("argus_rocksdb_write_stall_seconds_total", "users").value == 1.0
    assert metrics.number("argus_table_bytes", "users", "0").value == 15
    assert metrics.number("argus_table_operations_total", "users", "get").value == 3
    assert metrics.number("argus_table_discarded_total", "users").value == 1
    # The partition came back: a store of its own counts from 0 again, and the metric goes on.
    stores.stores = [Slow(0.5)]
    clock.now_s += 60
    sampler.sample()
    assert metrics.number("argus_rocksdb_write_stall_seconds_total", "users").value == 1.5


REPORTS: Final[list[tuple[str, tuple[str, ...], Callable[[Metrics], object]]]] = [
    (
        "argus_model_invalid_scores_total",
        ("gaussian",),
        lambda metrics: WorkerMeter(metrics, {}, "").scores(["gaussian"], np.array([[float("nan")]]), 0.99),
    ),
    (
        "argus_model_snapshots_unreadable_total",
        ("signature",),
        lambda metrics: WorkerMeter(metrics, {}, "").snapshot_unreadable("signature"),
    ),
    ("argus_model_drifts_total", ("gaussian",), lambda metrics: drifted(metrics, "gaussian", "scores")),
    ("argus_model_misses_drifting", ("random_forest",), lambda metrics: drifted(metrics, "random_forest", "misses")),
    (
        "argus_case_sla_breaches_total",
        ("acknowledge_missed", "high"),
        lambda metrics: WorkerMeter(metrics, {}, "").case_breach("acknowledge_missed", "HIGH"),
    ),
    ("argus_sink_deleted_total", ("alerts",), lambda metrics: SinkMeter(metrics).deleted("alerts", 3)),
    ("argus_alertmanager_storms", (), lambda metrics: NotifyMeter(metrics, "log").standing(60, 1)),
    ("argus_score_timeouts_total", (), lambda metrics: ApiMeter(metrics).scored(2.0, False)),
]


def drifted(metrics: Metrics, model: str, signal: Signal) -> None:
    WorkerMeter(metrics, {}, "").watched(0, Watched((model,), (model,), {}, {(model, signal): (1, True)}))


@pytest.mark.parametrize("error", ["", "raised", "died", "too_long"])
def test_fits_in_the_background_are_counted_by_how_they_end(error: str) -> None:
    metrics = Metrics(process="worker")
    WorkerMeter(metrics, {}, "").fitted("isolation_forest", 3, 0.2, 4_096, error)
    assert metrics.number("argus_model_fits_total", "isolation_forest", error or "done").value == 1
    assert sum(metrics.spread("argus_model_fit_duration_seconds", "isolation_forest").counts) == 1
    assert metrics.number("argus_model_version", "isolation_forest").value == (0 if error else 3)
    assert metrics.number("argus_model_sample_records", "isolation_forest").value == (0 if error else 4_096)


class Fitters(Background):
    """One whose process has died twice, with three fits that wait."""

    waiting = 3

    def __init__(self) -> None:
        super().__init__()
        self.restarts = 2


def test_a_fitting_process_that_was_killed_and_fits_that_wait_are_told() -> None:
    metrics = Metrics(process="worker")
    ModelSampler(metrics, 0.99, ModelPlan({"loda": "shadow"}), Fitters()).sample()
    assert metrics.number("argus_model_fitting_restarts_total").value == 2
    assert metrics.number("argus_model_fits_waiting").value == 3
    modes = [
        sample.labels
        for family in metrics.collect()
        if family.name == "argus_model_mode"
        for sample in family.samples
    ]
    assert {"model": "loda", "mode": "shadow"} in modes


@pytest.mark.parametrize(("name", "labels", "report"), REPORTS, ids=[name for name, _, _ in REPORTS])
def test_what_is_reported_is_counted(name: str, labels: tuple[str, ...], report: Callable[[Metrics], object]) -> None:
    metrics = Metrics()
    report(metrics)
    assert metrics.number(name, *labels).value > 0


def test_every_metric_that_needs_a_fault_has_one() -> None:
    text = Path(__file__).read_text("utf-8")
    assert {name for name in FAULTS if text.count(f'"{name}"') == 0} == set()
    assert FAULTS.keys() >= ELSEWHERE
