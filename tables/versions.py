"""Packed msgpack, an array whose first item is the version of its shape.

Fields that a later version adds at the end have their defaults in an older record. A record of a newer version is an
error: to write it back would lose what it knows.
"""

from typing import Any, Generic, Protocol, TypeVar

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode_bare = msgspec.msgpack.Decoder(list[Any]).decode


class NewerVersion(Exception):
    """The record was written by a newer Argus: stop, and start that one. version: the record's."""

    def __init__(self, what: str, version: int, newest: int) -> None:
        super().__init__(f"{what} has version {version}, this Argus reads up to {newest}")
        self.version = version


class Unreadable(Exception):
    """The bytes are nothing of the kind."""


class Versioned(Protocol):
    """A struct whose first item is its version."""

    version: int


State = TypeVar("State", bound=Versioned)


class Codec(Generic[State]):
    """A kind of state to bytes and back. what: its name for people, "a source's state" for example."""

    def __init__(self, type_: type[State], version: int, what: str, oldest: int | None = None) -> None:
        """oldest: the first version that differs from `version` only by what was added at the end."""
        self._decode = msgspec.msgpack.Decoder(type_).decode
        self._version = version
        self._oldest = version if oldest is None else oldest
        self._what = what

    def encode(self, state: State) -> bytes:
        return _encode(state)

    def decode(self, data: bytes) -> State:
        """The state in `data`. Raises `NewerVersion`, and `Unreadable` for anything else."""
        try:
            state = self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._unreadable(data, error) from error
        if not self._oldest <= state.version <= self._version:
            raise self._newer(state.version)
        state.version = self._version
        return state

    def _unreadable(self, data: bytes, error: Exception) -> Exception:
        """A newer version's shape may be any."""
        try:
            items = _decode_bare(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Unreadable(f"not {self._what}: {error}")
        return self._newer(items[0] if items else None)

    def _newer(self, version: object) -> Exception:
        if isinstance(version, int) and version > self._version:
            return NewerVersion(self._what, version, self._version)
        return Unreadable(f"not {self._what}: its version is {version!r}")
