"""An isolation forest: strange is what few random cuts set apart from the rest (Liu, Ting and Zhou 2008)."""

from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from models.fitted import Fitted
from models.protocol import Matrix, State, Vector

N_TREES: Final = 100
TREE_ROWS: Final = 256
CHUNK_ROWS: Final = 64
"""Keeps what a walk touches within the fast caches."""
GRAIN: Final = 2.0**-14
"""Path lengths are kept to this, in bits that 100 of them can be added up in any order."""


class IsolationForest(Fitted):
    """scikit-learn's `IsolationForest`, walked for all trees and a batch of rows at once. Its own scoring costs 4 ms
    a call, however few the rows. The score is minus the mean path length: the order is that of scikit-learn's.

    Nodes of all trees lie side by side, the left child right behind its parent; leaves lead to themselves.
    """

    name: ClassVar[str] = "isolation_forest"

    def _prepare(self, parts: State) -> None:
        columns, thresholds, right, lengths = (parts[name] for name in ("columns", "thresholds", "right", "lengths"))
        roots = parts["roots"].astype(np.intp)
        count = len(columns)
        if not len(thresholds) == len(right) == len(lengths) == count or not len(roots) or roots.max() >= count:
            raise ValueError("a forest of another size")
        right = right.astype(np.intp)
        if columns.max() >= self.width or right.max() >= count or right.min() < 0:
            raise ValueError("a forest of other features")
        nodes = np.arange(count)
        left = np.where(right == nodes, nodes, np.minimum(nodes + 1, count - 1))
        # By node and answer: 0 to the right, 1 to the left.
        self._children = np.stack((right, left), axis=1).reshape(-1)
        self._columns, self._thresholds = columns.astype(np.intp), thresholds
        self._lengths = lengths.astype(np.float64)
        self._roots, self._levels = roots, int(parts["levels"][0])

    def _scores(self, rows: Matrix) -> Vector:
        if len(rows) > CHUNK_ROWS:
            parts = [self._scores(rows[start : start + CHUNK_ROWS]) for start in range(0, len(rows), CHUNK_ROWS)]
            return np.concatenate(parts)
        # scikit-learn compares in this precision too.
        flat = np.ascontiguousarray(rows, np.float32).reshape(-1)
        starts = (np.arange(len(rows)) * self.width)[:, None]
        at = np.broadcast_to(self._roots, (len(rows), len(self._roots)))
        for _ in range(self._levels):
            left = flat.take(starts + self._columns.take(at)) <= self._thresholds.take(at)
            at = self._children.take(2 * at + left)
        total: Vector = self._lengths.take(at).sum(axis=1)
        return -total / len(self._roots)


def fit(arrays: State, seed: int) -> State:
    """See `models.fitting`."""
    from sklearn import ensemble

    def learn(rows: Matrix) -> dict[str, npt.NDArray[Any]]:
        forest = ensemble.IsolationForest(
            n_estimators=N_TREES, max_samples=min(TREE_ROWS, len(rows)), random_state=seed, n_jobs=1
        )
        return parts_of(forest.fit(rows))

    return IsolationForest.fit(arrays, seed, learn)


def parts_of(forest: Any) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a fitted scikit-learn forest."""
    columns, thresholds, right, lengths, roots, levels = [], [], [], [], [], 0
    start = 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        nodes = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        if (tree.children_left[~leaf] != nodes[~leaf] + 1).any():
            raise ValueError("trees laid out in another way")
        depth = np.zeros(tree.node_count)
        for node in nodes[~leaf].tolist():
            depth[tree.children_left[node]] = depth[tree.children_right[node]] = depth[node] + 1
        columns.append(np.where(leaf, 0, tree.feature))
        thresholds.append(_at_most(tree.threshold))
        right.append(start + np.where(leaf, nodes, tree.children_right))
        lengths.append(np.rint((depth + _expected(tree.n_node_samples)) / GRAIN) * GRAIN)
        roots.append(start)
        levels = max(levels, int(depth.max()))
        start += tree.node_count
    return {
        "columns": np.concatenate(columns).astype(np.uint16),
        "thresholds": np.concatenate(thresholds),
        "right": np.concatenate(right).astype(np.int32),
        "lengths": np.concatenate(lengths).astype(np.float32),
        "roots": np.array(roots, np.int32),
        "levels": np.array([levels], np.int64),
    }


def _at_most(thresholds: Vector) -> npt.NDArray[np.float32]:
    """The greatest numbers of less precision that are not above: the same rows go left."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _expected(rows: npt.NDArray[np.int64]) -> Vector:
    """The mean path length that so many rows in a leaf would still have (equation 1 of the paper)."""
    count = np.maximum(rows, 3).astype(np.float64)
    many = 2.0 * (np.log(count - 1.0) + np.euler_gamma) - 2.0 * (count - 1.0) / count
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, many))
