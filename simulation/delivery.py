"""Delivery: from when a thing happened to when it comes in. Mostly at once, sometimes late, sometimes twice."""

import heapq
import math
from collections.abc import Iterator
from random import Random
from typing import Final

from core.clock import HOUR, SECOND, rfc3339
from simulation.config import Fields, Labelled, Verity

AT_ONCE: Final = 0.93
SLOW: Final = 0.992
LATE: Final = 0.998
TWICE: Final = 0.003


class Delivery:
    """Events on their way, handed out in order of arrival; ids are given on arrival, so they tell nothing."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._pending: list[tuple[int, int, Labelled]] = []
        self._sent = 0
        self._arrived = 0

    def __len__(self) -> int:
        return len(self._pending)

    def send(
        self,
        rng: Random,
        time_ms: int,
        event: Fields,
        *,
        integer_times: bool = False,
        held_ms: int = 0,
        label: Verity = "legit",
        attack: str | None = None,
        campaign: str | None = None,
        intensity: str | None = None,
        trap: str | None = None,
    ) -> None:
        """Send an event that happens at time_ms. held_ms: how long its sender was out of reach."""
        roll = rng.random()
        if roll < AT_ONCE:
            delay = 20 + int(roll * 900)
        elif roll < SLOW:
            delay = 20 + int(rng.expovariate(1.0) * 4 * SECOND)
        elif roll < LATE:
            delay = int(math.exp(rng.uniform(math.log(10 * SECOND), math.log(HOUR))))
            trap = trap or "late"
        else:
            delay = int(rng.uniform(1, 9) * HOUR)
            trap = trap or "late"
        event["time"] = time_ms if integer_times else rfc3339(time_ms)
        arrival = time_ms + delay + held_ms
        twice = rng.random() < TWICE
        if twice:
            trap = trap or "duplicate"
        self._push(Labelled(event, time_ms, arrival, label, attack, campaign, intensity, trap))
        if twice:
            again = arrival + 1 + int(rng.expovariate(1.0) * 30 * SECOND)
            self._push(Labelled(event, time_ms, again, label, attack, campaign, intensity, trap, repeat=True))

    def _push(self, labelled: Labelled) -> None:
        self._sent += 1
        heapq.heappush(self._pending, (labelled.arrival_ms, self._sent, labelled))

    def due(self, until_ms: int) -> Iterator[Labelled]:
        """What comes in before until_ms."""
        pending = self._pending
        while pending and pending[0][0] < until_ms:
            labelled = heapq.heappop(pending)[2]
            if not labelled.repeat:
                self._arrived += 1
                labelled.event["event_id"] = f"{self._prefix}{self._arrived:08d}"
            yield labelled

    def drop(self, until_ms: int) -> None:
        """Forget what came in before until_ms."""
        for _ in self.due(until_ms):
            pass
