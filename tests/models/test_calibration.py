import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import RECENT_ROWS, Calibration, OddsCalibration

scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def calibrated(values: list[float]) -> Calibration:
    calibration = Calibration()
    calibration.observe(np.array(values))
    return calibration


def test_with_nothing_seen_every_share_is_0() -> None:
    assert Calibration().share(3.0) == 0.0
    assert Calibration().shares(np.array([1.0, -1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("score", "share"), [(-5.0, 0.0), (1.0, 0.0), (2.0, 0.25), (3.0, 0.5), (3.5, 0.625), (4.0, 0.75), (2.5, 0.375)]
)
def test_the_share_is_of_lower_scores_and_in_between_a_straight_line(score: float, share: float) -> None:
    assert calibrated([4.0, 2.0, 1.0, 3.0]).share(score) == share


def test_equal_scores_are_not_lower_than_themselves() -> None:
    calibration = calibrated([1.0, 2.0, 2.0, 2.0])
    assert calibration.share(2.0) == 0.25
    assert calibration.share(2.1) >= 0.75


def test_the_far_out_still_rank_among_themselves_and_do_not_reach_1() -> None:
    calibration = calibrated(np.random.default_rng(1).normal(size=4_096).tolist())
    far = [calibration.share(score) for score in (5.0, 6.0, 8.0, 20.0, 1e3, 1e6)]
    assert far == sorted(set(far))
    assert far[0] > 1.0 - 1 / 4_096
    assert far[-1] < 1.0


@settings(derandomize=True, max_examples=200)
@given(scores, scores)
def test_one_and_many_give_the_same_rising_shares(seen: list[float], asked: list[float]) -> None:
    calibration, asked = calibrated(seen), sorted([*asked, *seen, max(seen) + 1.0])
    many = calibration.shares(np.array(asked)).tolist()
    assert [calibration.share(score) for score in asked] == many
    assert many == sorted(many)
    assert min(many) >= 0.0
    assert max(many) <= 1.0
    for score in seen:
        lower = sum(other < score for other in seen) / len(seen)
        assert calibration.share(score) == pytest.approx(lower, abs=1e-12)


def test_the_oldest_scores_are_forgotten() -> None:
    calibration = calibrated([100.0] * RECENT_ROWS)
    assert calibration.share(50.0) == 0.0
    for _ in range(8):
        calibration.observe(np.arange(RECENT_ROWS // 8, dtype=np.float64))
    assert calibration.count == RECENT_ROWS
    assert calibration.share(RECENT_ROWS) > 0.999


def test_restoring_too_many_scores_is_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Calibration().restore({"recent": np.zeros(RECENT_ROWS + 1)})


@given(scores, scores)
def test_one_and_many_log_odds_give_the_same_rising_shares(seen: list[float], asked: list[float]) -> None:
    calibration, asked = OddsCalibration(np.array(seen)), sorted([*asked, *seen, max(seen) + 1.0])
    many = calibration.shares(np.array(asked)).tolist()
    assert [calibration.share(score) for score in asked] == many
    assert many == sorted(many)
    assert 0.0 <= many[0] <= many[-1] <= 1.0


def test_beyond_a_hundredth_the_share_above_falls_with_the_odds_whatever_few_rows_lie_there() -> None:
    usual = np.arange(1_000, dtype=np.float64) / 1_000
    rows, others = usual.copy(), usual.copy()
    rows[-10:] += 0.5
    others[-10:] += 9.0
    one, other = OddsCalibration(rows), OddsCalibration(others)
    cut = float(rows[-11])
    assert one.share(cut) == pytest.approx(0.989)
    for excess in (1e-9, 1.0, 5.0):
        assert 1.0 - one.share(cut + excess) == pytest.approx(0.011 * np.exp(-excess))
        assert other.share(cut + excess) == one.share(cut + excess)
