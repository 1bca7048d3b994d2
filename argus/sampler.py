"""What nobody reports and somebody has to look for: lag, sizes, states. Looked for once a second on the event loop,
the figures of RocksDB and the disk every ten seconds. A scrape finds plain numbers.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from faust.types import TP

from agents.attach import Table
from agents.lag import Backlog, Lag
from agents.lanes import Lanes
from agents.stores import Stores
from argus.measure import Metrics
from tables.store import Store

logger = logging.getLogger(__name__)

LOOP_EVERY_S: Final = 0.25
SAMPLE_EVERY_S: Final = 1.0
SLOW_EVERY_S: Final = 10.0
NOTHING: Final = Backlog()


class LoopWatch:
    """Calls `sample` once a second on a loop, and tells how late the loop's timers fire."""

    def __init__(self, metrics: Metrics, samples: Sequence[Callable[[], None]]) -> None:
        self._lag = metrics.spread("argus_event_loop_lag_seconds")
        self._samples = samples
        self._sample_at = 0.0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """To be called before the loop runs, or on it. It ends with the loop, if not before."""
        self._loop = loop
        self._timer = loop.call_soon(self._first)

    def end(self) -> None:
        self._timer.cancel()

    def _first(self) -> None:
        self._at = self._loop.time()
        self._turn()

    def _turn(self) -> None:
        now = self._loop.time()
        self._lag.observe(max(0.0, now - self._at))
        if now >= self._sample_at:
            self._sample_at = now + SAMPLE_EVERY_S
            for sample in self._samples:
                try:
                    sample()
                except Exception:
                    # A figure that cannot be had must not stop the others, nor the work itself.
                    logger.exception("a metric could not be taken")
        self._at = self._loop.time() + LOOP_EVERY_S
        self._timer = self._loop.call_at(self._at, self._turn)


class Followed:
    """A table's lanes with the topics that each agent reads for them."""

    def __init__(self, lanes: Lanes, table: Table) -> None:
        self.lanes = lanes
        self.by_agent: dict[str, list[str]] = {}
        for topic in table.topics:
            self.by_agent.setdefault(table.meter.agent(topic), []).append(topic)


