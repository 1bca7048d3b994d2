"""How a source's state is kept: msgpack, arrays instead of maps, with its version first."""

import msgspec

from core.source_state import VERSION, SourceState

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceState).decode


def encode_source(state: SourceState) -> bytes:
    """The state's bytes, at most `core.source_state.STATE_MAX_BYTES`."""
    return _encode(state)


def decode_source(data: bytes) -> SourceState:
    """The state in `data`, brought up to the current version.

    Fields that a later version added at the end have their defaults; bytes of a newer version than this program's are
    a ValueError, since to write them back would lose what they know.
    """
    state = _decode(data)
    if state.version > VERSION:
        raise ValueError(f"a source state of version {state.version}; this program reads up to {VERSION}")
    state.version = VERSION
    return state
