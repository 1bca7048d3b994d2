"""Whether events still look as they did: the population stability index of each feature, now against before.

    index = sum over bins of (now - before) * ln(now / before)

By the usual reading below 0.1 nothing has happened, and above 0.25 another population is there. Bins are by quantiles
of what came first, a tenth each where values do not repeat; a value that many rows share has a bin of its own. Both
histograms forget: now within hours, before as slowly as a quarter of the time watched allows, so that a house that
has just begun, where nobody has a past yet, is not told as another world every day.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from core.clock import DAY, HOUR
from models.protocol import Matrix, Row
from models.rows import matrix_of

NOTED: Final = 0.1
MUCH: Final = 0.25
BINS: Final = 10
# A value is looked at as one of so many steps from 0 to 1.
STEPS: Final = 256
# Of so many rows one is looked at, and so many of these are counted at once.
EVERY: Final = 4
COUNTED: Final = 256
# Looked at before anything is told.
FIRST_ROWS: Final = 1_024
# What is now is worth half after so much time, but after so many rows at the earliest; what was before, after the
# share of the time watched, and sixteen times the rows.
NOW_HALF_MS: Final = 6 * HOUR
NOW_HALF_ROWS: Final = 512
BEFORE_SHARE: Final = 0.25
BEFORE_HALF_MS: Final = 30 * DAY
BEFORE_HALF_ROWS: Final = 8_192
# An empty bin's share is taken for this: an index has no infinity.
LEAST_SHARE: Final = 1e-4

Steps = npt.NDArray[np.intp]


class Stability:
    """Of rows from 0 to 1, by group of features. Looks at one row in four, whatever the batches; costs well under a
    microsecond a row (measured), and holds 4 KB a feature at most. Time is event time, and may stand still."""

    def __init__(self, features: Sequence[str], groups: Mapping[str, Sequence[str]]) -> None:
        """groups: name to its features; those that are not among `features` are passed over."""
        places = {name: [features.index(one) for one in about if one in features] for name, about in groups.items()}
        self._groups = {name: about for name, about in places.items() if about}
        self._width = len(features)
        self._first = np.zeros((self._width, STEPS))
        self._bin_of: Steps | None = None
        self._before = self._now = np.zeros((self._width, BINS))
        self._waiting: list[Row] = []
        self._skip = 0
        self._seen = 0
        self._began_ms = self._clock_ms = 0
        self.index: Mapping[str, float] = {}
        """By group, the largest of its features; empty before enough has come. Replaced, never changed."""

    def take(self, rows: Sequence[Row], clock_ms: int) -> None:
        """The next rows, missing values as None or NaN; they count as 0."""
        self._waiting += rows[self._skip :: EVERY]
        self._skip = (self._skip - len(rows)) % EVERY
        while len(self._waiting) >= COUNTED:
            rows, self._waiting = self._waiting[:COUNTED], self._waiting[COUNTED:]
            matrix = np.nan_to_num(matrix_of(rows, self._width), nan=0.0, posinf=1.0, neginf=0.0)
            self._count(matrix, max(clock_ms, self._clock_ms))

    def _count(self, rows: Matrix, clock_ms: int) -> None:
        passed_ms = clock_ms - self._clock_ms if self._seen else 0
        self._began_ms, self._clock_ms = self._began_ms if self._seen else clock_ms, clock_ms
        self._seen += len(rows)
        steps = (np.clip(rows, 0.0, 1.0) * (STEPS - 1) + 0.5).astype(np.intp)
        if self._bin_of is None:
            self._first += _counts(steps, STEPS)
            if self._seen < FIRST_ROWS:
                return
            self._bin_of = np.stack([_bins(counts) for counts in self._first])
            self._before = self._now = np.stack(
                [np.bincount(bins, counts, BINS) for bins, counts in zip(self._bin_of, self._first, strict=True)]
            )
            self._first = np.zeros((0, STEPS))
            return
        fresh = _counts(np.take_along_axis(self._bin_of.T, steps, 0), BINS)
        half_ms = min(max(NOW_HALF_MS, BEFORE_SHARE * (clock_ms - self._began_ms)), BEFORE_HALF_MS)
        fade_now = min(passed_ms / NOW_HALF_MS, len(rows) / NOW_HALF_ROWS)
        fade_before = min(passed_ms / half_ms, len(rows) / BEFORE_HALF_ROWS)
        self._now = self._now * 0.5**fade_now + fresh
        self._before = self._before * 0.5**fade_before + fresh
        each = indices(self._before, self._now)
        self.index = {name: float(each[about].max()) for name, about in self._groups.items()}


def indices(before: Matrix, now: Matrix) -> npt.NDArray[np.float64]:
    """(n, bins) of counts to (n,). Symmetric, and 0 where both are alike."""
    p = np.maximum(before / before.sum(axis=1, keepdims=True), LEAST_SHARE)
    q = np.maximum(now / now.sum(axis=1, keepdims=True), LEAST_SHARE)
    found: npt.NDArray[np.float64] = ((q - p) * np.log(q / p)).sum(axis=1)
    return found


def _counts(places: Steps, width: int) -> Matrix:
    """(rows, features) of places to (features, width) of how many rows had each."""
    features = places.shape[1]
    flat = (places + np.arange(features) * width).reshape(-1)
    counts: Matrix = np.bincount(flat, minlength=features * width).reshape(features, width).astype(np.float64)
    return counts


def _bins(counts: npt.NDArray[np.float64]) -> Steps:
    """Of each step its bin: by how many rows lie below the middle of those at that step."""
    below = (np.cumsum(counts) - counts / 2) / counts.sum()
    bins: Steps = np.minimum((below * BINS).astype(np.intp), BINS - 1)
    return bins
