"""What an ensemble has learnt, as bytes: arrays and numbers, signed, and nothing that could run when it is read.

Layout: magic (4), format version (2, big-endian), length of the body (4), signature (32), body. The signature is a
keyed BLAKE2b over all that stands before and after it. The body is compressed msgpack. It is checked before anything
in the body is looked at.
"""

import hmac
import zlib
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from struct import Struct as Layout
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.calibration import RECENT_ROWS
from models.half_space import HEIGHT, N_TREES, WINDOW_ROWS
from models.local_outliers import NEIGHBOURS, STEPS
from models.loda import BINS as BINS_OF_LODA
from models.one_class import BINS, LEARNING_RATE, NU
from models.protocol import Matrix, State

FORMAT_VERSION: Final = 1
MAGIC: Final = b"ARGM"
# Of what is quoted when contents cannot be read.
TOLD_CHARS: Final = 300
SIGNATURE_BYTES: Final = 32
# Many times what all models together have.
BODY_MAX_BYTES: Final = 64 * 1024 * 1024
LIBRARIES: Final = ("river", "numpy", "scikit-learn")
PARAMS: Final[dict[str, float]] = {
    "half_space_trees.n_trees": N_TREES,
    "half_space_trees.height": HEIGHT,
    "half_space_trees.window_rows": WINDOW_ROWS,
    "one_class_svm.bins": BINS,
    "one_class_svm.nu": NU,
    "one_class_svm.learning_rate": LEARNING_RATE,
    "loda.bins": BINS_OF_LODA,
    "local_outlier_factor.neighbours": NEIGHBOURS,
    "local_outlier_factor.steps": STEPS,
    "calibration.recent_rows": RECENT_ROWS,
}
_PREFIX = Layout(">4sHI")
_DTYPES: Final = frozenset({"<f8", "<i8", "<u2", "<f4", "<i4", "|u1"})


def libraries() -> dict[str, str]:
    """Those that models are learnt with, and their versions here."""
    return {name: _version(name) for name in LIBRARIES}


class SnapshotUnreadable(Exception):
    """Set the bytes aside and start fresh. reason: one of a closed set: `truncated`, `not a snapshot`,
    `format version`, `signature`, `features`, `parameters`, `contents`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Array(msgspec.Struct, frozen=True, array_like=True):
    """dtype: numpy's own short name, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself.

    position: rows taken note of; learned: the untainted among them. libraries: name to the version it was learnt
    with, to be told, not asked for: the arrays mean the same under any.
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    seed: int
    block_rows: int
    position: int
    learned: int
    params: dict[str, float] = msgspec.field(default_factory=PARAMS.copy)
    libraries: dict[str, str] = msgspec.field(default_factory=libraries)


class Snapshot(NamedTuple):
    """pending: untainted rows of the block under way. bank, next_bank: `models.bank.Bank.state` of both."""

    header: Header
    pending: Matrix
    bank: State
    next_bank: State


class Body(msgspec.Struct, frozen=True):
    """The banks' arrays by name; those of the next bank that equal this bank's are left out."""

    header: Header
    pending: Array
    bank: dict[str, Array]
    next_bank: dict[str, Array]


def pack(snapshot: Snapshot, key: bytes) -> bytes:
    """Errors: ValueError when the key is empty."""
    bank = {name: _packed(array) for name, array in snapshot.bank.items()}
    next_bank = {name: _packed(array) for name, array in snapshot.next_bank.items()}
    changed = {name: array for name, array in next_bank.items() if array != bank.get(name)}
    body = msgspec.msgpack.encode(Body(snapshot.header, _packed(snapshot.pending), bank, changed))
    body = zlib.compress(body, level=1)
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(body))
    return prefix + _signature(key, prefix, body) + body


def unpack(raw: bytes, key: bytes) -> Snapshot:
    """Errors: SnapshotUnreadable."""
    body = _opened(raw, key)
    part_of = {"calibration", *body.header.names}
    if any(body.header.params.get(name) != value for name, value in PARAMS.items() if name.split(".")[0] in part_of):
        raise SnapshotUnreadable("parameters", f"learnt with {body.header.params}")
    try:
        bank = {name: _unpacked(array) for name, array in body.bank.items()}
        next_bank = bank | {name: _unpacked(array) for name, array in body.next_bank.items()}
        return Snapshot(body.header, _unpacked(body.pending), bank, next_bank)
    except ValueError as error:
        raise SnapshotUnreadable("contents", str(error)) from error


def _opened(raw: bytes, key: bytes) -> Body:
    start = _PREFIX.size + SIGNATURE_BYTES
    if not raw.startswith(MAGIC[: len(raw)]):
        raise SnapshotUnreadable("not a snapshot", f"begins with {raw[:4]!r}")
    if len(raw) < start:
        raise SnapshotUnreadable("truncated", f"{len(raw)} bytes")
    _, format_version, length = _PREFIX.unpack_from(raw)
    if format_version != FORMAT_VERSION:
        raise SnapshotUnreadable("format version", f"{format_version}, this is {FORMAT_VERSION}")
    body = raw[start:]
    if len(body) < length:
        raise SnapshotUnreadable("truncated", f"{len(body)} of {length} bytes")
    if not hmac.compare_digest(_signature(key, raw[: _PREFIX.size], body), raw[_PREFIX.size : start]):
        raise SnapshotUnreadable("signature", "not signed with this key, or changed since")
    try:
        return msgspec.msgpack.decode(_swollen(body), type=Body)
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotUnreadable("contents", str(error)[:TOLD_CHARS]) from error


def _swollen(body: bytes) -> bytes:
    """The body decompressed. Errors: zlib.error, and ValueError where there is no end to it, or more behind it."""
    reader = zlib.decompressobj()
    swollen = reader.decompress(body, BODY_MAX_BYTES)
    if not reader.eof or reader.unused_data:
        raise ValueError(f"the body does not end within {BODY_MAX_BYTES} bytes")
    return swollen


def _signature(key: bytes, prefix: bytes, body: bytes) -> bytes:
    if not key:
        raise ValueError("a snapshot needs a key to be signed with")
    secret = blake2b(key).digest()  # of any length
    return blake2b(prefix + body, digest_size=SIGNATURE_BYTES, key=secret, person=b"argus-models").digest()


def _packed(array: npt.NDArray[Any]) -> Array:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return Array(little.dtype.str, array.shape, little.tobytes())


def _unpacked(packed: Array) -> npt.NDArray[Any]:
    if packed.dtype not in _DTYPES:
        raise ValueError(f"an array of {packed.dtype}")
    return np.frombuffer(packed.data, packed.dtype).reshape(packed.shape).astype(packed.dtype[1:])


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
