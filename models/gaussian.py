"""How far out an amount or an hour lies, on a bell curve fitted to all that were learnt."""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from models.protocol import FEW_ROWS, Matrix, Row, State, Vector

CURVES: Final = ("amount_ratio", "amount_z", "odd_hour")
"""Features with a curve of their own, where there are such; all, where there are none of these."""
GRACE_ROWS: Final = 100
MIN_SIGMA: Final = 1e-6


class Gaussian:
    """River's `anomaly.GaussianScorer`, one for each feature that tells of a user's amounts and hours. Features are
    ratios to the user's own past already, so the curves are of deviations from habit.

    A value of 0 means "nothing of that" (no amount, the busiest hour): it is not learnt and its distance is 0. The
    score is the largest distance from a mean in standard deviations, 0 for a curve's first rows. River's own is
    erf(distance / sqrt 2): the same order, but it runs out of digits at 8 deviations, where this still ranks.
    """

    name: ClassVar[str] = "gaussian"

    def __init__(self, features: Sequence[str]) -> None:
        chosen = [index for index, name in enumerate(features) if name in CURVES]
        self._columns = chosen or list(range(len(features)))
        self._counts = np.zeros(len(self._columns))
        self._means = np.zeros(len(self._columns))
        self._squares = np.zeros(len(self._columns))
        self._prepare()

    def _prepare(self) -> None:
        sigmas = np.sqrt(self._squares / np.maximum(self._counts - 1.0, 1.0))
        self._sigmas = np.where(self._counts < GRACE_ROWS, np.inf, np.maximum(sigmas, MIN_SIGMA))
        self._curves = list(zip(self._columns, self._means.tolist(), self._sigmas.tolist(), strict=True))

    @property
    def ready(self) -> bool:
        return bool(self._counts.max() >= GRACE_ROWS)

    def score_rows(self, rows: Matrix) -> Vector:
        if len(rows) <= FEW_ROWS:
            return np.array([self.score_row(row) for row in rows.tolist()], np.float64)
        values = rows[:, self._columns]
        distances = np.where(values > 0.0, np.abs(values - self._means) / self._sigmas, 0.0)
        farthest: Vector = distances.max(axis=1)
        return farthest

    def score_row(self, row: Row) -> float:
        farthest = 0.0
        for column, mean, sigma in self._curves:
            value = row[column]
            if value > 0.0:
                distance = abs(value - mean) / sigma
                if distance > farthest:
                    farthest = distance
        return farthest

    def learn_rows(self, rows: Matrix) -> Vector:
        scores = self.score_rows(rows)
        values = rows[:, self._columns]
        there = values > 0.0
        counts = there.sum(axis=0).astype(np.float64)
        means = values.sum(axis=0, where=there) / np.maximum(counts, 1.0)
        squares = ((values - means) ** 2).sum(axis=0, where=there)
        # Chan, Golub and LeVeque (1983): two samples' sums of squares make their union's
        shifts, totals = means - self._means, np.maximum(self._counts + counts, 1.0)
        self._squares = self._squares + squares + shifts * shifts * (self._counts * counts / totals)
        self._means = self._means + shifts * (counts / totals)
        self._counts = self._counts + counts
        self._prepare()
        return scores

    def state(self) -> State:
        return {"counts": self._counts, "means": self._means, "squares": self._squares}

    def restore(self, state: State) -> None:
        if any(state[part].shape != self._means.shape for part in ("counts", "means", "squares")):
            raise ValueError("curves of another size")
        self._counts, self._means, self._squares = state["counts"], state["means"], state["squares"]
        self._prepare()
