"""A value larger than one write should be: cut into chunks, with a manifest that is written last.

A value up to `CHUNK_BYTES` lies under its key as it is. A larger one lies in chunks under keys of their own, of two
generations in turn: until the manifest names the new chunks, the old ones are whole and stand.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

CHUNK_BYTES: Final = 512 * 1024
MAGIC: Final = b"\x00chunks1"
Get = Callable[[bytes], bytes | None]
Writes = dict[bytes, bytes | None]


class Incomplete(Exception):
    """A chunk is missing, or is not what the manifest says."""


class Manifest(Struct, array_like=True, frozen=True):
    """digest: SHA-256 of the whole value."""

    generation: int
    count: int
    size: int
    digest: bytes


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Manifest).decode


def cut(get: Get, key: bytes, value: bytes | None) -> Sequence[Writes]:
    """What puts `value` under `key`, or takes it away (None): batches to be written in this order, each small. The
    last one makes it stand, and clears what stood before."""
    try:
        before = _manifest(get(key))
    except Incomplete:
        before = None
    gone: Writes = {_chunk_key(key, before.generation, at): None for at in range(before.count)} if before else {}
    if value is None or len(value) <= CHUNK_BYTES:
        return [{key: value, **gone}]
    generation = 1 - before.generation if before else 0
    chunks = [value[start : start + CHUNK_BYTES] for start in range(0, len(value), CHUNK_BYTES)]
    manifest = Manifest(generation, len(chunks), len(value), sha256(value).digest())
    batches: list[Writes] = [{_chunk_key(key, generation, at): chunk} for at, chunk in enumerate(chunks)]
    return [*batches, {key: MAGIC + _encode(manifest), **gone}]


def joined(get: Get, key: bytes) -> bytes | None:
    """The value under a key, None where there is none. Raises `Incomplete`."""
    stored = get(key)
    manifest = _manifest(stored)
    if manifest is None:
        return stored
    chunks = [get(_chunk_key(key, manifest.generation, at)) for at in range(manifest.count)]
    value = b"".join(chunk for chunk in chunks if chunk is not None)
    if len(value) != manifest.size or sha256(value).digest() != manifest.digest:
        present = sum(chunk is not None for chunk in chunks)
        raise Incomplete(f"{present} of {manifest.count} chunks, {len(value)} of {manifest.size} bytes")
    return value


def _manifest(stored: bytes | None) -> Manifest | None:
    if stored is None or not stored.startswith(MAGIC):
        return None
    try:
        return _decode(stored[len(MAGIC) :])
    except msgspec.MsgspecError as error:
        raise Incomplete(f"its manifest can't be read: {error}") from error


def _chunk_key(key: bytes, generation: int, at: int) -> bytes:
    return key + b"\x00" + bytes([generation & 1]) + at.to_bytes(4, "big")
