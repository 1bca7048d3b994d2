"""Following a log file: where it was left, through rotation and truncation, line by line."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

# A line beyond this is handed on in pieces (and refused by whoever reads them).
LINE_MAX_BYTES: Final = 1 << 20


class Line(Struct, frozen=True):
    """offset: where the line begins in its file; end: where the next one does; inode: which file that was."""

    text: bytes
    offset: int
    end: int
    inode: int


class Position(Struct, frozen=True):
    """How far a file was read."""

    inode: int = 0
    offset: int = 0


class Tail:
    """Reads the complete lines of a file that others write, move away and cut short.

    Moved away (a new file of that name is there): the old one is read to its end first. Cut short: read from the
    beginning. Left off in a file that was moved to NAME.1 since: that one is read to its end first.
    """

    def __init__(self, path: Path, position: Position | None = None) -> None:
        """Raises OSError where there is no such file."""
        self._path = path
        self._file: BinaryIO = path.open("rb")
        self._inode = os.fstat(self._file.fileno()).st_ino
        self._offset = 0
        if position is not None:
            self._go_on(position)

    def lines(self, last: bool = False) -> Iterator[Line]:
        """The lines that are there now. last: a line without an end counts too, since no more will come."""
        while True:
            yield from self._rest(last)
            if not self._next_file():
                return

    def close(self) -> None:
        self._file.close()

    def _rest(self, last: bool) -> Iterator[Line]:
        if os.fstat(self._file.fileno()).st_size < self._offset:
            self._offset = 0
        self._file.seek(self._offset)
        while text := self._file.readline(LINE_MAX_BYTES):
            ended = text.endswith(b"\n")
            if not ended and len(text) < LINE_MAX_BYTES and not last and not self._moved():
                return
            begin, self._offset = self._offset, self._offset + len(text)
            yield Line(text.rstrip(b"\r\n"), begin, self._offset, self._inode)

    def _moved(self) -> bool:
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return False

    def _next_file(self) -> bool:
        if not self._moved():
            return False
        try:
            fresh = self._path.open("rb")
        except FileNotFoundError:
            return False
        self._file.close()
        self._file = fresh
        self._inode = os.fstat(fresh.fileno()).st_ino
        self._offset = 0
        return True

    def _go_on(self, position: Position) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if position.inode == self._inode:
            self._offset = position.offset if position.offset <= size else 0
            return
        older = self._path.with_name(self._path.name + ".1")
        if older.exists() and older.stat().st_ino == position.inode and position.offset <= older.stat().st_size:
            self._file.close()
            self._file = older.open("rb")
            self._inode = position.inode
            self._offset = position.offset


def load_position(store: Path) -> Position | None:
    """The position kept in `store`; None where there is none that can be read."""
    try:
        return msgspec.json.decode(store.read_bytes(), type=Position)
    except (OSError, msgspec.DecodeError):
        return None


def save_position(store: Path, position: Position) -> None:
    """Keep it; whole or not at all."""
    store.parent.mkdir(parents=True, exist_ok=True)
    fresh = store.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(position))
    fresh.replace(store)
