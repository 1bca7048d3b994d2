"""What was fitted scores as scikit-learn would score with it, and is refused where it is not of this model."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPRegressor

from models.autoencoder import Autoencoder
from models.bank import MODELS
from models.fitted import FIRST_FIT_ROWS, REFIT_ROWS, Fitted
from models.fitting import FITS, Awaited, Job
from models.isolation_forest import IsolationForest, parts_of
from models.local_outliers import NEIGHBOURS, STEPS, LocalOutliers
from models.protocol import State
from tests.models.rows import FEATURES, normal_rows, strange_rows

FITTED = tuple(FITS.keys() & MODELS.keys())
every_fitted = pytest.mark.parametrize("name", sorted(FITTED))
ROWS = np.concatenate((normal_rows(500, seed=8), strange_rows(100)))


def parts_for(name: str, seed: int = 1) -> State:
    fitting = Awaited()
    fitting.submit(Job("one", name, seed=seed), {"rows": normal_rows(1_500)})
    told = fitting.poll("one")
    assert told is not None
    assert told[0].error == ""
    return told[1]


def test_an_isolation_forest_has_the_scores_of_scikit_learn() -> None:
    forest = SklearnForest(n_estimators=100, max_samples=256, random_state=3).fit(normal_rows(2_000))
    model = IsolationForest(FEATURES, 1)
    model.adopt(parts_of(forest), 1)
    theirs, lengths = -forest.score_samples(ROWS), -model.score_rows(ROWS)
    expected = 2.0 * (np.log(255.0) + np.euler_gamma) - 2.0 * 255.0 / 256.0
    assert np.allclose(2.0 ** (-lengths / expected), theirs, atol=1e-5, rtol=0)


def test_rows_at_a_trees_very_threshold_go_where_scikit_learn_sends_them() -> None:
    rng = np.random.default_rng(2)
    rows = np.round(rng.random((2_000, len(FEATURES))), 1)
    forest = SklearnForest(n_estimators=100, random_state=3).fit(rows)
    model = IsolationForest(FEATURES, 1)
    model.adopt(parts_of(forest), 1)
    tree = forest.estimators_[0].tree_
    at = tree.threshold[tree.feature >= 0][:50]
    rows = np.repeat(at[:, None], len(FEATURES), axis=1)
    order = np.argsort(model.score_rows(rows))
    assert (np.diff(-forest.score_samples(rows)[order]) > -1e-5).all()


def test_local_outliers_have_the_factors_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    known = np.unique(np.rint(rng.random((900, len(FEATURES))) * STEPS), axis=0) / STEPS
    rows = np.rint(rng.random((200, len(FEATURES))) * STEPS) / STEPS
    factor = LocalOutlierFactor(n_neighbors=NEIGHBOURS, novelty=True).fit(known)
    model = LocalOutliers(FEATURES, 1)
    distances, neighbours = factor.kneighbors()
    far = distances[:, -1]
    density = 1.0 / (np.maximum(distances, far[neighbours]).mean(axis=1) + 1e-10)
    model.adopt({"steps": np.rint(known * STEPS).astype(np.uint16), "far": far, "density": density}, 1)
    # Where neighbours are equally far, which of them counts is anybody's choice.
    assert np.median(np.abs(model.score_rows(rows) + factor.score_samples(rows))) < 1e-6
    assert np.allclose(model.score_rows(rows), -factor.score_samples(rows), rtol=0.03)


def test_an_autoencoder_repeats_rows_as_scikit_learn_does() -> None:
    rows = normal_rows(600)
    network = MLPRegressor(hidden_layer_sizes=(6, 2, 6), random_state=1, max_iter=5, tol=0.0, n_iter_no_change=99)
    with pytest.warns(UserWarning, match="iterations"):
        network.fit(rows, rows)
    spread = np.full(len(FEATURES), 0.1)
    layers = {f"weights{number}": weights for number, weights in enumerate(network.coefs_)}
    layers |= {f"bias{number}": bias for number, bias in enumerate(network.intercepts_)}
    model = Autoencoder(FEATURES, 1)
    model.adopt({"spread": spread, **layers}, 1)
    error = (((network.predict(ROWS) - ROWS) / 0.1) ** 2).mean(axis=1)
    assert np.allclose(model.score_rows(ROWS), error)


def test_many_equal_rows_are_no_cloud_of_infinite_density() -> None:
    rows = np.concatenate((np.full((1_000, len(FEATURES)), 0.25), normal_rows(1_000)))
    fitting = Awaited()
    fitting.submit(Job("one", "local_outlier_factor"), {"rows": rows})
    told = fitting.poll("one")
    assert told is not None
    model = LocalOutliers(FEATURES, 1)
    model.adopt({name: part for name, part in told[1].items() if name != "held_out"}, 1)
    assert model.score_rows(np.full((1, len(FEATURES)), 0.26))[0] < 5.0


@every_fitted
def test_the_same_seed_and_rows_give_the_same_parts(name: str) -> None:
    one, same, other = parts_for(name), parts_for(name), parts_for(name, seed=2)
    assert one.keys() == same.keys()
    assert all(np.array_equal(one[part], same[part]) for part in one)
    assert not all(np.array_equal(one[part], other[part]) for part in one)


@every_fitted
def test_held_out_rows_score_as_normal_rows_do(name: str) -> None:
    parts = dict(parts_for(name))
    held_out = parts.pop("held_out")
    model = MODELS[name](FEATURES, 1)
    assert isinstance(model, Fitted)
    model.adopt(parts, 1)
    fresh = model.score_rows(normal_rows(2_000, seed=20))
    assert abs(np.mean(fresh <= np.median(held_out)) - 0.5) < 0.08


@every_fitted
def test_parts_that_lack_or_do_not_fit_are_refused_and_the_old_go_on(name: str) -> None:
    parts = {part: array for part, array in parts_for(name).items() if part != "held_out"}
    model = MODELS[name](FEATURES, 1)
    assert isinstance(model, Fitted)
    model.adopt(parts, 1)
    before = model.score_rows(ROWS).tolist()
    with pytest.raises((LookupError, ValueError)):
        model.adopt({}, 2)
    narrow = MODELS[name](FEATURES[:3], 1)
    assert isinstance(narrow, Fitted)
    with pytest.raises((LookupError, ValueError)):
        narrow.adopt(parts, 2)
    assert (model.version, model.score_rows(ROWS).tolist()) == (1, before)
    assert not narrow.ready


@every_fitted
def test_too_few_rows_are_an_error_and_no_model(name: str) -> None:
    fitting = Awaited()
    fitting.submit(Job("one", name), {"rows": normal_rows(1)})
    told = fitting.poll("one")
    assert told is not None
    assert told[0].error == "raised"


@every_fitted
def test_a_fit_is_due_at_first_then_whenever_rows_have_doubled_and_at_last_at_a_steady_pace(name: str) -> None:
    model = MODELS[name](FEATURES, 1)
    assert isinstance(model, Fitted)
    due = [rows for rows in range(0, 300_000, 128) if model.due(rows)]
    assert due[:4] == [FIRST_FIT_ROWS, 2 * FIRST_FIT_ROWS, 4 * FIRST_FIT_ROWS, 8 * FIRST_FIT_ROWS]
    assert max(np.diff(due)) < REFIT_ROWS + 128
    assert not model.due(299_000)
