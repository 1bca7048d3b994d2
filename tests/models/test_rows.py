"""Rows as a matrix: the numbers that `np.array` would make of them, and the same refusals."""

import math

import numpy as np
import pytest

from models.protocol import Row
from models.rows import matrix_of


@pytest.mark.parametrize(
    "rows",
    [
        [[0.1, 1 / 3, 1e-310], [-0.0, math.inf, 5.0]],
        [[1, True, 2.5]],
        [(0.1, np.float64(0.2), 0.3)],
        [np.array([0.1, 0.2, 0.3]), [1.0, 2.0, 3.0]],
        [[0.1, None, 0.3], [math.nan, 1.0, 2.0]],
        [],
    ],
)
def test_rows_become_the_very_numbers_that_they_hold(rows: list[Row]) -> None:
    matrix = matrix_of(rows, 3)
    assert matrix.dtype == np.float64
    assert matrix.tobytes() == np.array(rows, np.float64).reshape(-1, 3).tobytes()
    assert matrix.shape == (len(rows), 3)


def test_the_matrix_is_the_callers_own() -> None:
    given = np.ones((2, 3))
    for rows in (given, given.tolist()):
        matrix = matrix_of(rows, 3)
        matrix[:] = 0.0
    assert given.all()


@pytest.mark.parametrize("rows", [[[0.1, 0.2]], [[0.1, 0.2]] * 3, [[0.1] * 3, [0.1] * 4], [[0.1, 0.2, "x"]], [()]])
def test_rows_of_another_shape_are_refused(rows: list[Row]) -> None:
    with pytest.raises(ValueError, match=r"reshape|inhomogeneous|convert"):
        matrix_of(rows, 3)
