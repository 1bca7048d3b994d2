"""What a scorer is to the rest of Argus, and what a model is to the ensemble."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from core.judged import Swap

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Cube = npt.NDArray[np.float64]
State = Mapping[str, npt.NDArray[Any]]
Row = Sequence[float]

FEW_ROWS: Final = 4
"""Up to here plain Python, row by row, costs no more than numpy's overhead per call (measured)."""


class Scorer(Protocol):
    """Says how unusual rows of features are. One scorer belongs to one partition.

    Per batch: `score` the rows, decide, then `learn` the same rows with the mask of those that may count as normal.
    Rows are scaled to 0..1 in the order of `features`; None or NaN stands for a value that is missing.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The models, in the order of `score_matrix`'s columns."""

    @property
    def warm(self) -> bool:
        """False while no model has learnt enough to speak; nothing is said until then."""

    def score(self, rows: Sequence[Row]) -> list[dict[str, float]]:
        """For each row, model to the share (0..1) of past untainted rows that it found less unusual. A model that has
        learnt too little is left out."""

    def learn(self, rows: Sequence[Row], mask: Sequence[bool]) -> None:
        """Take note of a whole batch: mask says which of its rows to learn. The rows may not change afterwards."""

    def explain(self, rows: Sequence[Row], places: Sequence[int]) -> list[dict[str, float]]:
        """Of each row, feature to its share in how unusual it is; shares sum to 1. places: each row's index in the
        batch that was scored last."""

    def instead(self, row: Row, at: int = 0) -> Sequence[Swap]:
        """What the deciding models would say with one feature at its usual value: each in turn that is not there yet,
        those that take off most first."""

    def snapshot(self, key: bytes) -> bytes:
        """Everything learnt, signed with the key."""


class Model(Protocol):
    """One algorithm. Scores grow with strangeness, have no common scale, and are the same numbers however rows are
    cut into batches. Rows are complete. Learning replaces what a model holds and never changes it in place, so a
    shallow copy stands still or learns on by itself."""

    name: ClassVar[str]

    @property
    def ready(self) -> bool:
        """False while it has learnt too little for its scores to mean anything."""

    def score_rows(self, rows: Matrix) -> Vector:
        """(n, features) to (n,)."""

    def score_row(self, row: Row) -> float:
        """The same number as `score_rows`, the cheapest way for one row."""

    def learn_rows(self, rows: Matrix) -> Vector:
        """Learn in order of the rows; answers a score of each by what was learnt before it (perhaps not all)."""

    def state(self) -> State:
        """What a snapshot keeps."""

    def restore(self, state: State) -> None:
        """Become what `state` was taken from. Errors: KeyError or ValueError if that was not such a model."""
