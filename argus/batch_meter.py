"""What lanes, shards and producers report, in terms of the declared metrics."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from agents.meters import Stage
from argus.measure import Metrics, Spread


class BatchCounts:
    """`agents.meters.BatchMeter`, of the agents of one table."""

    def __init__(self, metrics: Metrics, agents: Mapping[str, str]) -> None:
        """agents: full topic name to the name of the agent that reads it."""
        self._metrics = metrics
        self._agents = agents
        self._apart: Counter[str] = Counter()

    def agent(self, topic: str) -> str:
        """Who reads a topic."""
        return self._agents[topic]

    def batch(self, topic: str, records: int, seconds: float) -> None:
        agent = self._agents[topic]
        self._metrics.spread("argus_agent_duration_seconds", agent).observe(seconds)
        self._metrics.spread("argus_agent_batch_records", agent).observe(records)
        # What was counted apart is of this batch, or of one of another partition that will be told of.
        apart = min(self._apart[agent], records)
        self._apart[agent] -= apart
        self._metrics.number("argus_agent_events_total", agent, "ok").inc(records - apart)
        self._success(agent)

    def taken_over(self, topics: Sequence[str], *, again: bool) -> None:
        for agent in {self._agents[topic] for topic in topics}:
            self._success(agent)
            if again:
                self._metrics.number("argus_agent_restarts_total", agent).inc()

    def counted(
        self, topic: str, take: Callable[[bytes, bytes | None], None]
    ) -> Callable[[bytes, bytes | None], None]:
        """`take`, of a topic that is followed record by record (see `agents.views.View`), counted."""
        ok = self._metrics.number("argus_agent_events_total", self._agents[topic], "ok")

        def taking(key: bytes, value: bytes | None) -> None:
            try:
                take(key, value)
            except Exception as error:
                self._metrics.number("argus_agent_events_total", self._agents[topic], "error").inc()
                self._exception(topic, repr(error))
                raise
            ok.inc()
            self._success(self._agents[topic])

        return taking

    def assigned(self, partitions: Collection[int]) -> None:
        """A rebalance has brought these partitions."""
        self._metrics.own_partitions(partitions)
        self._metrics.number("argus_assigned_partitions").set(len(partitions))
        self._metrics.number("argus_rebalances_total").inc()

    def outcomes(self, topic: str, outcome: str, count: int) -> None:
        if count:
            agent = self._agents[topic]
            self._metrics.number("argus_agent_events_total", agent, outcome).inc(count)
            self._apart[agent] += count

    def failed(self, topic: str, errors: Sequence[str]) -> None:
        for error in errors:
            self.outcomes(topic, "error", 1)
            self._exception(topic, error)

    def _exception(self, topic: str, error: str) -> None:
        class_ = error.partition("(")[0]
        self._metrics.number("argus_agent_exceptions_total", self._agents[topic], class_).inc()

    def _success(self, agent: str) -> None:
        self._metrics.number("argus_agent_last_success_timestamp_seconds", agent).set(time.time())


class TableMeter:
    """`agents.meters.ShardMeter`, of one table. locks: the full name of that topic."""

    def __init__(self, metrics: Metrics, table: str, locks: str) -> None:
        self._store = metrics.spread("argus_table_write_duration_seconds", table)
        self._stages: dict[str, Spread] = {}
        if table == "users":
            self._stages = {
                stage: metrics.spread("argus_stage_duration_seconds", stage)
                for stage in ("changelog", "store", "send")
            }
        self._metrics = metrics
        self._table = table
        self._locks = locks

    def caught_up(self, records: int) -> None:
        self._metrics.number("argus_recovery_records_total", self._table).inc(records)

    def timed(self, stage: Stage, seconds: float) -> None:
        if stage == "store":
            self._store.observe(seconds)
        if stage in self._stages:
            self._stages[stage].observe(seconds)

    def unsent(self, outputs: Sequence[Any]) -> None:
        locks = sum(output.topic == self._locks for output in outputs)
        if locks:
            self._metrics.number("argus_lock_failures_total").inc(locks)


class ProducerMeter:
    """`agents.meters.SendMeter`. prefix: what topics' names begin with."""

    def __init__(self, metrics: Metrics, prefix: str) -> None:
        self._metrics = metrics
        self._prefix = prefix

    def sent(self, topic: str, records: int, seconds: float) -> None:
        name = topic.removeprefix(self._prefix)
        self._metrics.spread("argus_producer_send_duration_seconds", name).observe(seconds)
        self._metrics.number("argus_producer_records_total", name).inc(records)

    def refused(self, topic: str, records: int) -> None:
        self._metrics.number("argus_producer_errors_total", topic.removeprefix(self._prefix)).inc(records)
