"""From a model's own scale to a share: how many of the recent, untainted rows were less strange."""

from bisect import bisect_left

import numpy as np

from models.protocol import State, Vector

RECENT_ROWS = 4_096


class Calibration:
    """A running quantile over the last scores. Grows strictly with the score above the least of them.

    At a score that was seen, the answer is exactly the share of scores below it; between two seen ones it rises in a
    straight line. Beyond the highest of n the share above falls from 1/n as of a heavy tail whose scale is the mean
    excess of the top hundredth, so even the far-out rank among themselves, up to a trillion times that scale.
    As with models, a shallow copy goes its own way.
    """

    def __init__(self, recent: Vector | None = None) -> None:
        self._set(np.zeros(0) if recent is None else recent)

    def _set(self, recent: Vector) -> None:
        self._recent = recent
        self._list: list[float] | None = None
        self._ordered = ordered = self._measured(np.sort(recent))
        if not len(ordered):
            return
        # one entry more than there are gaps: below the first and above the last nothing is interpolated
        self._floor = np.concatenate((ordered[:1], ordered))
        self._gap = np.concatenate(([np.inf], np.diff(ordered), [np.inf]))
        self._highest = float(ordered[-1])

    def _measured(self, ordered: Vector) -> Vector:
        """Of the scores in order, those by which others are measured; what lies beyond them is `_above`."""
        n = len(ordered)
        if n:
            top = max(1, n // 100)
            excess = float((ordered[n - top :] - ordered[max(0, n - top - 1)]).mean())
            spread = float(ordered[-1] - ordered[n // 2])
            self._tail = max(excess, 0.01 * spread, 1e-9)
        return ordered

    def _above(self, excess: Vector) -> Vector:
        """The share above scores that are by so much higher than the highest of `_measured`."""
        above: Vector = self._tail / (self.count * (self._tail + excess))
        return above

    @property
    def count(self) -> int:
        return len(self._recent)

    def observe(self, scores: Vector) -> None:
        """Take in scores of learnt rows, oldest first. The oldest of more than RECENT_ROWS are forgotten."""
        if len(scores):
            self._set(np.concatenate((self._recent, scores))[-RECENT_ROWS:])

    def shares(self, scores: Vector) -> Vector:
        """Of each score, the share of recent scores that were lower: 0..1, 0 when there are none."""
        if not self.count:
            return np.zeros(len(scores))
        place = self._ordered.searchsorted(scores)
        within = (scores - self._floor.take(place)) / self._gap.take(place)
        shares: Vector = (np.maximum(place - 1, 0) + within) / self.count
        beyond = np.flatnonzero(place == len(self._ordered))
        if len(beyond):
            shares[beyond] = 1.0 - self._above(scores[beyond] - self._highest)
        return shares

    def share(self, score: float) -> float:
        """The same number as `shares`, the cheapest way for one."""
        if self._list is None:
            self._list = self._ordered.tolist()
        ordered = self._list
        n = self.count
        place = bisect_left(ordered, score)
        if place == 0:
            return 0.0
        if place == len(ordered):
            return 1.0 - float(self._above(np.array(score - self._highest)))
        floor = ordered[place - 1]
        return (place - 1 + (score - floor) / (ordered[place] - floor)) / n

    def state(self) -> State:
        return {"recent": self._recent}

    def restore(self, state: State) -> None:
        if state["recent"].ndim != 1 or len(state["recent"]) > RECENT_ROWS:
            raise ValueError("a calibration of another size")
        self._set(state["recent"])


class OddsCalibration(Calibration):
    """Of log-odds of fraud. Beyond the highest hundredth the share above falls by a factor of e with each unit, as it
    does where odds are right: so what two versions of a model say out there compares, and hangs on no few rows."""

    def _measured(self, ordered: Vector) -> Vector:
        n = len(ordered)
        measured = ordered[: n - n // 100]
        self._beyond = (n // 100 + 1) / max(1, n)
        return measured

    def _above(self, excess: Vector) -> Vector:
        above: Vector = self._beyond * np.exp(-excess)
        return above
