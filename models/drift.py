"""Whether what a model says is still what it said: ADWIN over means of a few numbers each.

ADWIN (Bifet and Gavalda 2007) holds a window as long as nothing in it speaks against one mean, and drops the older
part when something does: once in `DELTA` tries by chance, at most. It holds n values in about log n numbers.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from river.drift import ADWIN

from models.protocol import Matrix, Vector

DELTA: Final = 0.002
# Scores in one value of the window: a value costs half a microsecond, and events of one session are much alike.
GROUP: Final = 64
# Values after a drift for which it counts as going on.
RECENT_VALUES: Final = 256


class Drift:
    """Of one series of numbers from 0 to 1."""

    def __init__(self, *, delta: float = DELTA, recent_values: int = RECENT_VALUES) -> None:
        self.found = 0
        """Drifts so far."""
        self._window = ADWIN(delta=delta)
        self._recent_values = recent_values
        self._since = recent_values

    @property
    def drifting(self) -> bool:
        """A drift was found, and not so many values have come since that the new mean is the usual one."""
        return self._since < self._recent_values

    @property
    def told(self) -> tuple[int, bool]:
        """Drifts so far, and whether the last one goes on."""
        return self.found, self.drifting

    @property
    def mean(self) -> float:
        """Of the window, so of what came since the last drift."""
        return float(self._window.estimation)

    def take(self, values: Sequence[float]) -> bool:
        """Oldest first. Answers whether there is a drift among them."""
        window, found = self._window, self.found
        for value in values:
            window.update(value)
            self._since += 1
            if window.drift_detected:
                self.found += 1
                self._since = 0
        return self.found > found


class ScoreDrift:
    """Of calibrated scores, by model. Rows of which no model says anything (all 0) are passed over, and so is a model
    that says nothing of a whole group."""

    def __init__(self) -> None:
        self.models: dict[str, Drift] = {}
        self._waiting: dict[tuple[str, ...], list[Matrix]] = {}
        self._rows: dict[tuple[str, ...], int] = {}

    def take(self, names: Sequence[str], table: Matrix) -> list[str]:
        """(rows, names). Answers the models that have drifted."""
        key = tuple(names)
        waiting = self._waiting.setdefault(key, [])
        waiting.append(table)
        count = self._rows[key] = self._rows.get(key, 0) + len(table)
        if count < GROUP:
            return []
        rows = np.concatenate(waiting)
        rows = rows[rows.any(axis=1)]
        whole = len(rows) - len(rows) % GROUP
        waiting[:] = [rows[whole:]]
        self._rows[key] = len(rows) - whole
        means: Matrix = rows[:whole].reshape(-1, GROUP, len(names)).mean(axis=1)
        return [name for name, column in zip(names, means.T, strict=True) if self._heard(name, column)]

    def _heard(self, name: str, means: Vector) -> bool:
        drift = self.models.get(name)
        if drift is None:
            drift = self.models[name] = Drift()
        return drift.take(means[(means > 0.0) & (means <= 1.0)].tolist())
