"""The models of one partition: brought back at a takeover, kept by snapshots, and each fitted version on record.

All of it lies in the users' shard, written by steps of its own between those of records. What is large goes in
chunks, and what makes it stand last (`tables.chunks`): a crash between two of them leaves what was there before.
"""

import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from agents.services import Services
from agents.shard import Output, Shard
from agents.versions import Versions, tell, write
from core.audit import Detail, Entry
from core.audited import ARGUS, note
from core.clock import rfc3339
from core.model_records import DRIFT, SNAPSHOT, ModelDrift, ModelSnapshot, ModelVersion
from core.records import encode
from models.ensemble import Ensemble
from models.parameters import PARAMETERS
from models.refits import Version
from models.snapshot import SnapshotUnreadable, libraries
from models.watch import Found, Watch
from tables.chunks import Incomplete, joined

logger = logging.getLogger(__name__)

MODELS_KEY: Final = b"m"
ASIDE_KEY: Final = b"n"
"""Where the last snapshot lies that could not be read."""
VERSIONS_KEY: Final = b"v"


class PartitionModels:
    """One partition's. Whoever calls holds the shard's lock."""

    def __init__(self, services: Services, shard: Shard, features: Sequence[str]) -> None:
        self._services = services
        self._shard = shard
        self._features = tuple(features)
        self._snapshot_at = services.snapshot_every
        self._versions = Versions(services, shard, VERSIONS_KEY, features, services.model_seed)
        self._aside: bytes | None = None
        self.scorer = self._fresh()

    def _fresh(self) -> Ensemble:
        plan = self._services.plan
        self._watch, self._told_turns = Watch(self._features), 0
        return Ensemble(
            self._features,
            self._services.model_seed,
            plan.names,
            deciding=plan.deciding,
            fitting=plan.fitting,
            scope=str(self._shard.partition),
            watch=self._watch,
        )

    def restore(self) -> None:
        """After a takeover. A snapshot that can't be read is set aside and counted, and the models start fresh."""
        services, shard = self._services, self._shard
        self.scorer = self._fresh()
        raw: bytes | None = None
        try:
            raw = joined(shard.store.get, MODELS_KEY)
            if raw is not None:
                plan = services.plan
                self.scorer = Ensemble.restore(
                    raw,
                    services.snapshot_key,
                    self._features,
                    plan.names,
                    deciding=plan.deciding,
                    fitting=plan.fitting,
                    scope=str(shard.partition),
                    watch=self._watch,
                )
        except (SnapshotUnreadable, Incomplete) as error:
            reason = error.reason if isinstance(error, SnapshotUnreadable) else "truncated"
            logger.error("models of partition %d start fresh: %s", shard.partition, error)
            services.meter.snapshot_unreadable(reason)
            self._aside = raw
        self._snapshot_at = self.scorer.learned + services.snapshot_every
        self._versions.restore(self.scorer)

    async def keep(self) -> None:
        """Between two steps: put in force what people pinned, record what was fitted, or take a snapshot every so
        many rows; one of these at a time, so that none of it holds events up for long."""
        scorer, watch = self.scorer, self._watch
        scorer.clock_ms = self._shard.meta.clock_ms
        if watch.turns != self._told_turns or not watch.turns:
            self._told_turns = watch.turns
            self._services.meter.watched(self._shard.partition, watch.told(scorer.names, scorer.speaking))
        pins = self._services.pins()
        if pins is not self._versions.pins:
            scorer.refits.pins = await self._versions.pin(pins, scorer)
        elif scorer.refits.news:
            await self._record(scorer.refits.news.popleft())
        elif watch.news:
            await tell(self._shard, drift_output(self._services, self._shard.partition, watch.news.popleft()))
        elif scorer.learned >= self._snapshot_at:
            await self.save()

    async def save(self) -> None:
        """Take a snapshot. Whatever is in force in it is on record before."""
        while self.scorer.refits.news:
            await self._record(self.scorer.refits.news.popleft())
        self._snapshot_at = self.scorer.learned + self._services.snapshot_every
        snapshot = self.scorer.snapshot(self._services.snapshot_key)
        if self._aside is not None:
            await write(self._shard, ASIDE_KEY, self._aside)
            self._aside = None
        await write(self._shard, MODELS_KEY, snapshot, self._told(snapshot))
        self._services.meter.snapshot(self._shard.partition, len(snapshot))

    def close(self) -> None:
        """The partition is given up."""
        self.scorer.forget_fits()
        self._services.meter.watched(self._shard.partition, None)

    async def _record(self, version: Version) -> None:
        self._services.meter.fitted(version.model, version.version, version.seconds, version.rows, version.error)
        if version.error:
            logger.warning(
                "%s of partition %d keeps its version: %s %s",
                version.model, self._shard.partition, version.error, version.detail,
            )  # fmt: skip
            return
        await self._versions.record(self._told_of(version), version.parts)

    def _told_of(self, version: Version) -> ModelVersion:
        return ModelVersion(
            model=version.model,
            partition=self._shard.partition,
            version=version.version,
            in_force=True,
            pinned=False,
            mode=self._services.plan.mode(version.model),
            parameters=dict(PARAMETERS[version.model]),
            features=self._features,
            trained_rows=version.rows,
            learned=version.learned,
            trained_from=rfc3339(version.from_ms) if version.from_ms else None,
            trained_to=rfc3339(version.to_ms) if version.to_ms else None,
            fitted=rfc3339(self._services.now_ms()),
            seconds=round(version.seconds, 3),
            auc=version.auc,
            tainted=version.tainted,
        )

    def _told(self, snapshot: bytes) -> list[Output]:
        """Tells the audit, and the models topic, that the models have changed, and to what."""
        scorer, partition, digest = self.scorer, self._shard.partition, sha256(snapshot).hexdigest()
        time = rfc3339(self._services.now_ms())
        details: dict[str, Detail] = {"learned": scorer.learned, "snapshot": digest}
        subject = f"models:{partition}"
        entry = Entry(subject, "model.snapshot", ARGUS, ", ".join(scorer.names), time, details)
        record = ModelSnapshot(
            partition=partition,
            modes={name: self._services.plan.mode(name) for name in scorer.names},
            learned=scorer.learned,
            bytes=len(snapshot),
            sha256=digest,
            libraries=libraries(),
            time=time,
            speaking=scorer.speaking,
            stability=dict(self._watch.told((), ()).index),
        )
        topics = self._services.topics
        return [
            Output(topics.audit_notes, partition, subject.encode(), note(entry)),
            Output(topics.models, 0, f"{SNAPSHOT}/{partition}".encode(), encode(record)),
        ]


def drift_output(services: Services, partition: int, found: Found) -> Output:
    """Tells the models topic of a drift, and the log."""
    logger.warning("%s of %s drift in partition %d: their mean is %.3f now",
                   found.signal, found.model, partition, found.mean)  # fmt: skip
    record = ModelDrift(
        model=found.model,
        partition=partition,
        signal=found.signal,
        times=found.times,
        mean=found.mean,
        time=rfc3339(services.now_ms()),
    )
    key = f"{DRIFT}/{found.model}/{partition}/{found.signal}".encode()
    return Output(services.topics.models, 0, key, encode(record))
