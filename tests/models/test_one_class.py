import math

import numpy as np
import pytest
from river import anomaly

from models.one_class import BINS, NU, OneClassSVM
from models.protocol import Matrix
from tests.models.rows import FEATURES, normal_rows, strange_rows


def binned(rows: Matrix) -> list[dict[int, float]]:
    """River's input: every bin of every feature, nought or the unit."""
    unit, answers = 1.0 / math.sqrt(len(FEATURES)), []
    for row in rows.tolist():
        places = dict.fromkeys(range(BINS * len(FEATURES)), 0.0)
        for index, value in enumerate(row):
            places[BINS * index + min(int(value * BINS), BINS - 1)] = unit
        answers.append(places)
    return answers


def test_weights_intercept_and_scores_are_rivers_but_for_sign_and_length() -> None:
    rows = np.concatenate((normal_rows(2_000), strange_rows(200), normal_rows(800, seed=9)))
    fresh = normal_rows(300, seed=10)
    river, model = anomaly.OneClassSVM(nu=NU), OneClassSVM(FEATURES)
    for start in range(0, len(rows), 125):
        part = rows[start : start + 125]
        for row in binned(part):
            river.learn_one(row)
        model.learn_rows(part)
        weights = [river.weights[place] for place in range(len(model.weights))]
        wanted = [-river.score_one(row) / math.hypot(*weights) for row in binned(fresh)]
        assert model.weights == pytest.approx(weights, abs=1e-12)
        assert model.intercept == pytest.approx(river.intercept, abs=1e-12)
        assert model.score_rows(fresh) == pytest.approx(wanted, abs=1e-11)


def test_scores_of_early_and_late_rows_can_be_compared() -> None:
    model = OneClassSVM(FEATURES)
    model.learn_rows(normal_rows(500))
    early = np.median(model.score_rows(normal_rows(500, seed=10)))
    model.learn_rows(normal_rows(10_000, seed=11))
    assert np.median(model.score_rows(normal_rows(500, seed=10))) == pytest.approx(early, rel=0.05)


def test_values_beyond_the_range_fall_into_the_outermost_bins() -> None:
    model = OneClassSVM(FEATURES)
    model.learn_rows(normal_rows(500))
    beyond, edge = np.full((10, len(FEATURES)), 7.5), np.ones((10, len(FEATURES)))
    assert model.score_rows(beyond).tolist() == model.score_rows(edge).tolist()
    assert model.score_row([-3.0] * len(FEATURES)) == model.score_row([0.0] * len(FEATURES))


def test_a_state_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        OneClassSVM(FEATURES).restore(OneClassSVM(FEATURES[:3]).state())
