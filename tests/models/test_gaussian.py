import math

import numpy as np
import pytest
from river import anomaly

from models.gaussian import GRACE_ROWS, Gaussian
from tests.models.rows import FEATURES, normal_rows, strange_rows

AMOUNT = FEATURES.index("amount_ratio")
HOUR = FEATURES.index("odd_hour")


def test_scores_rank_as_rivers_and_become_rivers_through_the_error_function() -> None:
    rows = np.concatenate((normal_rows(700), strange_rows(30), normal_rows(300, seed=9)))
    rows[::3, AMOUNT] = 0.0  # no amount: nothing for River to learn or score
    rivers = {column: anomaly.GaussianScorer(grace_period=GRACE_ROWS) for column in (AMOUNT, HOUR)}
    model = Gaussian(FEATURES)
    for start in range(0, len(rows), 50):
        part = rows[start : start + 50]
        wanted = [
            max(river.score_one(None, row[column]) if row[column] else 0.0 for column, river in rivers.items())
            for row in part.tolist()
        ]
        got = [math.erf(distance / math.sqrt(2.0)) for distance in model.score_rows(part)]
        assert got == pytest.approx(wanted, abs=1e-12)
        for row in part.tolist():
            for column, river in rivers.items():
                if row[column]:
                    river.learn_one(None, row[column])
        model.learn_rows(part)
    assert model.ready


def test_nothing_of_that_is_never_far_out() -> None:
    model = Gaussian(("amount_z",))
    model.learn_rows(np.random.default_rng(1).normal(0.8, 0.01, (500, 1)))
    assert model.score_row([0.0]) == 0.0
    assert model.score_row([0.1]) > 10.0


def test_only_amounts_and_hours_count() -> None:
    model = Gaussian(FEATURES)
    model.learn_rows(normal_rows(500))
    usual, other = [0.3] * len(FEATURES), [0.9] * len(FEATURES)
    other[AMOUNT] = other[HOUR] = 0.3
    assert model.score_row(other) == model.score_row(usual)


def test_without_an_amount_or_an_hour_every_feature_counts() -> None:
    model = Gaussian(("gap", "speed"))
    model.learn_rows(normal_rows(500)[:, 2:4])
    assert model.score_row([0.3, 0.9]) > model.score_row([0.3, 0.3])
    assert model.score_row([0.9, 0.3]) > model.score_row([0.3, 0.3])


def test_a_feature_that_never_varied_is_no_division_by_zero() -> None:
    model = Gaussian(("amount_z",))
    model.learn_rows(np.full((200, 1), 0.5))
    assert model.score_row([0.5]) == 0.0
    assert model.score_row([0.6]) > 1_000.0


def test_far_out_values_still_rank() -> None:
    model = Gaussian(("amount_z",))
    model.learn_rows(np.random.default_rng(1).normal(0.3, 0.01, (500, 1)))
    assert model.score_row([0.8]) < model.score_row([0.9]) < model.score_row([1.0])
