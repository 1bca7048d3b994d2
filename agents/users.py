"""The users table's partition at work: events and feedback in; decisions, alerts, locks and signals out.

A step is decided from the state in memory and on disk, committed by the shard, and only then learnt from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from agents.eviction import Eviction
from agents.journal import TooLarge
from agents.keyed import nothing
from agents.labels import PartitionLabels
from agents.lanes import TICK_S
from agents.models import PartitionModels
from agents.placing import Placing
from agents.services import Services
from agents.shard import Meta, Output, Shard
from agents.signalling import Signalling, signal_outputs
from agents.steps import Missed, Steps
from agents.timers import Timers
from core.records import Lock, encode
from core.respond import expire
from core.signal import Out
from core.state import UserState
from models.ensemble import Ensemble
from tables.user_table import UserTable

IDLE_MS = 5_000


class Draft(Struct):
    """What a step wants to happen. after: called when it has (models learn then, counters count). signals: what the
    sources are told, by source, with the next that are sent."""

    outputs: list[Output]
    writes: dict[bytes, bytes | None]
    users: dict[str, UserState]
    clock_ms: int
    after: Callable[[], None] = nothing
    signals: Out = {}


class Decide(Protocol):
    """Decides about the records of one topic; pure but for the caches in its argument."""

    def __call__(self, work: "UserWork", records: Sequence[Any]) -> Draft: ...


class UserWork:
    """One partition of the users table while this worker owns it (see `agents.lanes.Work`)."""

    def __init__(
        self,
        services: Services,
        shard: Shard,
        decide: Mapping[str, Decide],
        missed: Missed,
        features: Sequence[str],
        place: Placing,
    ) -> None:
        """decide: by topic. place: of sources, shared by all partitions."""
        self.services = services
        self.shard = shard
        self.partition = self.shard.partition
        self.users = UserTable(self.shard.store, services.cached_users)
        self.timers = Timers(self.shard.store)
        self._eviction = Eviction(self.shard.store, services.dormant_ms)
        self.models = PartitionModels(services, self.shard, features)
        self.labels = PartitionLabels(services, self.shard)
        self._decide = decide
        self._steps = Steps(shard, missed, self._step)
        self._clock_read_ms = services.now_ms()
        self._tidy_at = services.monotonic()
        self._place = place
        self._signalling = self._open_signalling()

    def _open_signalling(self) -> Signalling:
        services = self.services
        return Signalling(self.shard.store, services.signals_every_s, services.monotonic)

    @property
    def scorer(self) -> Ensemble:
        """The partition's models."""
        return self.models.scorer

    async def start(self) -> None:
        begin = self.services.monotonic()
        meter = self.services.meter
        await self.shard.take_over(lambda remaining: meter.recovering("users", self.partition, remaining))
        self.timers = Timers(self.shard.store)
        self._signalling = self._open_signalling()
        self.models.restore()
        self.labels.restore()
        meter.recovered("users", self.partition, self.services.monotonic() - begin)

    async def apply(self, topic: str, records: list[Any]) -> None:
        async with self.shard.lock:
            await self._steps.take_unseen(topic, records)
            await self.models.keep()
            await self.labels.keep()

    async def tick(self) -> None:
        """Send signals that are due. All else once a second, however often these want it."""
        async with self.shard.lock:
            now_s = self.services.monotonic()
            if now_s >= self._tidy_at:
                self._tidy_at = now_s + TICK_S
                await self._tidy()
            if self.due_in_s() == 0.0:
                await self._commit(Draft([], {}, {}, self.shard.meta.clock_ms), self.shard.meta.applied)

    async def _tidy(self) -> None:
        """Announce what is due though no event says how late it is (an idle partition's clock goes on), and forget
        who has not been seen for long."""
        now_ms = self.services.now_ms()
        clock_ms = self.shard.meta.clock_ms
        idle_ms = now_ms - self._clock_read_ms
        if idle_ms >= IDLE_MS and self.timers.due(clock_ms + idle_ms):
            clock_ms += idle_ms
            self._clock_read_ms = now_ms
        while self.timers.due(clock_ms):
            await self._commit(Draft([], {}, {}, clock_ms), self.shard.meta.applied)
        writes: dict[bytes, bytes | None] = {}
        new, self.users.new = self.users.new, 0
        forgotten = self._eviction.take(clock_ms, writes, new)
        if forgotten:
            self.users.forget(forgotten)
            await self._commit(Draft([], writes, {}, clock_ms), self.shard.meta.applied)
        else:
            await self.shard.confirm_if_quiet()
        await self.models.keep()
        self.labels.tick()
        await self.labels.keep()

    def due_in_s(self) -> float | None:
        """How soon signals that wait are to be sent, see `agents.lanes.Due`."""
        return self._signalling.due_in_s()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self.models.save()
            await self.labels.save()
            await self.shard.release()
        self.models.close()
        self.labels.close()
        self.shard.store.close()

    async def _step(self, topic: str, records: Sequence[Any]) -> None:
        draft = self._decide[topic](self, records)
        try:
            await self._commit(draft, self.shard.meta.applied | {topic: records[-1].offset + 1})
        except TooLarge:
            self.users.forget(draft.users)
            self.timers = Timers(self.shard.store)
            raise
        draft.after()

    async def _commit(self, draft: Draft, applied: dict[str, int]) -> None:
        before = self.shard.meta
        if draft.clock_ms > before.clock_ms:
            self._clock_read_ms = self.services.now_ms()
        clock_ms = max(before.clock_ms, draft.clock_ms)
        expired = self._expire(draft, clock_ms) if self.timers.due(clock_ms) else []
        self.users.encode(draft.users, draft.writes)
        telling = self._signalling.plan(draft.signals, draft.writes)
        topic, step = self.services.topics.signals, before.sequence + 1
        draft.outputs += signal_outputs(topic, self.partition, step, telling.now, self._place)
        meta = Meta(clock_ms=clock_ms, applied=applied, origins=before.origins)
        await self.shard.commit(draft.writes, draft.outputs, meta)
        self._signalling.happened(telling)
        meter = self.services.meter
        for lock in expired:
            meter.lock(lock.state, lock.by, None)
        meter.watermark(self.partition, clock_ms)
        meter.changelog("users", len(draft.writes), sum(len(value) for value in draft.writes.values() if value))

    def _expire(self, draft: Draft, clock_ms: int) -> list[Lock]:
        """The locks that are over."""
        users = self.timers.take(clock_ms, draft.writes)
        self.users.load(users, draft.users)
        expired = []
        for user_id in users:
            state = draft.users.get(user_id)
            lock = expire(state, user_id, clock_ms) if state is not None else None
            if lock is not None:
                topic = self.services.topics.locks
                draft.outputs.append(Output(topic, self.partition, user_id.encode(), encode(lock)))
                expired.append(lock)
        return expired
