"""A head and arrays as signed bytes, for what is kept between two lives of a process.

Layout: magic (4), format version (2, big-endian), signature (32), body. The signature is a keyed BLAKE2b over all
else, and is checked before anything in the body is looked at. The body is a compressed `models.parcel`.
"""

import hmac
import zlib
from hashlib import blake2b
from io import BytesIO
from typing import Final, TypeVar

import msgspec

from models.parcel import receive, send
from models.protocol import State
from models.snapshot import BODY_MAX_BYTES, SIGNATURE_BYTES, TOLD_CHARS, SnapshotUnreadable

MAGIC: Final = b"ARGL"
FORMAT_VERSION: Final = 1
_HEAD: Final = MAGIC + FORMAT_VERSION.to_bytes(2, "big")

H = TypeVar("H", bound=msgspec.Struct)


def seal(head: msgspec.Struct, arrays: State, key: bytes) -> bytes:
    """Errors: ValueError when the key is empty."""
    buffer = BytesIO()
    send(buffer, head, arrays)
    body = zlib.compress(buffer.getvalue(), level=1)
    return _HEAD + _signature(key, body) + body


def unseal(raw: bytes, kind: type[H], key: bytes) -> tuple[H, State]:
    """Errors: SnapshotUnreadable."""
    start = len(_HEAD) + SIGNATURE_BYTES
    if raw[:4] != MAGIC:
        raise SnapshotUnreadable("not a snapshot", f"begins with {raw[:4]!r}")
    if len(raw) < start:
        raise SnapshotUnreadable("truncated", f"{len(raw)} bytes")
    if raw[: len(_HEAD)] != _HEAD:
        raise SnapshotUnreadable("format version", f"this is {FORMAT_VERSION}")
    body = raw[start:]
    if not hmac.compare_digest(_signature(key, body), raw[len(_HEAD) : start]):
        raise SnapshotUnreadable("signature", "not signed with this key, or changed since")
    try:
        reader = zlib.decompressobj()
        swollen = reader.decompress(body, BODY_MAX_BYTES)
        received = receive(BytesIO(swollen), kind)
    except (zlib.error, ValueError, EOFError) as error:
        raise SnapshotUnreadable("contents", str(error)[:TOLD_CHARS]) from error
    if received is None or not reader.eof:
        raise SnapshotUnreadable("contents", "the body does not end")
    return received


def _signature(key: bytes, body: bytes) -> bytes:
    if not key:
        raise ValueError("a snapshot needs a key to be signed with")
    secret = blake2b(key).digest()  # of any length
    return blake2b(_HEAD + body, digest_size=SIGNATURE_BYTES, key=secret, person=b"argus-labels").digest()
