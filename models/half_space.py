"""Half-space trees: River's, a batch of rows at a time, with River's scores to the last bit."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from river import anomaly

from models.protocol import FEW_ROWS, Matrix, Row, State, Vector

N_TREES = 25
HEIGHT = 8
WINDOW_ROWS = 250
CHUNK_ROWS = 128
"""Keeps what a walk touches within the fast caches."""
Indices = npt.NDArray[np.intp]
Counts = npt.NDArray[np.int64]


class Forest:
    """The splits of River's trees as arrays. They never change, so copies of a model share them.

    A tree is complete: the children of node i of a level are nodes 2i and 2i + 1 of the next. Levels of all trees lie
    side by side.
    """

    def __init__(self, features: Sequence[Indices], thresholds: Sequence[Vector]) -> None:
        """One array a level, from the roots down: the column that a node looks at, and where it splits it."""
        self.features, self.thresholds = list(features), list(thresholds)
        # for walks of one row: all levels in a list, and where the left child of each node is
        self.flat_features: list[int] = np.concatenate(self.features).tolist()
        self.flat_thresholds: list[float] = np.concatenate(self.thresholds).tolist()
        start, left = 0, []
        for level in self.features:
            below = start + len(level)
            left.append(below + 2 * np.arange(len(level)))
            start = below
        self.flat_left: list[int] = np.concatenate(left).tolist()

    @classmethod
    @lru_cache(maxsize=4)
    def grown(cls, features: tuple[str, ...], seed: int) -> Self:
        """River's trees of this seed. Growing takes 50 ms, so partitions share them."""
        river = anomaly.HalfSpaceTrees(n_trees=N_TREES, height=HEIGHT, window_size=WINDOW_ROWS, seed=seed)
        river.learn_one(dict.fromkeys(features, 0.5))  # builds the trees
        column = {name: index for index, name in enumerate(features)}
        level: list[Any] = list(river.trees)
        columns, thresholds = [], []
        for _ in range(HEIGHT):
            columns.append(np.array([column[node.feature] for node in level], np.intp))
            thresholds.append(np.array([node.threshold for node in level], np.float64))
            level = [child for node in level for child in node.children]
        return cls(columns, thresholds)

    def leaves(self, rows: Matrix) -> Indices:
        """(trees, rows): the leaf of each row in each tree, counted over all trees."""
        if len(rows) > CHUNK_ROWS:
            chunks = [self.leaves(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS)]
            return np.concatenate(chunks, axis=1)
        n, width = rows.shape
        values = np.ascontiguousarray(rows).ravel()
        row_start = np.arange(n) * width
        shape = (N_TREES, n)
        at, node = np.empty(shape, np.intp), np.repeat(np.arange(N_TREES)[:, None], n, axis=1)
        value, threshold, right = np.empty(shape), np.empty(shape), np.empty(shape, np.bool_)
        for level_features, level_thresholds in zip(self.features, self.thresholds, strict=True):
            level_features.take(node, out=at, mode="wrap")
            at += row_start
            values.take(at, out=value, mode="wrap")
            level_thresholds.take(node, out=threshold, mode="wrap")
            np.greater_equal(value, threshold, out=right)
            node += node
            node += right
        return node

    def state(self) -> State:
        return {
            "features": np.concatenate(self.features).astype(np.uint16),
            "thresholds": np.concatenate(self.thresholds),
        }

    @classmethod
    def restored(cls, state: State) -> Self:
        ends = np.cumsum([N_TREES << level for level in range(HEIGHT)])
        features, thresholds = state["features"].astype(np.intp), state["thresholds"]
        if features.shape != (ends[-1],) or thresholds.shape != (ends[-1],):
            raise ValueError("half-space trees of another size")
        return cls(np.split(features, ends[:-1]), np.split(thresholds, ends[:-1]))


