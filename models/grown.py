"""Growing forests from labelled rows with scikit-learn: fits for `models.fitting`, arrays in and arrays out.

In: `rows` (n, features) in bytes, `frauds` (n,) 0 or 1, `weights` (n,), `held`: rows that calibrate. Out:
`models.flat_forest.FlatForest.state`, and `said`: what the forest scores them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from models.flat_forest import FlatForest, Tree
from models.grown_parameters import (
    BOOSTED_L2,
    BOOSTED_LEAF_ROWS,
    BOOSTED_LEAVES,
    BOOSTED_RATE,
    BOOSTED_TREES,
    FOREST_DEPTH,
    FOREST_LEAF_ROWS,
    FOREST_TREES,
)
from models.learnt import Grown
from models.protocol import State


def random_forest(arrays: State, seed: int) -> State:
    """The sum over the trees is the share of fraud, 0..1."""
    model = RandomForestClassifier(
        FOREST_TREES, max_depth=FOREST_DEPTH, min_samples_leaf=FOREST_LEAF_ROWS, random_state=seed, n_jobs=1
    )
    model.fit(arrays["rows"].astype(np.float32), arrays["frauds"] > 0, sample_weight=arrays["weights"])
    trees = [_tree(estimator.tree_, 1.0 / FOREST_TREES) for estimator in model.estimators_]
    return _told(FlatForest.of(trees, 0.0), arrays, shares=True)


def _tree(grown: Any, scale: float) -> Tree:
    values: npt.NDArray[np.float64] = grown.value[:, 0, :]
    frauds = values[:, 1] / values.sum(axis=1)
    return Tree(grown.feature, grown.threshold, grown.children_left, grown.children_right, frauds * scale)


def gradient_boosting(arrays: State, seed: int) -> State:
    """The sum over the trees is the log-odds of fraud."""
    model = HistGradientBoostingClassifier(
        max_iter=BOOSTED_TREES,
        max_leaf_nodes=BOOSTED_LEAVES,
        min_samples_leaf=BOOSTED_LEAF_ROWS,
        learning_rate=BOOSTED_RATE,
        l2_regularization=BOOSTED_L2,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(arrays["rows"].astype(np.float32), arrays["frauds"] > 0, sample_weight=arrays["weights"])
    # scikit-learn shows these trees nowhere else; a test compares what they say with what it says.
    trees = [_boosted(stage[0].nodes) for stage in model._predictors]  # noqa: SLF001
    base = float(model._baseline_prediction.item())  # noqa: SLF001
    return _told(FlatForest.of(trees, base), arrays, shares=False)


def _boosted(nodes: npt.NDArray[Any]) -> Tree:
    leaf = nodes["is_leaf"] > 0
    left = np.where(leaf, -1, nodes["left"].astype(np.int64))
    right = np.where(leaf, -1, nodes["right"].astype(np.int64))
    return Tree(nodes["feature_idx"], nodes["num_threshold"], left, right, nodes["value"])


def _told(forest: FlatForest, arrays: State, *, shares: bool) -> State:
    state = forest.state()
    grown = Grown(state, arrays["rows"].shape[1], shares=shares)
    return {**state, "said": grown.score_rows(arrays["held"])}
