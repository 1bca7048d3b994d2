"""A one-class support vector machine, learnt by stochastic gradient descent as River does it."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.protocol import FEW_ROWS, Matrix, Row, State, Vector

BINS = 10
NU = 0.1
LEARNING_RATE = 0.01
READY_ROWS = 250


class OneClassSVM:
    """River's `anomaly.OneClassSVM` on binned features: strange is what shares few values with the rows that lie at
    the edge of the normal. Scores lie between -1 and 0.

    Each feature is cut into equal bins and a row is the unit vector of its bins: a linear machine on raw 0..1 values
    would take a rare flag for more of the normal (River asks for a non-linear map upstream). River's score grows with
    familiarity, and with the weights, for thousands of rows; so the sign is turned here and the weights' length
    divided out, and scores of different times can be compared. The decay of all weights is kept as one factor, so a
    row costs its own bins only.
    """

    name: ClassVar[str] = "one_class_svm"

    def __init__(self, features: Sequence[str]) -> None:
        self._width = len(features)
        self._unit = 1.0 / math.sqrt(self._width)
        self._offsets = [BINS * index for index in range(self._width)]
        self._weights: list[float] = [0.0] * (BINS * self._width)
        self._intercept = 1.0
        self._rows = 0
        self._prepare()

    @property
    def ready(self) -> bool:
        return self._rows >= READY_ROWS

    @property
    def weights(self) -> list[float]:
        """By feature, then by bin."""
        return self._weights

    @property
    def intercept(self) -> float:
        return self._intercept

    def _prepare(self) -> None:
        length = math.sqrt(math.fsum(weight * weight for weight in self._weights))
        self._factor = -self._unit / length if length else 0.0
        self._weight_array = np.array(self._weights)
        self._offset_array = np.array(self._offsets, np.intp)[:, None]

    def score_rows(self, rows: Matrix) -> Vector:
        if len(rows) <= FEW_ROWS:  # also because numpy would add up a single row in another order
            return np.array([self.score_row(row) for row in rows.tolist()], np.float64)
        total: Vector = self._weight_array.take(self._bins(rows)).sum(axis=0)
        return self._factor * total

    def score_row(self, row: Row) -> float:
        weights, total = self._weights, 0.0
        for offset, value in zip(self._offsets, row, strict=True):
            total += weights[offset + (BINS - 1 if value >= 1.0 else int(value * BINS) if value > 0.0 else 0)]
        return self._factor * total

    def _bins(self, rows: Matrix) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        """(features, rows): each value's place among the weights."""
        bins = (np.ascontiguousarray(rows.T).clip(0.0, 1.0) * BINS).astype(np.intp)
        np.minimum(bins, BINS - 1, out=bins)
        bins += self._offset_array
        return bins

    def learn_rows(self, rows: Matrix) -> Vector:
        """One step of descent a row: hinge loss, the decay of every weight, an intercept that settles where the share
        NU of all rows violates the margin."""
        weights, intercept, unit = self._weights.copy(), self._intercept, self._unit
        keep, scale, fall = 1.0 - LEARNING_RATE * NU / 2, 1.0, LEARNING_RATE * NU
        weight_of = weights.__getitem__
        scores = self.score_rows(rows)
        for bins in self._bins(rows).T.tolist():
            familiar = scale * unit * sum(map(weight_of, bins))
            scale *= keep
            if familiar + intercept <= 1.0:
                step = LEARNING_RATE * unit / scale
                for place in bins:
                    weights[place] += step
                intercept += LEARNING_RATE
            intercept -= fall
            if scale < 1e-100:
                weights[:] = [scale * weight for weight in weights]
                scale = 1.0
        self._weights, self._intercept = [scale * weight for weight in weights], intercept
        self._rows += len(rows)
        self._prepare()
        return scores

    def state(self) -> State:
        return {
            "weights": np.array(self._weights),
            "intercept": np.array([self._intercept]),
            "rows": np.array([self._rows], np.int64),
        }

    def restore(self, state: State) -> None:
        if state["weights"].shape != (BINS * self._width,):
            raise ValueError("one-class weights of another size")
        self._weights = state["weights"].tolist()
        self._intercept, self._rows = float(state["intercept"][0]), int(state["rows"][0])
        self._prepare()
