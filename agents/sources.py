"""The sources table's partition at work: signals in; alerts about sources and their reputation out."""

import logging
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from agents.eviction import Rounds
from agents.keyed import KeyedWork, Kind, Step
from agents.placing import partition_of
from agents.services import Services, report_alerts
from agents.shard import Output, Shard
from agents.signalling import Signals
from agents.steps import Missed
from core.cases import subject_of
from core.records import encode
from core.reputation import encode_reputation
from core.signal import LABEL_KINDS
from core.source_state import SourceState
from core.sources import JudgedSources, Signal, judge_sources
from tables.sources import SOURCES

logger = logging.getLogger(__name__)

SOURCE_PREFIX: Final = b"s"
KIND: Final = Kind("sources", SOURCE_PREFIX, SOURCES)

_decode = msgspec.msgpack.Decoder(Signals).decode


class SourceWork(KeyedWork[SourceState]):
    """One partition of the sources table while this worker owns it (see `agents.lanes.Work`)."""

    def __init__(self, services: Services, shard: Shard, cached_sources: int, missed: Missed) -> None:
        super().__init__(services, shard, KIND, cached_sources, missed)
        self._rounds = Rounds(shard.store, SOURCE_PREFIX)
        self._new = 0

    async def tick(self) -> None:
        """Forget sources that have not been heard of for long."""
        async with self.shard.lock:
            step = self._forgetting()
            if step.states:
                await self.commit(step, self.shard.meta.applied)
            else:
                await self.shard.confirm_if_quiet()

    def _forgetting(self) -> Step[SourceState]:
        """Those whose time is over, and the end of their reputation for every worker; one that still counts keeps its
        source."""
        meta, dormant_ms = self.shard.meta, self.services.dormant_ms
        gone: dict[str, SourceState | None] = {}
        outputs = []
        new, self._new = self._new, 0
        for key, record in self._rounds.next(new):
            state = SOURCES.decode(record)
            reputation = state.reputation
            if state.clock_ms >= meta.clock_ms - dormant_ms:
                continue
            if reputation is not None:
                if reputation.lapses_ms > meta.clock_ms:
                    continue
                outputs.append(
                    Output(self.services.topics.reputation, self.shard.partition, state.key.encode(), None)
                )
            gone[key[len(SOURCE_PREFIX) :].decode()] = None
        return Step(gone, {}, outputs, meta.clock_ms, meta.origins)

    def decide(self, _topic: str, records: Sequence[Any]) -> Step[SourceState]:
        services = self.services
        origins = dict(self.shard.meta.origins)
        batch = merged(records, origins)
        states = self.load(batch)
        known = len(states)
        judged = judge_sources(
            batch,
            states,
            book=services.book,
            policy=services.policy,
            custom=services.custom(),
            now_ms=services.now_ms(),
        )
        self._new += len(states) - known
        # A label comes by the clock of who says it, which is far ahead where old events are read in.
        happened = (signal.time_ms for told in batch.values() for signal in told if signal.kind not in LABEL_KINDS)
        clock_ms = max(happened, default=0)

        def report() -> None:
            for signal, error in judged.failed:
                logger.error("a %s signal of event %s could not be judged: %s", signal.kind, signal.event_id, error)
            meter, topic = services.meter, services.topics.signals
            meter.failed(topic, [error for _, error in judged.failed])
            meter.rule_hits(judged.hits)
            age_ms = services.now_ms() - records[0].timestamp
            report_alerts(meter, judged.alerts, judged.suppressed, lambda _: age_ms)

        return Step(dict(states), {}, self._outputs(judged), clock_ms, origins, report)

    def _outputs(self, judged: JudgedSources) -> list[Output]:
        topics, partition = self.services.topics, self.shard.partition
        outputs = []
        for alert in judged.alerts:
            # What is about all sources is judged under another key than the one that it is told by.
            key = subject_of(alert).encode()
            outputs.append(Output(topics.alerts, partition_of(key, self.services.partitions), key, encode(alert)))
        for source, reputation in judged.reputations.items():
            outputs.append(Output(topics.reputation, partition, source.encode(), encode_reputation(reputation)))
        return outputs


def merged(records: Sequence[Any], origins: dict[str, int]) -> dict[str, list[Signal]]:
    """The signals of a batch by source, each source's in order of time: several partitions tell of the same minutes,
    and to be late costs more to judge. A record whose step is not newer than the last one of its upstream partition
    is a repeat; `origins` remembers the newest."""
    batch: dict[str, list[Signal]] = {}
    for record in records:
        try:
            told = _decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # Not of Argus, on a topic of its own: it must not stop the sources for good.
            logger.error("skipped %s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
            continue
        upstream = str(told.upstream)
        if told.sequence <= origins.get(upstream, 0):
            continue
        origins[upstream] = told.sequence
        for source, signals in told.by_source.items():
            batch.setdefault(source, []).extend(signals)
    for signals in batch.values():
        signals.sort(key=attrgetter("time_ms"))
    return batch
