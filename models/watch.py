"""What one partition's models are watched for beside their work: drift of what they say, and of what they see.

It changes nothing that is decided, and begins anew with the process.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from core.feature_groups import FEATURE_GROUPS
from models.drift import Drift, ScoreDrift
from models.modes import Signal
from models.protocol import Matrix, Row
from models.stability import Stability

NEWS_MOST: Final = 64
# Of labels there are few: so many after a drift it counts as going on.
RECENT_FRAUDS: Final = 100


class Found(Struct, frozen=True):
    """A drift. mean: of the signal since then, 0 to 1; times: how many there were since the partition was taken."""

    model: str
    signal: Signal
    times: int
    mean: float


class Watched(Struct, frozen=True):
    """How things stand. speaking: models that have learnt enough to say anything; index: see `models.stability`;
    drifts: by model and signal how many, and whether the last one goes on."""

    names: tuple[str, ...]
    speaking: tuple[str, ...]
    index: Mapping[str, float]
    drifts: Mapping[tuple[str, Signal], tuple[int, bool]]


class Watch:
    """turns: grows with each look that may have changed something."""

    def __init__(self, features: Sequence[str] = ()) -> None:
        """features: of the rows that are looked at, none for none."""
        self.turns = 0
        self.news: deque[Found] = deque(maxlen=NEWS_MOST)
        """Drifts that nobody has taken note of; whoever does takes them out."""
        self._stability = Stability(features, FEATURE_GROUPS) if features else None
        self._scores = ScoreDrift()
        self._misses: dict[str, Drift] = {}

    def rows(self, rows: Sequence[Row], clock_ms: int) -> None:
        """Rows of a batch, all of them. clock_ms: event time."""
        if self._stability is not None:
            self._stability.take(rows, clock_ms)
            self.turns += 1

    def scores(self, names: Sequence[str], table: Matrix) -> None:
        """Calibrated scores, (rows, names)."""
        self.turns += 1
        for name in self._scores.take(names, table):
            self._tell(name, "scores", self._scores.models[name])

    def fraud(self, missed: Mapping[str, bool]) -> None:
        """A fraud has become known. missed: by model that had scored it."""
        self.turns += 1
        for name, miss in missed.items():
            drift = self._misses.get(name)
            if drift is None:
                drift = self._misses[name] = Drift(recent_values=RECENT_FRAUDS)
            if drift.take((float(miss),)):
                self._tell(name, "misses", drift)

    def _tell(self, name: str, signal: Signal, drift: Drift) -> None:
        self.news.append(Found(name, signal, drift.found, drift.mean))

    def told(self, names: Sequence[str], speaking: Sequence[str]) -> Watched:
        """How things stand with these models."""
        drifts: dict[tuple[str, Signal], tuple[int, bool]] = {}
        for name in names:
            if name in self._scores.models:
                drifts[name, "scores"] = self._scores.models[name].told
            if name in self._misses:
                drifts[name, "misses"] = self._misses[name].told
        index = self._stability.index if self._stability is not None else {}
        return Watched(tuple(names), tuple(speaking), index, drifts)
