"""Which features make a row strange: what each one's usual value would take off."""

from collections.abc import Sequence

import numpy as np

from core.judged import Swap
from models.bank import Bank
from models.protocol import Matrix, Row, Vector

LEAST_SHARE_ABOVE = 1e-9


def shares_of(bank: Bank, row: Row, deciding: Sequence[int]) -> list[float]:
    """One share per feature, 0..1, summing to 1. deciding: the places of the models that are asked.

    Each feature in turn is set to its usual value; how far that lowers the surprise (-log of the share of rows that
    are stranger, summed over the models) is its weight. Where no single feature lowers it, and before the models are
    warm, weights are the distances from the usual row; a usual row blames all alike.
    """
    given, scores = _swapped(bank, row, deciding)
    surprise = _surprise(scores)
    weights: Vector = np.maximum(surprise[0] - surprise[1:], 0.0)
    if not weights.any():
        weights = np.abs(given - bank.usual)
    if not weights.any():
        weights = np.ones(len(given))
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def swaps_of(
    bank: Bank, row: Row, features: Sequence[str], names: Sequence[str], deciding: Sequence[int]
) -> list[Swap]:
    """What the deciding models say with one feature at its usual value: each in turn that is not there yet, first
    those that take off most. features, names: in the order of the row, and of the bank's models."""
    given, scores = _swapped(bank, row, deciding)
    order = np.argsort(_surprise(scores)[1:], kind="stable").tolist()
    return [
        Swap(
            features[at],
            float(given[at]),
            float(bank.usual[at]),
            {names[n]: float(scores[1 + at, n]) for n in deciding},
        )
        for at in order
        if given[at] != bank.usual[at]
    ]


def _swapped(bank: Bank, row: Row, deciding: Sequence[int]) -> tuple[Vector, Matrix]:
    """The row with nothing missing, and the scores of it and of it with each feature in turn at its usual value."""
    given: Vector = bank.filled(np.array([row], np.float64))[0]
    rows = np.tile(given, (len(given) + 1, 1))
    np.fill_diagonal(rows[1:], bank.usual)
    return given, bank.score_rows(rows, deciding)


def _surprise(shares: Matrix) -> Vector:
    surprise: Vector = -np.log(np.maximum(1.0 - shares, LEAST_SHARE_ABOVE)).sum(axis=1)
    return surprise
