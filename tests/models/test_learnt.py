import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from models import grown
from models.flat_forest import FlatForest
from models.kept import STEPS
from models.learnt import AdaptiveForest, Logistic, log_odds
from tests.models.labelling import FEATURES, rows

MADE, SAID = rows(1_500)
BYTES = np.rint(np.array(MADE) * STEPS).astype(np.uint8)
FRAUDS = np.array(SAID)
ONES = np.ones(len(SAID))
ARRAYS = {"rows": BYTES, "frauds": FRAUDS.astype(np.uint8), "weights": ONES, "held": BYTES[:100]}


def test_the_regression_says_what_rivers_own_says() -> None:
    model = Logistic(FEATURES)
    model.learn_rows(BYTES, FRAUDS, ONES)
    theirs = [
        model.model.predict_proba_one(dict(zip(FEATURES, row, strict=True)))[True] for row in (BYTES / STEPS).tolist()
    ]
    mine = 1 / (1 + np.exp(-model.score_rows(BYTES)))
    assert np.abs(mine - theirs).max() < 1e-12
    assert mine[FRAUDS].mean() > 2 * mine[~FRAUDS].mean()


def test_the_adaptive_forest_learns_and_is_the_same_by_seed() -> None:
    one, other = AdaptiveForest(FEATURES, 3), AdaptiveForest(FEATURES, 3)
    for model in (one, other):
        model.learn_rows(BYTES[:800], FRAUDS[:800], np.where(FRAUDS[:800], 10.0, 1.0))
    scores = one.score_rows(BYTES[800:])
    assert np.array_equal(scores, other.score_rows(BYTES[800:]))
    assert scores[FRAUDS[800:]].mean() > scores[~FRAUDS[800:]].mean() + 1.0


def test_a_random_forest_as_arrays_says_what_scikit_learn_says() -> None:
    state = grown.random_forest(ARRAYS, 5)
    model = RandomForestClassifier(
        grown.FOREST_TREES,
        max_depth=grown.FOREST_DEPTH,
        min_samples_leaf=grown.FOREST_LEAF_ROWS,
        random_state=5,
    )
    model.fit(BYTES.astype(np.float32), FRAUDS, sample_weight=ONES)
    theirs = model.predict_proba(BYTES)[:, 1]
    assert np.abs(FlatForest.restore(state, 3).sums(BYTES) - theirs).max() < 1e-6
    assert np.abs(state["said"] - log_odds(theirs[:100])).max() < 1e-3


def test_boosted_trees_as_arrays_say_what_scikit_learn_says() -> None:
    state = grown.gradient_boosting(ARRAYS, 5)
    model = HistGradientBoostingClassifier(
        max_iter=grown.BOOSTED_TREES,
        max_leaf_nodes=grown.BOOSTED_LEAVES,
        min_samples_leaf=grown.BOOSTED_LEAF_ROWS,
        learning_rate=grown.BOOSTED_RATE,
        l2_regularization=grown.BOOSTED_L2,
        early_stopping=False,
        random_state=5,
    )
    model.fit(BYTES.astype(np.float32), FRAUDS, sample_weight=ONES)
    theirs = model.decision_function(BYTES.astype(np.float32))
    assert np.abs(FlatForest.restore(state, 3).sums(BYTES) - theirs).max() < 1e-5
    assert np.abs(state["said"] - theirs[:100]).max() < 1e-5


def test_a_forest_says_the_same_of_a_row_alone_and_of_none() -> None:
    forest = FlatForest.restore(grown.random_forest(ARRAYS, 5), 3)
    assert [float(forest.sums(BYTES[at : at + 1])[0]) for at in range(20)] == forest.sums(BYTES[:20]).tolist()
    assert forest.sums(BYTES[:0]).tolist() == []


@pytest.mark.parametrize("name", ["roots", "feature", "threshold", "children", "value", "base"])
def test_what_is_no_forest_of_these_features_is_refused(name: str) -> None:
    state = dict(grown.random_forest(ARRAYS, 5))
    with pytest.raises(ValueError, match="forest"):
        FlatForest.restore(state | {name: state[name][:0]}, 3)
    with pytest.raises(ValueError, match="forest"):
        FlatForest.restore(state, 1)
    with pytest.raises(KeyError):
        FlatForest.restore({key: array for key, array in state.items() if key != name}, 3)
