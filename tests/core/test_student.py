"""Deviations by few values, against SciPy's distributions."""

import pytest
from scipy.stats import norm, t

from core.student import error_at, normal_deviations


@pytest.mark.parametrize("known", [9, 15, 40, 205])
@pytest.mark.parametrize("error", [-5.0, -1.0, 0.0, 0.5, 2.0, 3.5, 6.0])
def test_a_deviation_is_as_rare_as_students(known: int, error: float) -> None:
    student = error / (1 + 1 / known) ** 0.5
    wanted = -norm.isf(t.cdf(student, known - 1))
    assert normal_deviations(error, known) == pytest.approx(wanted, abs=0.03)


def test_who_is_known_by_little_is_told_less_surely() -> None:
    assert normal_deviations(3.5, 10) < 3.0 < normal_deviations(3.5, 60) < 3.5


@pytest.mark.parametrize("known", [6, 15, 205])
@pytest.mark.parametrize("deviations", [-2.0, 0.0, 2.6, 3.4, 6.0])
def test_the_way_back(known: int, deviations: float) -> None:
    assert normal_deviations(error_at(deviations, known), known) == pytest.approx(deviations)
