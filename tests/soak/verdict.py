"""Does a measured quantity stay as it is, or grow?

The samples behind the warm-up are put into equal spells of time, each told by its median, and a line is laid through
the spells by Theil and Sen (the median of the slopes of all pairs): up to a quarter of them may be anything. Its 95 %
interval says what noise could have made of it. A quantity grows where even the least slope of that interval is
steeper than its bound.
"""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from msgspec import Struct
from scipy.stats import theilslopes

SPELLS_MOST = 60
SPELL_LEAST_S = 4.0
# With fewer, the interval says nothing.
SPELLS_LEAST = 8
SETTLED_S = 600.0
CONFIDENCE = 0.95
HOUR_S = 3_600.0

Word = Literal["flat", "unclear", "grows", "not judged"]
Samples = Sequence[tuple[float, float]]


class Bound(Struct, frozen=True):
    """How much a quantity may grow. per_hour: as long as it runs, as what has no end by design may; noise, share:
    once in a run however short, in its unit and as a part of its median: allocators, compactions. settling: once
    more in a run that is judged from its start on, and the less of it the longer the warm-up was: heaps grow in steps
    until each kind of work has been met."""

    name: str
    unit: str
    per_hour: float = 0.0
    noise: float = 0.0
    share: float = 0.0
    settling: float = 0.0
    # Where other work has the processors it says nothing: at all, or once the worker has fallen behind.
    alone: bool = False
    in_time: bool = True


class Verdict(Struct, frozen=True):
    """Of one quantity. middle: its median; slope, low, high: growth an hour and its 95 % interval; allowed: the bound
    on it. flat: whether the whole interval is within; unclear: in part."""

    name: str
    unit: str
    middle: float
    slope: float
    low: float
    high: float
    allowed: float
    verdict: Word


def judge(bound: Bound, samples: Samples, start_s: float, end_s: float) -> Verdict:
    """The verdict on the samples (seconds, value) between start_s and end_s. Raises ValueError where they are too
    few to tell."""
    spells = spells_of(samples, start_s, end_s)
    if len(spells) < SPELLS_LEAST:
        raise ValueError(f"{bound.name}: {len(spells)} spells of {SPELL_LEAST_S:.0f} s or more were measured")
    times, values = zip(*spells, strict=True)
    found = theilslopes(values, times, CONFIDENCE)
    slope, low, high = (float(each) * HOUR_S for each in (found.slope, found.low_slope, found.high_slope))
    middle = median(values)
    settling = bound.settling * max(0.0, 1.0 - start_s / SETTLED_S)
    once = bound.noise + bound.share * abs(middle) + settling
    allowed = bound.per_hour + once * HOUR_S / (end_s - start_s)
    word: Word = "grows" if low > allowed else "flat" if high <= allowed else "unclear"
    return Verdict(bound.name, bound.unit, middle, slope, low, high, allowed, word)


def spells_of(samples: Samples, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """The middle and the median of each spell in which there are samples."""
    count = max(1, min(SPELLS_MOST, int((end_s - start_s) / SPELL_LEAST_S)))
    length_s = (end_s - start_s) / count
    spells: list[list[float]] = [[] for _ in range(count)]
    for at_s, value in samples:
        if start_s <= at_s < end_s:
            spells[min(count - 1, int((at_s - start_s) / length_s))].append(value)
    return [(start_s + (at + 0.5) * length_s, median(values)) for at, values in enumerate(spells) if values]
