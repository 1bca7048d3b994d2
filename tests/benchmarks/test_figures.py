"""The arithmetic behind `argus bench`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Target, figure, per_second, quantile, ratios, told


def test_a_quantile_is_a_value_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.9, 0.99, 1.0)] == [1, 50, 90, 99, 100]


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.01) == quantile([7.0], 1.0) == 7.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.floats(0, 1))
def test_at_least_that_share_of_the_values_lies_at_or_below_a_quantile(values: list[float], share: float) -> None:
    values.sort()
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_lies_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        quantile([1.0], share)


def test_ratios_compare_runs_that_were_taken_side_by_side() -> None:
    assert ratios([10.0, 20.0], [5.0, 4.0]) == [2.0, 5.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_one_slow_run_does_not_move_a_figure() -> None:
    assert figure("events", "/s", [100.0, 3.0, 101.0]).value == 100.0


def test_a_figure_needs_a_run() -> None:
    with pytest.raises(ValueError, match="not measured"):
        figure("events", "/s", [])


def test_targets_know_which_way_is_better() -> None:
    assert Target(10, "higher").met(10)
    assert not Target(10, "higher").met(9)
    assert Target(10, "lower").met(10)
    assert not Target(10, "lower").met(11)


def test_a_rate_needs_time() -> None:
    assert per_second(10, 2.0) == 5.0
    with pytest.raises(ValueError, match="no measurable time"):
        per_second(10, 0.0)


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (0.01234, "0.0123"), (0.0, "0")]
)
def test_numbers_are_told_shortly(value: float, text: str) -> None:
    assert told(value) == text
