"""Which features make a row strange: what each one's usual value would take off."""

from collections.abc import Sequence

import numpy as np

from core.judged import Swap
from models.bank import Bank
from models.protocol import Cube, Matrix, Row

LEAST_SHARE_ABOVE = 1e-9


def shares_of(bank: Bank, rows: Sequence[Row], deciding: Sequence[int]) -> list[list[float]]:
    """Of each row one share per feature, 0..1, summing to 1. deciding: the places of the models that are asked.

    Each feature in turn is set to its usual value; how far that lowers the surprise (-log of the share of rows that
    are stranger, summed over the models) is its weight. Where no single feature lowers it, and before the models are
    warm, weights are the distances from the usual row; a usual row blames all alike.
    """
    if not rows:
        return []
    given, scores = _swapped(bank, rows, deciding)
    surprise = _surprise(scores)
    weights: Matrix = np.maximum(surprise[:, :1] - surprise[:, 1:], 0.0)
    for fallback in (np.abs(given - bank.usual), np.ones_like(given)):
        weights = np.where(weights.any(axis=1, keepdims=True), weights, fallback)
    shares: list[list[float]] = (weights / weights.sum(axis=1, keepdims=True)).tolist()
    return shares


def swaps_of(
    bank: Bank, row: Row, features: Sequence[str], names: Sequence[str], deciding: Sequence[int]
) -> list[Swap]:
    """What the deciding models say with one feature at its usual value: each in turn that is not there yet, first
    those that take off most. features, names: in the order of the row, and of the bank's models."""
    filled, all_scores = _swapped(bank, [row], deciding)
    given, scores = filled[0], all_scores[0]
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


def _swapped(bank: Bank, rows: Sequence[Row], deciding: Sequence[int]) -> tuple[Matrix, Cube]:
    """(n, features), nothing missing, and (n, 1 + features, models): the scores of each row, and of it with each
    feature in turn at its usual value."""
    given = bank.filled(np.array(rows, np.float64))
    width = given.shape[1]
    swapped = np.repeat(given[:, None, :], width + 1, axis=1)
    each = np.arange(width)
    swapped[:, each + 1, each] = bank.usual
    scores = bank.score_rows(swapped.reshape(-1, width), deciding)
    return given, scores.reshape(len(given), width + 1, -1)


def _surprise(shares: Cube) -> Matrix:
    """Of shares by models, the last axis."""
    surprise: Matrix = -np.log(np.maximum(1.0 - shares, LEAST_SHARE_ABOVE)).sum(axis=-1)
    return surprise
