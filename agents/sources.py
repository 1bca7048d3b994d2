"""The sources table's partition at work: signals in; alerts about sources and their reputation out."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agents.intake import unseen
from agents.journal import TooLarge
from agents.outputs import Signals
from agents.services import Services
from agents.shard import Meta, Output, Shard
from core.records import encode
from core.reputation import encode_reputation
from core.source_state import SourceState
from core.sources import JudgedSources, Signal, judge_sources
from tables.sources import decode_source, encode_source

logger = logging.getLogger(__name__)

SOURCE_PREFIX = b"s"

_decode = msgspec.msgpack.Decoder(Signals).decode


class SourceWork:
    """One partition of the sources table while this worker owns it (see `agents.lanes.Work`)."""

    def __init__(self, services: Services, shard: Shard, cached_sources: int) -> None:
        self.services = services
        self.shard = shard
        self._cached_sources = cached_sources
        self._cache: dict[str, SourceState] = {}

    async def start(self) -> None:
        begin = self.services.monotonic()
        meter, partition = self.services.meter, self.shard.partition
        await self.shard.take_over(lambda remaining: meter.recovering("sources", partition, remaining))
        meter.recovered("sources", partition, self.services.monotonic() - begin)

    async def apply(self, topic: str, records: list[Any]) -> None:
        async with self.shard.lock:
            fresh = unseen(records, self.shard.meta.applied.get(topic))
            if fresh:
                await self._step(topic, fresh)

    async def tick(self) -> None:
        async with self.shard.lock:
            await self.shard.confirm_if_quiet()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self.shard.release()
        self.shard.store.close()

    async def _step(self, topic: str, records: Sequence[Any]) -> None:
        services, before = self.services, self.shard.meta
        begin = services.monotonic()
        origins = dict(before.origins)
        batch = merged(records, origins)
        states = self._load(batch)
        now_ms = services.now_ms()
        judged = judge_sources(
            batch, states, book=services.book, policy=services.policy, custom=services.custom(), now_ms=now_ms
        )
        writes: dict[bytes, bytes | None] = {
            SOURCE_PREFIX + source.encode(): encode_source(state) for source, state in states.items()
        }
        outputs = self._outputs(judged)
        clock_ms = max((state.clock_ms for state in states.values()), default=0)
        meta = Meta(
            clock_ms=max(before.clock_ms, clock_ms),
            applied=before.applied | {topic: records[-1].offset + 1},
            origins=origins,
        )
        try:
            await self.shard.commit(writes, outputs, meta)
        except TooLarge:
            for source in states:
                self._cache.pop(source, None)
            if len(records) == 1:
                raise
            middle = len(records) // 2
            await self._step(topic, records[:middle])
            await self._step(topic, records[middle:])
            return
        self._keep(states)
        for signal, error in judged.failed:
            logger.error("a %s signal of event %s could not be judged: %s", signal.kind, signal.event_id, error)
        age_ms = services.now_ms() - records[0].timestamp
        for alert in judged.alerts:
            services.meter.alert(alert.rule_id, alert.severity, age_ms / 1_000, alert.alert_id)
        services.meter.batch(topic, self.shard.partition, len(records), services.monotonic() - begin, age_ms)

    def _load(self, sources: Iterable[str]) -> dict[str, SourceState]:
        found = {source: state for source in sources if (state := self._cache.get(source)) is not None}
        missing = [source for source in sources if source not in found]
        values = self.shard.store.get_many([SOURCE_PREFIX + source.encode() for source in missing])
        for source, value in zip(missing, values, strict=True):
            if value is not None:
                found[source] = decode_source(value)
        return found

    def _keep(self, states: dict[str, SourceState]) -> None:
        for source, state in states.items():
            self._cache.pop(source, None)
            self._cache[source] = state
        while len(self._cache) > self._cached_sources:
            del self._cache[next(iter(self._cache))]

    def _outputs(self, judged: JudgedSources) -> list[Output]:
        topics, partition = self.services.topics, self.shard.partition
        outputs = []
        for alert in judged.alerts:
            source = alert.source
            assert isinstance(source, msgspec.Struct)
            key = f"{source.type}:{source.id}"
            outputs.append(Output(topics.alerts, partition, key.encode(), encode(alert)))
        for key, reputation in judged.reputations.items():
            outputs.append(Output(topics.reputation, partition, key.encode(), encode_reputation(reputation)))
        return outputs


def merged(records: Sequence[Any], origins: dict[str, int]) -> dict[str, list[Signal]]:
    """The signals of a batch by source. A record whose step is not newer than the last one of its upstream partition
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
    return batch
