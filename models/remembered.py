"""What a partition's learner leaves behind: chunks of kept rows, labels, and a snapshot of its models; and back.

Rows and labels are state like any other. The models could be learnt anew from them, and are where the snapshot cannot
be read: it only saves the time until they speak again. Its arrays mean the same under any version of a library. The
adaptive forest alone is a pickle, which nobody but Argus can have signed and only its own version of River reads.
"""

import pickle  # nosec B403 # read only where Argus's own signature is on it
from importlib.metadata import version
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from models.calibration import OddsCalibration
from models.kept import FACTS, FRAUD, UNKNOWN, Chunk
from models.labelled import Labelled
from models.learnt import GROWN, ONLINE, AdaptiveForest, Grown, Logistic
from models.protocol import State
from models.sealed import seal, unseal
from models.snapshot import SnapshotUnreadable
from models.words import AS_FRAUD, AS_LEGIT, HELD_OUT, held_out, take_back, undisputed

CHUNK_VERSION: Final = 1


class Lore(Struct, frozen=True, kw_only=True):
    """The head of a snapshot. clock_ms: of the events when silence was last listened to; fitted: frauds known when a
    forest was last asked for; bits: see `models.kept`; versions: of forests, which a former Argus did not tell."""

    features: tuple[str, ...]
    names: tuple[str, ...]
    clock_ms: int
    frauds: int
    swaps: int
    lessons: int
    epochs_left: int
    fitted: dict[str, int]
    bits: tuple[int, int]
    river: str
    versions: dict[str, int] = {}


class Said(Struct, array_like=True, frozen=True):
    """A label that stands, as state keeps it. label, source: as `models.kept` and `models.words` number them;
    time_ms: of the event; said_ms: of the label."""

    user: int
    label: int
    source: int
    said_ms: int
    time_ms: int


class _ChunkHead(Struct, array_like=True, frozen=True):
    version: int
    features: tuple[str, ...]
    count: int
    columns: bytes
    rows: bytes


encode_said = msgspec.msgpack.Encoder().encode
decode_said = msgspec.msgpack.Decoder(Said).decode
_encode = msgspec.msgpack.Encoder().encode
_decode_chunk = msgspec.msgpack.Decoder(_ChunkHead).decode


def pack_chunk(chunk: Chunk, features: tuple[str, ...]) -> bytes:
    """About 75 bytes a row, and the names of the features."""
    columns = b"".join(chunk.facts[name].astype("<" + dtype).tobytes() for name, dtype in FACTS.items())
    return _encode(_ChunkHead(CHUNK_VERSION, features, len(chunk.rows), columns, chunk.rows.tobytes()))


