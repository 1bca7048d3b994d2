"""A source's state as bytes: packed msgpack, an array whose first item is the version of its shape.

Fields that a later version adds at the end have their defaults in an older record. A record of a newer version is an
error: to write it back would lose what it knows.
"""

from typing import Any, Final

import msgspec

from core.source_state import VERSION, SourceState

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SourceState).decode
_decode_bare: Final = msgspec.msgpack.Decoder(list[Any]).decode


class NewerVersion(Exception):
    """The record was written by a newer Argus: stop, and start that one. version: the record's."""

    def __init__(self, version: int) -> None:
        super().__init__(f"a source's state has version {version}, this Argus reads up to {VERSION}")
        self.version = version


class Unreadable(Exception):
    """The bytes are no source's state."""


def encode_source(state: SourceState) -> bytes:
    """The state's bytes, at most `core.source_state.STATE_MAX_BYTES`."""
    return _encode(state)


def decode_source(data: bytes) -> SourceState:
    """The state in `data`. Raises `NewerVersion`, and `Unreadable` for anything else."""
    try:
        state = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(data, error) from error
    if state.version != VERSION:
        raise _newer(state.version)
    return state


def _unreadable(data: bytes, error: Exception) -> Exception:
    """A newer version's shape may be any."""
    try:
        items = _decode_bare(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Unreadable(f"not a source's state: {error}")
    return _newer(items[0])


def _newer(version: object) -> Exception:
    if isinstance(version, int) and version > VERSION:
        return NewerVersion(version)
    return Unreadable(f"not a source's state: its version is {version!r}")
