"""Feedback: what people say about events afterwards, with the delay that it really has."""

import heapq
import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from core.clock import HOUR, rfc3339
from simulation.config import Config, Fields, Labelled

MONEY: Final = frozenset({"transaction", "payout"})
# Who finds out, how often, the median of how many hours it takes and its spread.
FINDERS: Final = (
    ("analyst", 0.15, 3.0, 0.8),
    ("dispute", 0.30, 20.0, 0.9),
    ("chargeback", 0.25, 110.0, 0.6),
)
OTHER_SHARE: Final = 0.04
HONEST_SHARE: Final = 0.0005
TRAP_SHARE: Final = 0.002


class Desk:
    """Hears of events as they come in and knows what will be said of them. pace: multiplies every delay."""

    def __init__(self, config: Config, pace: float = 1.0) -> None:
        self._rng = Random(f"{config.seed}:{config.run}:feedback")
        self._pace = pace
        self._prefix = f"f{config.seed}-{config.run}"
        self._coming: list[tuple[int, int, Fields]] = []
        self._said = 0

    def hear(self, labelled: Labelled) -> None:
        if labelled.repeat:
            return
        rng = self._rng
        if labelled.label == "legit":
            share = TRAP_SHARE if labelled.trap else HONEST_SHARE
            if rng.random() < share:
                self._say(labelled, rng.choice(("otp", "analyst")), 0.5, 1.0)
            return
        if labelled.event["type"] not in MONEY:
            if rng.random() < OTHER_SHARE:
                self._say(labelled, "analyst", 4.0, 0.8)
            return
        if labelled.event.get("outcome") == "failure":
            return
        roll = rng.random()
        for source, share, hours, spread in FINDERS:
            if roll < share:
                self._say(labelled, source, hours, spread)
                return
            roll -= share

    def due(self, until_ms: int | None) -> Iterator[Fields]:
        """What is said before until_ms (None: ever), in order."""
        coming = self._coming
        while coming and (until_ms is None or coming[0][0] < until_ms):
            yield heapq.heappop(coming)[2]

    def _say(self, labelled: Labelled, source: str, median_h: float, spread: float) -> None:
        delay = median_h * HOUR * self._pace * math.exp(self._rng.gauss(0.0, spread))
        time_ms = labelled.arrival_ms + int(delay)
        self._said += 1
        record: Fields = {
            "feedback_id": f"{self._prefix}{self._said:07d}",
            "event_id": labelled.event["event_id"],
            "user_id": labelled.event["user_id"],
            "label": labelled.label,
            "source": source,
            "time": rfc3339(time_ms),
        }
        heapq.heappush(self._coming, (time_ms, self._said, record))


def feedback(events: Iterable[Labelled], config: Config) -> Iterator[Fields]:
    """What is said about these events, in order of when it is said. Takes them all in first."""
    desk = Desk(config)
    for labelled in events:
        desk.hear(labelled)
    yield from desk.due(None)
