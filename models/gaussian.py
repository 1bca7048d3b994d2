"""How far out an amount or an hour lies, on a bell curve fitted to all that were learnt."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.protocol import FEW_ROWS, Matrix, Row, State, Vector

FEATURE_WORDS = ("amount", "hour")
GRACE_ROWS = 100
MIN_SIGMA = 1e-6


class Gaussian:
    """River's `anomaly.GaussianScorer`, one for each feature whose name speaks of an amount or an hour (each feature,
    if none does). Features are the user's own ratios already, so the curve is of deviations from a user's habit.

    The score is the largest distance from the mean in standard deviations, 0 for the first rows. River's own is
    erf(distance / sqrt 2): the same order, but it runs out of digits at 8 deviations, where this still ranks.
    """

    name: ClassVar[str] = "gaussian"

    def __init__(self, features: Sequence[str]) -> None:
        chosen = [i for i, name in enumerate(features) if any(word in name for word in FEATURE_WORDS)]
        self._columns = chosen or list(range(len(features)))
        self._rows = 0
        self._mean = np.zeros(len(self._columns))
        self._squares = np.zeros(len(self._columns))
        self._fit()

    def _fit(self) -> None:
        self._sigma = np.maximum(np.sqrt(self._squares / max(self._rows - 1, 1)), MIN_SIGMA)
        self._curves = list(zip(self._columns, self._mean.tolist(), self._sigma.tolist(), strict=True))

    @property
    def ready(self) -> bool:
        return self._rows >= GRACE_ROWS

    def score_rows(self, rows: Matrix) -> Vector:
        if len(rows) <= FEW_ROWS:
            return np.array([self.score_row(row) for row in rows.tolist()], np.float64)
        if not self.ready:
            return np.zeros(len(rows))
        distances: Vector = np.abs(rows[:, self._columns] - self._mean) / self._sigma
        farthest: Vector = distances.max(axis=1)
        return farthest

    def score_row(self, row: Row) -> float:
        if not self.ready:
            return 0.0
        return max([abs(row[column] - mean) / sigma for column, mean, sigma in self._curves])

    def learn_rows(self, rows: Matrix) -> Vector:
        scores = self.score_rows(rows)
        values = rows[:, self._columns]
        n = len(values)
        if n:
            mean = values.mean(axis=0)
            shift, total = mean - self._mean, self._rows + n
            # Chan, Golub and LeVeque (1983): two samples' sums of squares make their union's
            self._squares = (
                self._squares + ((values - mean) ** 2).sum(axis=0) + shift * shift * (self._rows * n / total)
            )
            self._mean = self._mean + shift * (n / total)
            self._rows = total
            self._fit()
        return scores

    def state(self) -> State:
        return {"mean": self._mean, "squares": self._squares, "rows": np.array([self._rows], np.int64)}

    def restore(self, state: State) -> None:
        if state["mean"].shape != (len(self._columns),) or state["squares"].shape != (len(self._columns),):
            raise ValueError("bell curves of other features")
        self._mean, self._squares, self._rows = state["mean"], state["squares"], int(state["rows"][0])
        self._fit()
