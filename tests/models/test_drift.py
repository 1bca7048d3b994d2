import numpy as np

from models.drift import GROUP, RECENT_VALUES, Drift, ScoreDrift
from models.protocol import Matrix

NAMES = ("gaussian", "one_class_svm")


def uniform(count: int, low: float = 0.0, high: float = 1.0, seed: int = 3) -> Matrix:
    return np.random.default_rng(seed).uniform(low, high, (count, len(NAMES)))


def test_numbers_of_one_kind_are_no_drift_and_a_shift_is_one_until_it_is_usual() -> None:
    drift, source = Drift(), np.random.default_rng(4)
    assert not drift.drifting
    assert not drift.take(source.normal(0.5, 0.04, 2_000).tolist())
    assert drift.told == (0, False)
    assert drift.take(source.normal(0.7, 0.04, 200).tolist())
    assert drift.drifting
    assert drift.mean > 0.6
    while drift.take(source.normal(0.7, 0.04, RECENT_VALUES).tolist()):
        pass
    assert drift.found >= 1
    assert not drift.drifting


def test_scores_that_move_are_found_by_model_however_they_are_cut_into_batches() -> None:
    calm, high = uniform(300 * GROUP), uniform(300 * GROUP, 0.5, 1.0, seed=5)
    high[:, 0] = calm[:, 0]
    rows = np.concatenate((calm, high))
    told = []
    for size in (1, 7, GROUP, 1_000):
        drift, found = ScoreDrift(), set()
        for start in range(0, len(rows), size):
            found.update(drift.take(NAMES, rows[start : start + size]))
        assert found == {"one_class_svm"}
        told.append({name: one.mean for name, one in drift.models.items()})
    assert all(each == told[0] for each in told)


def test_a_model_that_warms_up_is_not_taken_for_one_that_drifts() -> None:
    drift = ScoreDrift()
    assert not drift.take(NAMES, np.zeros((100 * GROUP, 2)))
    assert not drift.models["gaussian"].take(()) if drift.models else True
    late = uniform(100 * GROUP)
    late[:, 1] = 0.0
    assert not drift.take(NAMES, late)
    assert not drift.take(NAMES, uniform(200 * GROUP, seed=6))
    assert {name: one.found for name, one in drift.models.items()} == {"gaussian": 0, "one_class_svm": 0}


def test_a_score_that_is_no_number_counts_as_nothing() -> None:
    drift, rows = ScoreDrift(), uniform(10 * GROUP)
    rows[::3] = np.nan
    assert not drift.take(NAMES, rows)
    assert drift.models["gaussian"].mean == 0.0
    assert not drift.take(NAMES, uniform(10 * GROUP))
    assert 0.4 < drift.models["gaussian"].mean < 0.6
