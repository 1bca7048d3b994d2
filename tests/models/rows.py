"""Rows of features as the models meet them: ratios and gaps in the middle, flags that are rarely up."""

import numpy as np

from models.protocol import Matrix

FEATURES = ("new_device", "new_country", "gap", "amount_ratio", "odd_hour", "failures", "merchants", "speed")


def normal_rows(count: int, seed: int = 5) -> Matrix:
    """Two kinds of normal: small and usual, large and at night; flags up once in fifty."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0.3, 0.06, (count, len(FEATURES)))
    at_night = rng.random(count) < 0.2
    rows[at_night] += 0.15
    rows[:, :2] = rng.random((count, 2)) < 0.02
    return np.clip(rows, 0.0, 1.0)


def strange_rows(count: int, seed: int = 6) -> Matrix:
    """A new device in a new country, far too much at an odd hour."""
    rng = np.random.default_rng(seed)
    rows = normal_rows(count, seed)
    rows[:, :2] = 1.0
    rows[:, 2:] = rng.uniform(0.7, 1.0, (count, len(FEATURES) - 2))
    return rows
