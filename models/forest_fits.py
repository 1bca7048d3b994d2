"""What forests are grown anew from, and when; and what is told of a fit that is over."""

from typing import Final, NamedTuple

import numpy as np

from models.kept import Index, KeptRows
from models.lessons import lessons
from models.protocol import State

# New frauds between two fits: so many, and this share of those that the last was grown from, as far as they are kept.
REFIT_FRAUDS: Final = 25
REFIT_SHARE: Final = 0.25


class Asked(NamedTuple):
    """What a fit was asked for with. rows: that it is fitted on; of so many events with a known or an undisputed end;
    frauds: known; from_ms, to_ms: event time of the rows."""

    rows: int = 0
    events: int = 0
    frauds: int = 0
    from_ms: int = 0
    to_ms: int = 0


class Fit(NamedTuple):
    """One that is over. error: "" where it is in force now; parts: what was fitted."""

    model: str
    version: int
    seconds: float
    asked: Asked
    error: str
    parts: State


def is_due(new: int, before: int) -> bool:
    """Whether so many frauds are enough that became known since the last fit. before: what that one was grown from,
    as far as it is kept."""
    return new >= max(REFIT_FRAUDS, REFIT_SHARE * before)


def request(kept: KeptRows, counted: Index, held: Index, frauds: int, seed: int) -> tuple[Asked, State] | None:
    """The arrays of a fit (`models.grown`), None where rows are not both fraud and legitimate. counted, held: places
    of the rows that it is fitted on, and of those that calibrate; frauds: ever known."""
    lesson = lessons(kept, counted, seed, grown=True)
    if not lesson.frauds.any() or lesson.frauds.all():
        return None
    times_ms = kept.column("time_ms")[counted]
    asked = Asked(len(lesson.rows), len(counted), frauds, int(times_ms.min()), int(times_ms.max()))
    return asked, {
        "rows": lesson.rows,
        "frauds": lesson.frauds.astype(np.uint8),
        "weights": lesson.weights,
        "held": kept.rows[held],
    }