class HalfSpaceTrees:
    """River's `anomaly.HalfSpaceTrees`: strange is where few rows of the previous window have been. Scores 0..1,
    and 0 before the first window is full. The window counts learnt rows.

    A row is scored by the masses of the previous window, which stand still until the next is full; so all rows
    between two pivots can be scored at once, and since masses are whole numbers the sums are exact in any order.
    Misses bursts, which become the next window's normal.
    Tan, Ting and Liu, "Fast anomaly detection for streaming data" (2011).
    """

    name: ClassVar[str] = "half_space_trees"

    def __init__(self, features: Sequence[str], seed: int) -> None:
        self._width = len(features)
        self._forest = Forest.grown(tuple(features), seed)
        self._learning = np.zeros(N_TREES << HEIGHT, np.int64)
        self._learning_rows = 0
        self._reference: Counts | None = None

    @property
    def ready(self) -> bool:
        return self._reference is not None

    def score_rows(self, rows: Matrix) -> Vector:
        if len(rows) <= FEW_ROWS:
            return np.array([self.score_row(row) for row in rows.tolist()], np.float64)
        return self._scores(self._forest.leaves(rows))

    def score_row(self, row: Row) -> float:
        if self._reference is None:
            return 0.0
        forest, stops = self._forest, self._stops()
        features, thresholds, left = forest.flat_features, forest.flat_thresholds, forest.flat_left
        total = 0.0
        for node in range(N_TREES):
            stop = stops[node]
            while stop < 0.0:
                node = left[node] + (row[features[node]] >= thresholds[node])
                stop = stops[node]
            total += stop
        return 1 - total / _MAX_SCORE

    def learn_rows(self, rows: Matrix) -> Vector:
        leaves = self._forest.leaves(rows)
        scores, start = np.empty(len(rows)), 0
        while start < len(rows):
            stop = min(len(rows), start + WINDOW_ROWS - self._learning_rows)
            part = leaves[:, start:stop]
            scores[start:stop] = self._scores(part)
            self._learning = self._learning + np.bincount(part.ravel(), minlength=len(self._learning))
            self._learning_rows += stop - start
            if self._learning_rows == WINDOW_ROWS:
                self._pivot(self._learning)
                self._learning, self._learning_rows = np.zeros_like(self._learning), 0
            start = stop
        return scores

    def _scores(self, leaves: Indices) -> Vector:
        if self._reference is None:
            return np.zeros(leaves.shape[1])
        scores: Vector = 1 - self._leaf_totals.take(leaves).sum(axis=0) / _MAX_SCORE
        return scores

    def _pivot(self, reference: Counts) -> None:
        """Make a window of leaf counts the one to score by: each leaf gets what River adds up on the way to it.

        No node has more rows than its parent, so River's walk goes on below a node just when that node alone has
        rows enough.
        """
        self._reference = reference
        masses = [reference]
        for _ in range(HEIGHT):
            masses.append(masses[-1][0::2] + masses[-1][1::2])
        masses.reverse()
        totals, goes_on = masses[0], masses[0] >= _SIZE_LIMIT
        self._levels = [(totals, goes_on)]
        for depth in range(1, HEIGHT + 1):
            mass, above, weight = masses[depth], totals, goes_on * (1 << depth)
            totals = np.empty_like(mass)
            totals[0::2] = above + weight * mass[0::2]
            totals[1::2] = above + weight * mass[1::2]
            goes_on = mass >= _SIZE_LIMIT
            self._levels.append((totals, goes_on))
        self._leaf_totals: Vector = totals.astype(np.float64)
        self._stops_list: list[float] | None = None

    def _stops(self) -> list[float]:
        """Per node, level after level: the tree's total if River's walk ends here, and -1 where it goes on."""
        if self._stops_list is None:
            above = [np.where(goes_on, -1, totals) for totals, goes_on in self._levels[:HEIGHT]]
            self._stops_list = np.concatenate((*above, self._leaf_totals)).tolist()
        return self._stops_list

    def state(self) -> State:
        """Counts of leaves up to a window's rows fit 16 bits. An empty reference: the first window is not full."""
        reference = np.zeros(0, np.uint16) if self._reference is None else self._reference.astype(np.uint16)
        return {**self._forest.state(), "learning": self._learning.astype(np.uint16), "reference": reference}

    def restore(self, state: State) -> None:
        forest = Forest.restored(state)
        if max(forest.flat_features) >= self._width:
            raise ValueError("half-space trees of other features")
        learning, reference = state["learning"].astype(np.int64), state["reference"].astype(np.int64)
        if learning.shape != (N_TREES << HEIGHT,) or reference.shape not in {(0,), learning.shape}:
            raise ValueError("half-space masses of another size")
        self._forest, self._learning = forest, learning
        self._learning_rows = int(learning.sum()) // N_TREES
        self._reference = None
        if len(reference):
            self._pivot(reference)


_SIZE_LIMIT = 0.1 * WINDOW_ROWS  # River's, from the paper: a walk ends in a node of fewer rows
_MAX_SCORE = N_TREES * WINDOW_ROWS * (2 ** (HEIGHT + 1) - 1)
