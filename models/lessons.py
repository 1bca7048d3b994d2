"""What models are taught of kept rows: which of them, and how much each counts.

There are hundreds of legitimate events for a fraud. Of those only some are taught, chosen by hash, and a fraud counts
for several. Where a batch holds fewer frauds than it ought to, known ones are taught again: days without a label must
not make a model forget what fraud looks like. No user counts for more than three times an average one, of frauds as
of legitimate events: who repeats something for weeks, or disputes a hundred payments, is one voice.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.kept import FRAUD, Index, KeptRows
from models.protocol import Vector

# Legitimate rows for a fraud: what online models are taught, and what forests are grown from.
LEGIT_PER_FRAUD: Final = 20
GROWN_PER_FRAUD: Final = 100
GROWN_ROWS_MOST: Final = 20_000
FRAUD_WEIGHT: Final = 10.0
BALANCE_MOST: Final = 100.0
# Of an average user's rows.
USER_MOST: Final = 3.0
USER_ROWS_LEAST: Final = 10.0
# Bits of a key by which rows are chosen; the lowest three say what is held out, the highest what is kept.
CHOICE_SHIFT: Final = np.uint64(3)
CHOICE_BITS: Final = np.uint64(0xFFFFF)


class Lessons(NamedTuple):
    """rows: in bytes; frauds: which of them are; weights: for how much each counts. In a shuffled order."""

    rows: npt.NDArray[np.uint8]
    frauds: npt.NDArray[np.bool_]
    weights: Vector


def lessons(kept: KeptRows, places: Index, seed: int, *, grown: bool = False) -> Lessons:
    """Of these rows."""
    frauds = kept.column("label")[places] == FRAUD
    known = int(np.count_nonzero(kept.column("label") == FRAUD))
    most = min(GROWN_ROWS_MOST, GROWN_PER_FRAUD * known) if grown else LEGIT_PER_FRAUD * known
    # Of all that is kept, not of this batch: a batch of few is thinned as one of many.
    share = min(1.0, most / max(1, kept.count - known))
    choice = (kept.column("key")[places] >> CHOICE_SHIFT) & CHOICE_BITS
    chosen = frauds | (choice < np.uint64(share * (int(CHOICE_BITS) + 1)))
    places, frauds = places[chosen], frauds[chosen]
    random = np.random.default_rng(seed)
    if not grown:
        again = _again(kept, frauds, random)
        places, frauds = np.concatenate((places, again)), np.concatenate((frauds, np.ones(len(again), bool)))
    weights = kept.weights()[places]
    users = kept.column("user")[places]
    for group in (frauds, ~frauds):
        weights[group] *= _capped(users[group])
    legit = float(weights[~frauds].sum())
    if legit:
        weights[~frauds] *= np.count_nonzero(~frauds) / legit
    if grown:
        counted = float(weights[frauds].sum())
        weights[frauds] *= min(BALANCE_MOST, np.count_nonzero(~frauds) / counted) if counted else 1.0
    else:
        weights[frauds] *= FRAUD_WEIGHT
    order = random.permutation(len(places))
    return Lessons(kept.rows[places[order]], frauds[order], weights[order])


def _again(kept: KeptRows, frauds: npt.NDArray[np.bool_], random: np.random.Generator) -> Index:
    """Known frauds to bring the share of frauds to one for `LEGIT_PER_FRAUD`, where it is lower."""
    known = np.flatnonzero(kept.column("label") == FRAUD)
    new = int(np.count_nonzero(frauds))
    missing = int(random.binomial(len(frauds) - new, 1 / LEGIT_PER_FRAUD)) - new
    return random.choice(known, missing) if missing > 0 and len(known) else known[:0]


def _capped(users: npt.NDArray[Any]) -> Vector:
    """For each row, what it may count so that no user counts too much."""
    if not len(users):
        return np.zeros(0)
    _, which, counts = np.unique(users, return_inverse=True, return_counts=True)
    most = max(USER_ROWS_LEAST, USER_MOST * float(counts.mean()))
    capped: Vector = np.minimum(1.0, most / counts)[which]
    return capped
