"""Fitted versions of one partition's models: the last few are kept, each on record, and people may go back to one.

What was fitted lies under keys of its own, and the record of all versions under one; the parts are written before the
word that they are in force, and taken away after the word that they are not: a restart goes by that.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
import numpy as np

from agents.services import Services
from agents.shard import Output, Shard
from core.model_records import ModelVersion
from core.records import encode
from models.protocol import State
from models.snapshot import Header, Snapshot, SnapshotUnreadable, pack, unpack
from tables.chunks import Incomplete, cut, joined

logger = logging.getLogger(__name__)

VERSIONS_KEPT: Final = 3

_versions_of = msgspec.json.Decoder(dict[str, list[ModelVersion]]).decode


class Holder(Protocol):
    """Who scores by fitted versions."""

    def version_of(self, name: str) -> int:
        """What scores next, 0 before the first; -1 of what is not fitted, or not here."""

    def put_in_force(self, name: str, parts: State, version: int) -> None:
        """Errors: KeyError or ValueError; nothing has changed then."""


class Versions:
    """Of the models of one holder. Whoever calls holds the shard's lock."""

    def __init__(self, services: Services, shard: Shard, key: bytes, features: Sequence[str], seed: int) -> None:
        """key: of the record, and what the keys of parts begin with. features: that the models see."""
        self._services = services
        self._shard = shard
        self._key = key
        self._features = tuple(features)
        self._seed = seed
        self._versions: dict[str, list[ModelVersion]] = {}
        self.pins: Mapping[str, int] = {}
        """The pins that were last looked at, by `pin`."""

    @property
    def newest(self) -> int:
        """The highest number that is on record, 0 for none."""
        return max((one.version for kept in self._versions.values() for one in kept), default=0)

    def restore(self, holder: Holder | None) -> None:
        """After a takeover: bring back what came into force after the holder's own snapshot. None: it has none, and
        begins anew."""
        stored = self._shard.store.get(self._key)
        try:
            self._versions = _versions_of(stored) if stored else {}
        except msgspec.MsgspecError as error:
            logger.error("versions of models of partition %d are forgotten: %s", self._shard.partition, error)
            self._versions = {}
        if holder is None:
            return
        for name, kept in self._versions.items():
            for version in kept:
                if version.in_force and holder.version_of(name) not in (-1, version.version):
                    self._put_in_force(holder, name, version.version)

    async def record(self, version: ModelVersion, parts: State) -> None:
        """A version has come into force."""
        kept = [one for one in self._versions.get(version.model, []) if one.version != version.version]
        kept = [msgspec.structs.replace(one, in_force=False) for one in kept]
        gone = kept[: max(0, len(kept) + 1 - VERSIONS_KEPT)]
        kept = [*kept[len(gone) :], version]
        await write(self._shard, self._parts_key(version.model, version.version), self._packed(version, parts))
        self._versions = {**self._versions, version.model: kept}
        outputs = [self._output(one) for one in kept] + [self._output(one, gone=True) for one in gone]
        await write(self._shard, self._key, msgspec.json.encode(self._versions), outputs)
        for one in gone:
            await write(self._shard, self._parts_key(one.model, one.version), None)

    async def pin(self, pins: Mapping[str, int], holder: Holder) -> Mapping[str, int]:
        """Put in force what people pinned; the pins that hold. A version that this partition doesn't have is no
        reason to stop: the one in force stays, and is pinned no more than it was."""
        held: dict[str, int] = {}
        for name, number in pins.items():
            version = holder.version_of(name)
            if version < 0 or (version != number and not self._put_in_force(holder, name, number)):
                continue
            held[name] = number
        self.pins = pins
        versions = {
            name: [
                msgspec.structs.replace(
                    one, in_force=one.version == holder.version_of(name), pinned=one.version == held.get(name)
                )
                for one in kept
            ]
            for name, kept in self._versions.items()
        }
        if versions != self._versions:
            self._versions = versions
            outputs = [self._output(one) for kept in versions.values() for one in kept]
            await write(self._shard, self._key, msgspec.json.encode(versions), outputs)
        return held

    def _put_in_force(self, holder: Holder, name: str, number: int) -> bool:
        try:
            raw = joined(self._shard.store.get, self._parts_key(name, number))
            if raw is None:
                raise SnapshotUnreadable("contents", "this partition does not keep it")
            header, _, parts, _ = unpack(raw, self._services.snapshot_key)
            if header.features != self._features or header.names != (name,):
                raise SnapshotUnreadable("features", "it is of other features")
            holder.put_in_force(name, parts, number)
        except (SnapshotUnreadable, Incomplete, LookupError, ValueError) as error:
            logger.error("version %d of %s is not put in force in partition %d: %s",
                         number, name, self._shard.partition, error)  # fmt: skip
            return False
        logger.info("%s of partition %d is at version %d", name, self._shard.partition, number)
        return True

    def _packed(self, version: ModelVersion, parts: State) -> bytes:
        header = Header(
            features=self._features,
            names=(version.model,),
            seed=self._seed,
            block_rows=1,
            position=version.learned,
            learned=version.learned,
        )
        nothing = np.zeros((0, len(self._features)))
        return pack(Snapshot(header, nothing, parts, {}), self._services.snapshot_key)

    def _output(self, version: ModelVersion, *, gone: bool = False) -> Output:
        key = f"{version.model}/{version.partition}/{version.version}".encode()
        return Output(self._services.topics.models, 0, key, None if gone else encode(version))

    def _parts_key(self, name: str, version: int) -> bytes:
        return self._key + name.encode() + b"/" + version.to_bytes(8, "big")


async def write(shard: Shard, key: bytes, value: bytes | None, outputs: Sequence[Output] = ()) -> None:
    """Put a value under a key, or take it away, in steps of its own between those of records; outputs go with the
    last."""
    batches = cut(shard.store.get, key, value)
    for number, writes in enumerate(batches):
        await shard.commit(writes, outputs if number == len(batches) - 1 else ())


async def tell(shard: Shard, output: Output) -> None:
    """Send a record, in a step of its own."""
    await shard.commit({}, [output])
