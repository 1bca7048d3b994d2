import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from faust.types import TP

from agents.lag import Backlog
from argus.batch_meter import BatchCounts
from argus.measure import Metrics
from argus.sampler import LoopWatch, StreamSampler
from tests.agents.fakes import ManualClock

TOPICS = ("argus.events", "argus.commands")


class Lanes:
    """A table's lanes, as far as they are looked at."""

    def __init__(self) -> None:
        self.partitions = [0, 1]
        self.ready = True
        self.backlogs: Mapping[Any, Backlog] = {}

    def backlog(self) -> Mapping[Any, Backlog]:
        return self.backlogs


class Table:
    def __init__(self, metrics: Metrics) -> None:
        self.name = "users"
        self.topics = TOPICS
        self.meter = BatchCounts(metrics, {"argus.events": "detect", "argus.commands": "respond"})


class Watched:
    def __init__(self) -> None:
        self.metrics = Metrics(process="worker")
        self.metrics.own_partitions([0, 1])
        self.lanes, self.clock = Lanes(), ManualClock()
        self.ends: dict[TP, tuple[int | None, int | None]] = {}
        self.sampler = StreamSampler(
            self.metrics, lambda tp: self.ends.get(tp, (None, None)), "argus.", lambda: 100_000, self.clock
        )
        lanes: Any = {"users": self.lanes}
        table: Any = Table(self.metrics)
        self.sampler.follow([table], lanes)

    def value(self, name: str, *labels: str) -> float:
        return self.metrics.number(name, *labels).value


def test_lag_is_told_by_agent_topic_and_partition() -> None:
    watched = Watched()
    watched.ends = {TP("argus.events", 0): (50, 40), TP("argus.events", 1): (70, 70)}
    at_hand = Backlog(records=15, oldest_ms=97_500, next_offset=25)
    watched.lanes.backlogs = {TP("argus.events", 0): at_hand, TP("argus.events", 1): Backlog(next_offset=70)}
    watched.sampler.sample()
    assert watched.value("argus_consumer_lag_records", "detect", "events", "0") == 25
    assert watched.value("argus_consumer_lag_seconds", "detect", "events", "0") == 2.5
    assert watched.value("argus_consumer_lag_seconds", "detect", "events", "1") == 0
    assert watched.value("argus_agent_in_flight_records", "detect") == 15
    assert watched.value("argus_agent_in_flight_records", "respond") == 0


def test_agents_stop_recover_and_run() -> None:
    watched = Watched()
    states = []
    for partitions, ready in (([], True), ([0], False), ([0], True)):
        watched.lanes.partitions, watched.lanes.ready = partitions, ready
        watched.sampler.sample()
        states.append(watched.value("argus_agent_state", "respond"))
    assert states == [0, 2, 1]


def test_a_rebalance_lasts_until_all_work_again() -> None:
    watched = Watched()
    spread = watched.metrics.spread("argus_rebalance_duration_seconds")
    watched.sampler.sample()
    watched.sampler.revoked()
    watched.lanes.ready = False
    watched.clock.now_s += 3
    watched.sampler.sample()
    watched.sampler.revoked()
    assert spread.sum == 0
    watched.clock.now_s += 4
    watched.lanes.ready = True
    watched.sampler.sample()
    watched.sampler.sample()
    assert (spread.sum, sum(spread.counts)) == (7.0, 1)


def test_a_commit_is_timed_and_one_that_fails_counted() -> None:
    watched = Watched()
    watched.sampler.committed(0.5, True)
    watched.sampler.committed(0.25, False)
    assert watched.metrics.spread("argus_commit_duration_seconds").sum == 0.75
    assert watched.value("argus_commit_failures_total") == 1


def test_a_sample_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    metrics, taken = Metrics(process="serve"), asyncio.Event()

    def fails() -> None:
        raise OSError("no disk")

    async def story() -> None:
        watch = LoopWatch(metrics, (fails, taken.set))
        watch.begin(asyncio.get_running_loop())
        await asyncio.wait_for(taken.wait(), 10)
        watch.end()

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert "no disk" in caplog.text
    assert sum(metrics.spread("argus_event_loop_lag_seconds").counts) == 1