class StreamSampler:
    """Of a process that works on partitions: agents, lag, rebalances."""

    def __init__(
        self,
        metrics: Metrics,
        progress: Callable[[TP], tuple[int | None, int | None]],
        prefix: str,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """progress: see `agents.transport.Consumer.progress`; prefix: what topics' names begin with."""
        self._metrics = metrics
        self._followed: list[Followed] = []
        self._progress = progress
        self._prefix = prefix
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._lags: dict[tuple[str, TP], Lag] = {}
        self._revoked_at: float | None = None

    def follow(self, tables: Iterable[Table], lanes: Mapping[str, Lanes]) -> None:
        """Say whom to look at."""
        self._followed = [Followed(lanes[table.name], table) for table in tables]

    def revoked(self) -> None:
        """All partitions were given up."""
        if self._revoked_at is None:
            self._revoked_at = self._monotonic()

    def committed(self, seconds: float, done: bool) -> None:
        """A commit of source offsets is over."""
        self._metrics.spread("argus_commit_duration_seconds").observe(seconds)
        if not done:
            self._metrics.number("argus_commit_failures_total").inc()

    def sample(self) -> None:
        followed = self._followed
        partitions = {partition for each in followed for partition in each.lanes.partitions}
        self._lags = {key: lag for key, lag in self._lags.items() if key[1].partition in partitions}
        for each in followed:
            self._agents(each)
        if self._revoked_at is not None and all(each.lanes.ready for each in followed):
            took_s = self._monotonic() - self._revoked_at
            self._metrics.spread("argus_rebalance_duration_seconds").observe(took_s)
            self._revoked_at = None

    def _agents(self, followed: Followed) -> None:
        lanes, now_ms = followed.lanes, self._now_ms()
        backlogs = lanes.backlog()
        state = 0 if not lanes.partitions else 1 if lanes.ready else 2
        for agent, topics in followed.by_agent.items():
            self._metrics.number("argus_agent_state", agent).set(state)
            at_hand = sum(backlog.records for tp, backlog in backlogs.items() if tp.topic in topics)
            self._metrics.number("argus_agent_in_flight_records", agent).set(at_hand)
            for topic in topics:
                for partition in lanes.partitions:
                    self._lag(agent, TP(topic, partition), backlogs, now_ms)

    def _lag(self, agent: str, tp: TP, backlogs: Mapping[Any, Backlog], now_ms: int) -> None:
        end, position = self._progress(tp)
        lag = self._lags.setdefault((agent, tp), Lag())
        behind = lag.behind(end, position, backlogs.get(tp, NOTHING), now_ms)
        if behind is not None:
            labels = agent, tp.topic.removeprefix(self._prefix), str(tp.partition)
            self._metrics.number("argus_consumer_lag_records", *labels).set(behind[0])
            self._metrics.number("argus_consumer_lag_seconds", *labels).set(behind[1])


class StoreSampler:
    """Of a process with tables: what RocksDB and the disk have to say."""

    def __init__(self, metrics: Metrics, stores: Stores, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._stores = stores
        self._monotonic = monotonic
        self._stalled_s: dict[Store, float] = {}
        self._next_at = 0.0

    def sample(self) -> None:
        number = self._metrics.number
        for table, operations in self._stores.operations.items():
            number("argus_table_operations_total", table, "get").set(operations.gets)
            number("argus_table_operations_total", table, "put").set(operations.puts)
            number("argus_table_operations_total", table, "delete").set(operations.deletes)
            number("argus_table_discarded_total", table).set(self._stores.discarded[table])
        if self._monotonic() < self._next_at:
            return
        self._next_at = self._monotonic() + SLOW_EVERY_S
        memory: dict[str, int] = dict.fromkeys(self._stores.operations, 0)
        waiting = dict(memory)
        stalled: dict[Store, float] = {}
        for table, partition, store in self._stores:
            figures = store.statistics()
            number("argus_table_keys", table, str(partition)).set(figures["keys"])
            size = figures["bytes"] + figures["memtable_bytes"]
            number("argus_table_bytes", table, str(partition)).set(size)
            memory[table] += figures["memtable_bytes"]
            waiting[table] += figures["pending_compaction_bytes"]
            stalled[store] = store.stalled_s()
            more_s = max(0.0, stalled[store] - self._stalled_s.get(store, 0.0))
            number("argus_rocksdb_write_stall_seconds_total", table).inc(more_s)
        self._stalled_s = stalled
        for table, size in memory.items():
            number("argus_rocksdb_memtable_bytes", table).set(size)
        for table, size in waiting.items():
            number("argus_rocksdb_pending_compaction_bytes", table).set(size)
        number("argus_rocksdb_block_cache_bytes").set(self._stores.block_cache_bytes)


class DiskSampler:
    """How much room there is."""

    def __init__(self, metrics: Metrics, data_dir: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._free = metrics.number("argus_data_dir_free_bytes")
        self._data_dir = data_dir
        self._monotonic = monotonic
        self._next_at = 0.0

    def sample(self) -> None:
        if self._monotonic() >= self._next_at:
            self._next_at = self._monotonic() + SLOW_EVERY_S
            self._free.set(shutil.disk_usage(self._data_dir).free)


class ProducerSampler:
    """What the broker has not acknowledged yet."""

    def __init__(self, metrics: Metrics, oldest_unacked_s: Callable[[], Mapping[str, float]], prefix: str) -> None:
        self._metrics = metrics
        self._oldest_unacked_s = oldest_unacked_s
        self._prefix = prefix
        self._told: set[str] = set()

    def sample(self) -> None:
        oldest = self._oldest_unacked_s()
        self._told |= oldest.keys()
        for topic in self._told:
            name = topic.removeprefix(self._prefix)
            self._metrics.number("argus_producer_oldest_unacked_seconds", name).set(oldest.get(topic, 0.0))
