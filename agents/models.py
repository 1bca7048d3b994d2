"""The models of one partition: brought back at a takeover, kept by snapshots, and each fitted version on record.

All of it lies in the users' shard, written by steps of its own between those of records. What is large goes in
chunks, and what makes it stand last (`tables.chunks`): a crash between two of them leaves what was there before.
"""

import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
import numpy as np

from agents.services import Services
from agents.shard import Meta, Output, Shard
from core.audit import Detail, Entry
from core.audited import ARGUS, note
from core.clock import rfc3339
from core.model_records import DRIFT, SNAPSHOT, ModelDrift, ModelSnapshot, ModelVersion
from core.records import encode
from models.ensemble import Ensemble
from models.parameters import PARAMETERS
from models.refits import Version
from models.snapshot import Header, Snapshot, SnapshotUnreadable, libraries, pack, unpack
from models.watch import Found, Watch
from tables.chunks import Incomplete, Writes, cut, joined

logger = logging.getLogger(__name__)

MODELS_KEY: Final = b"m"
ASIDE_KEY: Final = b"n"
"""Where the last snapshot lies that could not be read."""
VERSIONS_KEY: Final = b"v"
VERSIONS_KEPT: Final = 3

_versions_of = msgspec.json.Decoder(dict[str, list[ModelVersion]]).decode