def unpack_chunk(raw: bytes, features: tuple[str, ...]) -> Chunk:
    """Errors: ValueError for rows of other features, or none at all."""
    try:
        head = _decode_chunk(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if head.version != CHUNK_VERSION or head.features != features:
        raise ValueError("rows of other features")
    facts, at = {}, 0
    for name, dtype in FACTS.items():
        end = at + head.count * np.dtype(dtype).itemsize
        facts[name] = np.frombuffer(head.columns[at:end], "<" + dtype).astype(dtype)
        at = end
    rows = np.frombuffer(head.rows, np.uint8).reshape(head.count, len(features))
    if any(len(column) != head.count for column in facts.values()):
        raise ValueError("columns of different lengths")
    return Chunk(facts, rows)


def said_of(learner: Labelled, key: int, user: int) -> Said | None:
    """The label that stands of an event's row, None without one."""
    place = learner.kept.find(key, user)
    if place is None or learner.kept.column("label")[place] == UNKNOWN:
        return None
    facts = (int(learner.kept.column(name)[place]) for name in ("label", "source", "label_ms", "time_ms"))
    return Said(user, *facts)


def snapshot(learner: Labelled, key: bytes) -> bytes:
    """The learner's models, signed; not its rows."""
    arrays: dict[str, Any] = {"trust": learner.trust.counts}
    for name, model in learner.models.items():
        if isinstance(model, AdaptiveForest):
            arrays[f"{name}/pickle"] = np.frombuffer(pickle.dumps(model.model), np.uint8)
        elif isinstance(model, Logistic | Grown):
            arrays |= {f"{name}/{part}": array for part, array in model.state().items()}
    for name, calibration in learner.calibrations.items():
        arrays[f"{name}/recent"] = calibration.state()["recent"]
    lore = Lore(
        features=learner.features,
        names=learner.names,
        clock_ms=learner.matured_ms,
        frauds=learner.frauds,
        swaps=learner.swaps,
        lessons=learner.lessons,
        epochs_left=learner.epochs_left,
        fitted=learner.fitted_frauds,
        bits=(learner.kept.bits[0], learner.kept.bits[1]),
        river=version("river"),
        versions=learner.versions,
    )
    return seal(lore, arrays, key)


def resume(learner: Labelled, raw: bytes, key: bytes) -> None:
    """Become what the snapshot was taken of; call it before rows are put back. Models that are off now stay off.

    Errors: SnapshotUnreadable; the learner is then as it was.
    """
    lore, arrays = unseal(raw, Lore, key)
    if lore.features != learner.features or lore.names != learner.names:
        raise SnapshotUnreadable("features", f"learnt by {', '.join(lore.names)} from {', '.join(lore.features)}")
    models: dict[str, Any] = {}
    calibrations = {}
    try:
        for name in lore.names:
            part = _under(arrays, f"{name}/")
            if name == AdaptiveForest.name and "pickle" in part:
                if lore.river != version("river"):
                    raise SnapshotUnreadable("parameters", f"{name} of River {lore.river}")
                forest = AdaptiveForest(learner.features)
                forest.model = pickle.loads(part["pickle"].tobytes())  # noqa: S301 # nosec B301 # signed by Argus
                models[name] = forest
            elif name in ONLINE and part:
                models[name] = Logistic.restore(part, learner.features)
            elif name in GROWN and "roots" in part:
                models[name] = Grown(part, len(learner.features), shares=GROWN[name])
            if name in models and "recent" in part:
                calibrations[name] = OddsCalibration(part["recent"])
        if arrays["trust"].shape != learner.trust.counts.shape:
            raise ValueError("trust of other models")
    except (LookupError, ValueError, TypeError, AttributeError, pickle.UnpicklingError, ImportError) as error:
        raise SnapshotUnreadable("contents", str(error)) from error
    learner.models, learner.calibrations = models, calibrations
    learner.trust.counts = arrays["trust"].copy()
    learner.matured_ms, learner.frauds, learner.swaps = lore.clock_ms, lore.frauds, lore.swaps
    learner.lessons, learner.epochs_left = lore.lessons, lore.epochs_left
    learner.fitted_frauds = {name: count for name, count in lore.fitted.items() if name in models}
    learner.kept.bits = list(lore.bits)
    learner.versions = {name: lore.versions.get(name, lore.swaps) for name in models if name in GROWN}


def _under(arrays: State, prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def put_back(learner: Labelled, said: dict[int, Said]) -> list[int]:
    """Give the rows that were put back their labels, by event key, and mark what the snapshot's models have learnt.

    Answers the keys of labels that no row has any more.
    """
    kept, gone = learner.kept, []
    # What holders said goes first: what frauds take back of it, they take back again.
    for key, label in sorted(said.items(), key=lambda entry: entry[1].label == FRAUD):
        place = kept.find(key, label.user)
        if place is None:
            gone.append(key)
            continue
        kept.column("label")[place], kept.column("label_ms")[place] = label.label, label.said_ms
        kept.column("source")[place] = label.source
        if label.label == FRAUD:
            take_back(kept, place)
    if not learner.models:
        learner.frauds = int(np.count_nonzero(kept.column("label") == FRAUD))
        return gone
    labels, learnt = kept.column("label"), kept.column("learnt")
    learnt[labels != UNKNOWN] = np.where(labels[labels != UNKNOWN] == FRAUD, AS_FRAUD, AS_LEGIT)
    silent = undisputed(kept, learner.matured_ms - learner.plan.delay_ms)
    learnt[silent] = np.where(held_out(kept)[silent], HELD_OUT, AS_LEGIT)
    return gone
