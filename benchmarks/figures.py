"""The arithmetic: quantiles, medians, ratios, and how a figure is told."""

from collections.abc import Sequence
from statistics import median
from typing import Literal

from msgspec import Struct

Better = Literal["higher", "lower"]


class Target(Struct, frozen=True):
    """What a figure should be."""

    limit: float
    better: Better

    def met(self, value: float) -> bool:
        return value >= self.limit if self.better == "higher" else value <= self.limit


class Figure(Struct, frozen=True):
    """One measured quantity. runs: its value in each run, in order; value: what they come to (`Result.middle`)."""

    name: str
    unit: str
    value: float
    runs: tuple[float, ...]
    target: Target | None = None


class Result(Struct, frozen=True):
    """What one benchmark found. notes: what a reader has to know to read the figures right; middle: what a figure's
    value is of its runs."""

    benchmark: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    middle: Literal["median", "mean"] = "median"


def figure(name: str, unit: str, runs: Sequence[float], target: Target | None = None) -> Figure:
    """A figure from its value in each run. Raises ValueError where there is none."""
    if not runs:
        raise ValueError(f"{name} was not measured")
    return Figure(name, unit, median(runs), tuple(runs), target)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that at least `share` of the values do not exceed (nearest rank: always one that occurred).

    ordered: ascending. Raises ValueError where there is none.
    """
    if not ordered:
        raise ValueError("no values")
    if not 0.0 <= share <= 1.0:
        raise ValueError("share must be between 0 and 1")
    whole, rest = divmod(share * len(ordered), 1)
    return ordered[max(0, int(whole) + (rest > 1e-9) - 1)]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Run by run, for runs that were interleaved: what slows the machine down meanwhile slows both of a pair."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def per_second(count: int, seconds: float) -> float:
    """A rate. Raises ValueError where the time was too short to measure."""
    if seconds <= 0:
        raise ValueError(f"{count} events within no measurable time: take more")
    return count / seconds


def told(value: float) -> str:
    """A number for people: three or four digits that say something."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
