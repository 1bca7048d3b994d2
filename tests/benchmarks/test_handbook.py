import numpy as np
import pytest

from argus.settings import Settings
from benchmarks.handbook import PUBLISHED, run
from benchmarks.handbook_passes import WAYS
from benchmarks.handbook_weeks import card_precision, days_needed, judge, weeks
from simulation.handbook import Payments, payments


@pytest.fixture(scope="module")
def paid() -> Payments:
    return payments(customers=100, terminals=200, days=50, radius=30)


def test_a_customer_is_known_a_week_after_the_fraud_and_not_tested_from_then_on(paid: Payments) -> None:
    (week,) = weeks(paid, first_day=10, count=1)
    learnt = set(paid.customer[week.learnt][paid.fraud[week.learnt]].tolist())
    tested = paid.customer[week.tested]
    assert set(paid.day[week.learnt].tolist()) == set(range(10, 17))
    assert set(paid.day[week.tested].tolist()) == set(range(24, 31))
    assert learnt.isdisjoint(tested.tolist())
    found_on_17 = set(paid.customer[(paid.day == 17) & paid.fraud].tolist()) - learnt
    on_25 = set(tested[paid.day[week.tested] == 25].tolist())
    assert found_on_17
    assert found_on_17.isdisjoint(on_25)


def test_weeks_that_hold_too_little_are_refused(paid: Payments) -> None:
    with pytest.raises(ValueError, match="day 40 hold too little"):
        weeks(paid, first_day=40, count=1)
    with pytest.raises(ValueError, match="30 days do not hold 4 tests: take 42"):
        run(Settings(), customers=5, days=30)


def test_the_truth_ranks_best_and_its_reverse_worst(paid: Payments) -> None:
    (week,) = weeks(paid, first_day=10, count=1)
    truth = paid.fraud[week.tested].astype(float)
    best, worst = judge(paid, week, truth), judge(paid, week, -truth)
    assert (best.auc, best.average_precision, worst.auc) == (1.0, 1.0, 0.0)


def test_a_card_once_found_is_not_ranked_again() -> None:
    day = np.array([0, 0, 0, 1, 1, 1])
    customer = np.array([1, 2, 3, 1, 2, 3])
    fraud = np.array([True, False, False, True, True, False])
    scores = np.array([0.9, 0.2, 0.1, 0.9, 0.3, 0.2])
    assert card_precision(day, customer, fraud, scores, top=1) == 1.0
    assert card_precision(day, customer, fraud, -scores, top=1) == 0.0


@pytest.mark.slow
def test_a_small_run_has_every_way_beside_the_published_rows(recwarn: pytest.WarningsRecorder) -> None:
    result = run(Settings(), customers=60, days=days_needed(0))
    names = [figure.name for figure in result.figures]
    for row in (*(f"{way}: risk_score" for way in WAYS), "straight: gradient boosting", "oracle", "random"):
        assert f"{row}, AUC" in names
    assert all(f"published: {name}, card precision@100" in names for name in PUBLISHED)
    assert all(0.0 <= run <= 1.0 and figure.target is None for figure in result.figures for run in figure.runs)
    assert not list(recwarn)
