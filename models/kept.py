"""Feature vectors that wait for their labels: columns of numpy arrays for one partition, bounded.

All events that alerted are kept, and of the rest those whose key's first bits are zero: a choice by hash, the same in
every process and however the events were cut into batches. While there is room no bit is asked for. When the rows are
full, one more is asked of the larger of the two groups, which halves it: each row of it then stands for twice as
many. Where that makes no room (most have labels), the oldest eighth goes. Where three quarters are free again, one
bit less is asked of what comes.

A value is kept in a byte, as the nearest of 255 steps from 0 to 1: at most 0.002 off, less than any feature means.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from core.judged import Case
from core.state import mark, short
from models.protocol import Matrix, Vector
from models.rows import matrix_of

STEPS: Final = 255
KEY_BITS: Final = 64
# A label, as a column has it.
UNKNOWN: Final = 0
LEGIT: Final = 1
FRAUD: Final = 2
# Flags. TOLD: a rule spoke, or the event was tainted; TAINTED: it must not be taken for normal without a label.
TOLD: Final = 1
TAINTED: Final = 2
# What comes with a row (scored, raised: a bit for each model, see `models.trust`), and what becomes of it.
FACTS: Final = {
    "key": "u8",
    "user": "u8",
    "time_ms": "i8",
    "device": "u4",
    "network": "u4",
    "flags": "u1",
    "scored": "u1",
    "raised": "u1",
}
FATES: Final = {"label": "u1", "source": "u1", "label_ms": "i8", "learnt": "u1", "bits": "u1"}
FIRST_ROWS: Final = 1_024
GIVEN_UP: Final = 8

Column = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Index = npt.NDArray[np.intp]


class Chunk(NamedTuple):
    """Some rows, in order of arrival. facts: columns by the names of `FACTS`; rows: (n, features), in bytes."""

    facts: dict[str, Column]
    rows: Bytes

    def some(self, which: Index) -> "Chunk":
        """Those of them."""
        return Chunk({name: column[which] for name, column in self.facts.items()}, self.rows[which])


def to_bytes(rows: Matrix) -> Bytes:
    """0..1 to 0..255; what is missing or no number is 0, which stands for nothing of that."""
    matrix = np.nan_to_num(rows, nan=0.0, posinf=1.0, neginf=0.0)
    kept: Bytes = (np.clip(matrix, 0.0, 1.0) * STEPS + 0.5).astype(np.uint8)
    return kept


def to_shares(rows: Bytes) -> Matrix:
    """Back to 0..1."""
    return rows.astype(np.float64) / STEPS


def chunk_of(cases: Iterable[Case], width: int) -> Chunk:
    """Of settled cases, those that were observed. width: of their fraud rows."""
    heard = [case for case in cases if case.fraud_row is not None]
    actions = [case.action for case in heard]
    told = [(TOLD if case.hits or case.tainted else 0) | (TAINTED if case.tainted else 0) for case in heard]
    columns: dict[str, Column] = {
        "key": np.frombuffer(b"".join([action.key for action in actions]), ">u8").astype(np.uint64),
        "user": np.array([mark(action.user_id) for action in actions], np.uint64),
        "time_ms": np.array([action.time_ms for action in actions], np.int64),
        "device": np.array([_short(action.device_id) for action in actions], np.uint32),
        "network": np.array([0 if case.seen is None else short(case.seen.network_mark) for case in heard], np.uint32),
        "flags": np.array(told, np.uint8),
        "scored": np.zeros(len(heard), np.uint8),
        "raised": np.zeros(len(heard), np.uint8),
    }
    return Chunk(columns, to_bytes(matrix_of([case.fraud_row or () for case in heard], width)))


def _short(text: str | None) -> int:
    return 0 if text is None else short(mark(text))


class KeptRows:
    """The kept rows of one partition. Columns are arrays of the first `count` rows; rows stay in order of arrival."""

    def __init__(self, width: int, rows_most: int) -> None:
        if rows_most < GIVEN_UP:
            raise ValueError(f"{rows_most} rows are too few to learn from")
        self.width = width
        self.rows_most = rows_most
        # How many first bits of a key must be zero: of rows that nobody told of, and of the others.
        self.bits = [0, 0]
        # Rows that left before their label could come: their window was over, or there was no more room.
        self.expired = self.given_up = 0
        self.count = 0
        self._columns = {name: np.zeros(0, dtype) for name, dtype in (FACTS | FATES).items()}
        self._rows: Bytes = np.zeros((0, width), np.uint8)

    def column(self, name: str) -> Column:
        """By the names of `FACTS` and `FATES`; a view, to be written to."""
        return self._columns[name][: self.count]

    @property
    def rows(self) -> Bytes:
        return self._rows[: self.count]

    def wanted(self, chunk: Chunk) -> Chunk:
        """What of it would be kept now."""
        if not any(self.bits):
            return chunk
        which = np.flatnonzero(self._chosen(chunk.facts["key"], chunk.facts["flags"]))
        return chunk.some(which)

    def _chosen(self, keys: Column, flags: Column) -> npt.NDArray[np.bool_]:
        bits = np.where(flags & TOLD, np.uint64(self.bits[1]), np.uint64(self.bits[0]))
        # A shift by all 64 bits is none.
        leading = keys >> (np.uint64(KEY_BITS - 1) - (bits - np.minimum(bits, np.uint64(1))))
        return (bits == 0) | (leading == 0)

    def add(self, chunk: Chunk) -> None:
        """Keep what is wanted of it, with room made where there is none."""
        chunk = self.wanted(chunk)
        while self.count + len(chunk.rows) > self.rows_most and len(chunk.rows):
            if not self._thin():
                self._give_up()
            chunk = self.wanted(chunk)
            if len(chunk.rows) > self.rows_most:
                chunk = chunk.some(np.arange(len(chunk.rows) - self.rows_most, len(chunk.rows)))
        begin, self.count = self.count, self.count + len(chunk.rows)
        self._grow()
        for name, column in chunk.facts.items():
            self._columns[name][begin : self.count] = column
        for name in FATES:
            self._columns[name][begin : self.count] = 0
        self._columns["bits"][begin : self.count] = np.where(chunk.facts["flags"] & TOLD, *reversed(self.bits))
        self._rows[begin : self.count] = chunk.rows

    def _grow(self) -> None:
        room = len(self._rows)
        if self.count <= room:
            return
        room = min(self.rows_most, max(FIRST_ROWS, 2 * room, self.count))
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate((column, np.zeros(room - len(column), column.dtype)))
        self._rows = np.concatenate((self._rows, np.zeros((room - len(self._rows), self.width), np.uint8)))

    def _thin(self) -> bool:
        """Ask one bit more of the larger group's unlabelled rows, if they are enough for that to make room."""
        told = (self.column("flags") & TOLD) > 0
        unknown = self.column("label") == UNKNOWN
        sizes = [int(np.count_nonzero(unknown & group)) for group in (~told, told)]
        group = int(sizes[1] > sizes[0])
        if self.bits[group] >= KEY_BITS - 1 or sizes[group] < self.count // GIVEN_UP:
            return False
        self.bits[group] += 1
        here = told == bool(group)
        chosen = self._chosen(self.column("key"), self.column("flags"))
        bits = self.column("bits")
        bits[here & chosen] = np.maximum(bits[here & chosen], self.bits[group])
        self.keep_only(~unknown | chosen | ~here)
        return True

    def _give_up(self) -> None:
        self.given_up += int(np.count_nonzero(self.column("label")[: self.count // GIVEN_UP + 1] == UNKNOWN))
        self.keep_only(np.arange(self.count) > self.count // GIVEN_UP)

    def keep_only(self, which: npt.NDArray[np.bool_]) -> None:
        """Drop the others."""
        places = np.flatnonzero(which)
        for column in self._columns.values():
            column[: len(places)] = column[places]
        self._rows[: len(places)] = self._rows[places]
        self.count = len(places)

    def expire(self, before_ms: int) -> None:
        """Drop what happened before then, once that is a sixteenth of all."""
        old = self.column("time_ms") < before_ms
        gone = int(np.count_nonzero(old))
        if gone and gone >= self.count // 16:
            self.expired += int(np.count_nonzero(old & (self.column("label") == UNKNOWN)))
            self.keep_only(~old)
            if self.count < self.rows_most // 4:
                self.bits = [max(0, bits - 1) for bits in self.bits]

    def weights(self) -> Vector:
        """For how many events each row stands. Fraud stands for itself."""
        counts: Vector = np.exp2(self.column("bits").astype(np.float64))
        counts[self.column("label") == FRAUD] = 1.0
        return counts

    def find(self, key: int, user: int) -> int | None:
        """The place of an event's row, by its key and its user's mark."""
        found = np.flatnonzero(self.column("key") == np.uint64(key))
        for place in found.tolist():
            if int(self.column("user")[place]) == user:
                return int(place)
        return None
