"""A bounded sample of all rows that were learnt, for models that are fitted now and then."""

from copy import copy
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from models.protocol import Matrix, State

CAPACITY: Final = 4_096
HORIZON_ROWS: Final = 250_000
"""So far back a full sample reaches on average: what somebody repeats for an hour is a sliver of it."""
STEPS: Final = 65_535
Steps = npt.NDArray[np.uint16]


class Reservoir:
    """Every row has the same chance to be in the sample (Vitter's algorithm R) until HORIZON_ROWS have come; a later
    one keeps the chance that a row had there, and takes a random place (Aggarwal 2006): the old fade away.

    Rows are kept to one part in 65,535. What is drawn hangs on the seed and on how many rows came before, not on how
    they were cut into batches. Learning replaces the sample and never changes it in place.
    """

    def __init__(self, width: int, seed: int) -> None:
        self.count = 0
        """Rows that came."""
        self.from_ms = self.to_ms = 0
        """Event time at the first and the last of them; 0 where nobody said."""
        self._seed = seed
        self._steps: Steps = np.empty((0, width), np.uint16)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def rows(self) -> Matrix:
        rows: Matrix = self._steps / STEPS
        return rows

    def add(self, rows: Matrix, clock_ms: int = 0) -> None:
        """rows: complete, 0..1, oldest first. clock_ms: event time."""
        if not len(rows):
            return
        steps = np.rint(rows * STEPS).astype(np.uint16)
        free = steps[: CAPACITY - len(self._steps)]
        kept = np.concatenate((self._steps, free))
        late = steps[len(free) :]
        if len(late):
            before = self.count + len(free)
            rank = np.minimum(before + 1 + np.arange(len(late)), HORIZON_ROWS)
            drawn = self._drawn(before, len(late))
            place = np.floor(drawn * rank).astype(np.int64)
            taken = place < CAPACITY
            kept[place[taken]] = late[taken]  # of several at one place the newest stays
        self._steps = kept
        self.count += len(rows)
        self.from_ms, self.to_ms = self.from_ms or clock_ms, clock_ms

    def _drawn(self, before: int, count: int) -> npt.NDArray[np.float64]:
        """The uniform number of each row, by its place in the stream: Philox can begin anywhere."""
        generator = np.random.Philox(key=self._seed & 0xFFFF_FFFF_FFFF_FFFF, counter=before // 4)
        skipped = before % 4  # it makes four numbers at a time
        drawn: npt.NDArray[np.float64] = np.random.Generator(generator).random(skipped + count)[skipped:]
        return drawn

    def copy(self) -> Self:
        """One that goes its own way."""
        return copy(self)

    def state(self) -> State:
        return {"rows": self._steps, "count": np.array([self.count, self.from_ms, self.to_ms], np.int64)}

    def restore(self, state: State) -> None:
        """Errors: KeyError or ValueError if that was no such sample."""
        rows = state["rows"]
        if rows.dtype != np.uint16 or rows.shape[1:] != self._steps.shape[1:] or len(rows) > CAPACITY:
            raise ValueError("a sample of another size")
        self.count, self.from_ms, self.to_ms = state["count"].tolist()
        self._steps = rows
