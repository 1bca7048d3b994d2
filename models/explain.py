"""Which features make a row strange: what each one's usual value would take off."""

from collections.abc import Sequence

import numpy as np

from models.bank import Bank
from models.protocol import Matrix, Row, Vector

LEAST_SHARE_ABOVE = 1e-9


def shares_of(bank: Bank, row: Row, deciding: Sequence[int]) -> list[float]:
    """One share per feature, 0..1, summing to 1. deciding: the places of the models that are asked.

    Each feature in turn is set to its usual value; how far that lowers the surprise (-log of the share of rows that
    are stranger, summed over the models) is its weight. Where no single feature lowers it, and before the models are
    warm, weights are the distances from the usual row; a usual row blames all alike.
    """
    given = bank.filled(np.array([row], np.float64))[0]
    rows = np.tile(given, (len(given) + 1, 1))
    np.fill_diagonal(rows[1:], bank.usual)
    surprise = _surprise(bank.score_rows(rows, deciding))
    weights: Vector = np.maximum(surprise[0] - surprise[1:], 0.0)
    if not weights.any():
        weights = np.abs(given - bank.usual)
    if not weights.any():
        weights = np.ones(len(given))
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def _surprise(shares: Matrix) -> Vector:
    surprise: Vector = -np.log(np.maximum(1.0 - shares, LEAST_SHARE_ABOVE)).sum(axis=1)
    return surprise
