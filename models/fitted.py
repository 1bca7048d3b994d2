"""What models have in common that are fitted on a sample of rows, in another process, and swapped in."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from models.protocol import Matrix, Row, State, Vector

FIRST_FIT_ROWS: Final = 512
"""The next fits come when there are twice as many rows, until REFIT_ROWS have come since the last."""
REFIT_ROWS: Final = 50_000
HELD_OUT: Final = 4
"""Of so many rows one is left out of a fit, to learn how strange normal rows look to it."""
LEAST_ROWS: Final = 100
CALIBRATE_EVERY: Final = 8
"""Of so many rows learnt one is scored once more, to keep the calibration fresh."""


class Fitted(ABC):
    """A `protocol.Model` whose learning is done elsewhere: rows go to the bank's sample, and what was fitted on it is
    adopted whole, with the next version. Arrays only; its scoring is numpy of its own, the same numbers for a row
    whatever stands around it.
    """

    name: ClassVar[str]
    version = 0
    """Of what is in force; 0 before the first."""

    def __init__(self, features: Sequence[str], seed: int) -> None:
        self.width = len(features)
        self.seed = seed
        self.next_fit_rows = FIRST_FIT_ROWS
        self.newest = 0
        """The highest version that ever was in force: after a rollback, higher than the one that is."""
        self.asked = 0
        """The version that was asked for last."""
        self.parts: State = {}

    @property
    def ready(self) -> bool:
        return self.version > 0

    @property
    def waiting(self) -> bool:
        """A fit was asked for and has not been told yet."""
        return self.asked > self.version

    def due(self, rows: int) -> bool:
        """Whether to fit anew, when so many rows have been learnt. Asks once."""
        if rows < self.next_fit_rows or self.waiting:
            return False
        self.next_fit_rows = min(2 * rows, rows + REFIT_ROWS)
        return True

    def adopt(self, parts: State, version: int) -> None:
        """Score by what was fitted from now on. Errors: KeyError or ValueError where it is not of this model."""
        self._prepare(parts)
        self.parts, self.version = parts, version
        self.asked, self.newest = max(self.asked, version), max(self.newest, version)

    def give_up(self) -> None:
        """The fit that was asked for has failed: the version in force stays, the next is asked for in its time."""
        self.asked = self.version

    @abstractmethod
    def _prepare(self, parts: State) -> None:
        """Check the arrays, and lay them out for scoring. Replaces, never changes in place."""

    @abstractmethod
    def _scores(self, rows: Matrix) -> Vector:
        """Of complete rows, by what was prepared."""

    def score_rows(self, rows: Matrix) -> Vector:
        if not self.ready or not len(rows):
            return np.zeros(len(rows))
        return self._scores(np.clip(rows, 0.0, 1.0))

    def score_row(self, row: Row) -> float:
        return float(self.score_rows(np.array([row], np.float64))[0])

    def learn_rows(self, rows: Matrix) -> Vector:
        return self.score_rows(rows[::CALIBRATE_EVERY])

    def state(self) -> State:
        facts = np.array([self.version, self.asked, self.newest, self.next_fit_rows], np.int64)
        return {"facts": facts, **{f"part.{name}": array for name, array in self.parts.items()}}

    def restore(self, state: State) -> None:
        version, asked, newest, next_fit_rows = state["facts"].tolist()
        if version:
            self.adopt({name[5:]: array for name, array in state.items() if name.startswith("part.")}, version)
        self.asked, self.newest, self.next_fit_rows = asked, newest, next_fit_rows

    @classmethod
    def fit(cls, arrays: State, seed: int, learn: Callable[[Matrix], Mapping[str, npt.NDArray[Any]]]) -> State:
        """Runs in the fitting process: the parts as `learn` makes them of most `rows`; `held_out`, the scores of the
        others; and where there are `tainted` rows `quality`: how often one of them scores above one that was held out
        (AUC, 0.5 by chance), and how many they are."""
        rows, tainted = arrays["rows"], arrays.get("tainted")
        if len(rows) < LEAST_ROWS:
            raise ValueError(f"{len(rows)} rows are too few, {LEAST_ROWS} are enough")
        shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
        held = len(rows) // HELD_OUT
        parts = dict(learn(shuffled[held:]))
        model = cls([""] * rows.shape[1], seed)
        model.adopt(parts, 1)
        held_out = model.score_rows(shuffled[:held])
        if tainted is None or not len(tainted):
            return parts | {"held_out": held_out}
        quality = np.array([_auc(model.score_rows(tainted), held_out), len(tainted)])
        return parts | {"held_out": held_out, "quality": quality}


def _auc(strange: Vector, normal: Vector) -> float:
    ordered = np.sort(normal)
    above = (ordered.searchsorted(strange, "left") + ordered.searchsorted(strange, "right")) / 2
    return float(above.mean()) / len(normal)