class PartitionModels:
    """One partition's. Whoever calls holds the shard's lock."""

    def __init__(self, services: Services, shard: Shard, features: Sequence[str]) -> None:
        self._services = services
        self._shard = shard
        self._features = tuple(features)
        self._snapshot_at = services.snapshot_every
        self._pins: Mapping[str, int] = {}
        self._versions: dict[str, list[ModelVersion]] = {}
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
        self._versions = self._known_versions()
        # A version that came into force after the snapshot.
        for name, kept in self._versions.items():
            for version in kept:
                if version.in_force and self.scorer.version_of(name) not in (-1, version.version):
                    self._put_in_force(name, version.version)

    def _known_versions(self) -> dict[str, list[ModelVersion]]:
        stored = self._shard.store.get(VERSIONS_KEY)
        try:
            return _versions_of(stored) if stored else {}
        except msgspec.MsgspecError as error:
            logger.error("versions of models of partition %d are forgotten: %s", self._shard.partition, error)
            return {}

    async def keep(self) -> None:
        """Between two steps: put in force what people pinned, record what was fitted, or take a snapshot every so
        many rows; one of these at a time, so that none of it holds events up for long."""
        scorer, watch = self.scorer, self._watch
        scorer.clock_ms = self._shard.meta.clock_ms
        if watch.turns != self._told_turns or not watch.turns:
            self._told_turns = watch.turns
            self._services.meter.watched(self._shard.partition, watch.told(scorer.names, scorer.speaking))
        if self._services.pins() is not self._pins:
            await self._pin(self._services.pins())
        elif scorer.refits.news:
            await self._record(scorer.refits.news.popleft())
        elif watch.news:
            await self._commit({}, [drift_output(self._services, self._shard.partition, watch.news.popleft())])
        elif scorer.learned >= self._snapshot_at:
            await self.save()

    async def save(self) -> None:
        """Take a snapshot. Whatever is in force in it is on record before."""
        while self.scorer.refits.news:
            await self._record(self.scorer.refits.news.popleft())
        self._snapshot_at = self.scorer.learned + self._services.snapshot_every
        snapshot = self.scorer.snapshot(self._services.snapshot_key)
        if self._aside is not None:
            await self._write(ASIDE_KEY, self._aside)
            self._aside = None
        await self._write(MODELS_KEY, snapshot, outputs=self._told(snapshot))
        self._services.meter.snapshot(self._shard.partition, len(snapshot))

    def close(self) -> None:
        """The partition is given up."""
        self.scorer.forget_fits()
        self._services.meter.watched(self._shard.partition, None)

    async def _record(self, version: Version) -> None:
        """Its parts first, then the word that it is in force: a restart goes by that."""
        self._services.meter.fitted(version.model, version.version, version.seconds, version.rows, version.error)
        if version.error:
            logger.warning(
                "%s of partition %d keeps its version: %s %s",
                version.model, self._shard.partition, version.error, version.detail,
            )  # fmt: skip
            return
        kept = [one for one in self._versions.get(version.model, []) if one.version != version.version]
        kept = [msgspec.structs.replace(one, in_force=False) for one in kept]
        gone = kept[: max(0, len(kept) + 1 - VERSIONS_KEPT)]
        kept = [*kept[len(gone) :], self._told_of(version)]
        await self._write(_parts_key(version.model, version.version), self._packed(version))
        self._versions = {**self._versions, version.model: kept}
        outputs = [self._output(one) for one in kept] + [self._output(one, gone=True) for one in gone]
        await self._write(VERSIONS_KEY, msgspec.json.encode(self._versions), outputs=outputs)
        for one in gone:
            await self._write(_parts_key(one.model, one.version), None)

    async def _pin(self, pins: Mapping[str, int]) -> None:
        """A version that this partition doesn't have is no reason to stop: the one in force stays, and is pinned no
        more than it was."""
        held: dict[str, int] = {}
        for name, number in pins.items():
            version = self.scorer.version_of(name)
            if version < 0:
                continue
            if version != number and not self._put_in_force(name, number):
                continue
            held[name] = number
        self._pins = pins
        self.scorer.refits.pins = held
        versions = {
            name: [
                msgspec.structs.replace(
                    one, in_force=one.version == self.scorer.version_of(name), pinned=one.version == held.get(name)
                )
                for one in kept
            ]
            for name, kept in self._versions.items()
        }
        if versions != self._versions:
            self._versions = versions
            outputs = [self._output(one) for kept in versions.values() for one in kept]
            await self._write(VERSIONS_KEY, msgspec.json.encode(versions), outputs=outputs)

    def _put_in_force(self, name: str, number: int) -> bool:
        try:
            raw = joined(self._shard.store.get, _parts_key(name, number))
            if raw is None:
                raise SnapshotUnreadable("contents", "this partition does not keep it")
            header, _, parts, _ = unpack(raw, self._services.snapshot_key)
            if header.features != self._features or header.names != (name,):
                raise SnapshotUnreadable("features", "it is of other features")
            self.scorer.put_in_force(name, parts, number)
        except (SnapshotUnreadable, Incomplete, LookupError, ValueError) as error:
            logger.error("version %d of %s is not put in force in partition %d: %s",
                         number, name, self._shard.partition, error)  # fmt: skip
            return False
        logger.info("%s of partition %d is at version %d", name, self._shard.partition, number)
        return True

    def _packed(self, version: Version) -> bytes:
        header = Header(
            features=self._features,
            names=(version.model,),
            seed=self.scorer.seed,
            block_rows=1,
            position=version.learned,
            learned=version.learned,
        )
        return pack(
            Snapshot(header, np.zeros((0, len(self._features))), version.parts, {}), self._services.snapshot_key
        )

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

    def _output(self, version: ModelVersion, *, gone: bool = False) -> Output:
        key = f"{version.model}/{version.partition}/{version.version}".encode()
        return Output(self._services.topics.models, 0, key, None if gone else encode(version))

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

    async def _write(self, key: bytes, value: bytes | None, outputs: Sequence[Output] = ()) -> None:
        batches = cut(self._shard.store.get, key, value)
        for number, writes in enumerate(batches):
            await self._commit(writes, outputs if number == len(batches) - 1 else ())

    async def _commit(self, writes: Writes, outputs: Sequence[Output]) -> None:
        before = self._shard.meta
        meta = Meta(clock_ms=before.clock_ms, applied=before.applied, origins=before.origins)
        await self._shard.commit(writes, outputs, meta)


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


def _parts_key(name: str, version: int) -> bytes:
    return VERSIONS_KEY + name.encode() + b"/" + version.to_bytes(8, "big")
