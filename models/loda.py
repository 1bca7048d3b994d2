"""LODA: many one-dimensional histograms of random projections (Pevny 2016)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from river import anomaly

from models.protocol import Matrix, Row, State, Vector

N_CUTS: Final = 100
BINS: Final = 40
READY_ROWS: Final = 250
HALF_LIFE_ROWS: Final = 100_000
GRAIN: Final = 2.0**-20
"""Of logarithms, so that a hundred of them can be added up in any order."""
CHUNK_ROWS: Final = 64
Indices = npt.NDArray[np.intp]


@lru_cache(maxsize=4)
def projections(features: tuple[str, ...], seed: int) -> tuple[Indices, Matrix]:
    """River's of this seed, each of sqrt(features) columns: (cuts, columns) and their weights."""
    river = anomaly.LODA(n_random_cuts=N_CUTS, seed=seed)
    river.learn_one(dict.fromkeys(features, 0.5))  # draws them
    place = {name: index for index, name in enumerate(features)}
    columns = [[place[name] for name in cut] for cut in river.projections_]
    return np.array(columns, np.intp), np.array([list(cut.values()) for cut in river.projections_], np.float64)


class Loda:
    """River's `anomaly.LODA` with the paper's histograms of equal bins, in place of River's that move their bins with
    every value: those cost 190 us a row, and can't be learnt a batch at a time. Features lie between 0 and 1, so each
    projection's range is known. Counts fade by half in HALF_LIFE_ROWS. The score is the mean negative logarithm of
    the share of rows in the same bin.
    """

    name: ClassVar[str] = "loda"

    def __init__(self, features: Sequence[str], seed: int) -> None:
        self._width = len(features)
        self._project(*projections(tuple(features), seed))
        self._first = (np.arange(N_CUTS) * BINS)[:, None]
        self._counts = np.zeros(N_CUTS * BINS)
        self._rows = 0
        self._prepare()

    def _project(self, columns: Indices, weights: Matrix) -> None:
        low, high = np.minimum(weights, 0.0).sum(axis=1), np.maximum(weights, 0.0).sum(axis=1)
        self._columns, self._weights = columns, weights
        self._low, self._scale = low[:, None], (BINS / np.maximum(high - low, 1e-12))[:, None]

    def _prepare(self) -> None:
        """One is added to every bin, as if each had been met once: a bin that is empty by chance isn't impossible."""
        total = self._counts[:BINS].sum() + BINS
        self._surprise = np.rint(-np.log((self._counts + 1.0) / total) / GRAIN) * GRAIN

    @property
    def ready(self) -> bool:
        return self._rows >= READY_ROWS

    def _bins(self, rows: Matrix) -> Indices:
        """(cuts, rows): each projection's place among the counts."""
        values = np.ascontiguousarray(np.clip(rows, 0.0, 1.0).T)
        projected = np.zeros((N_CUTS, len(rows)))
        for column, weight in zip(self._columns.T, self._weights.T, strict=True):
            projected += weight[:, None] * values[column]
        bins = ((projected - self._low) * self._scale).astype(np.intp)
        return np.clip(bins, 0, BINS - 1) + self._first

    def score_rows(self, rows: Matrix) -> Vector:
        if len(rows) > CHUNK_ROWS:
            parts = [self.score_rows(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS)]
            return np.concatenate(parts)
        total: Vector = self._surprise.take(self._bins(rows)).sum(axis=0)
        return total / N_CUTS

    def score_row(self, row: Row) -> float:
        return float(self.score_rows(np.array([row], np.float64))[0])

    def learn_rows(self, rows: Matrix) -> Vector:
        scores = self.score_rows(rows)
        if len(rows):
            fresh = np.bincount(self._bins(rows).reshape(-1), minlength=len(self._counts))
            self._counts = self._counts * 0.5 ** (len(rows) / HALF_LIFE_ROWS) + fresh
            self._rows += len(rows)
            self._prepare()
        return scores

    def state(self) -> State:
        return {"counts": self._counts, "rows": np.array([self._rows], np.int64), **self._cuts()}

    def _cuts(self) -> dict[str, npt.NDArray[Any]]:
        return {"columns": self._columns.astype(np.int64), "weights": self._weights}

    def restore(self, state: State) -> None:
        if state["counts"].shape != self._counts.shape or state["columns"].shape != self._columns.shape:
            raise ValueError("histograms of another size")
        if state["weights"].shape != self._weights.shape or not (
            state["columns"].min() >= 0 and state["columns"].max() < self._width
        ):
            raise ValueError("projections of another size")
        self._project(state["columns"].astype(np.intp), state["weights"])
        self._counts, self._rows = state["counts"], int(state["rows"][0])
        self._prepare()
