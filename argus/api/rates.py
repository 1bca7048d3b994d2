"""How often somebody may ask: token buckets, a bounded number of them."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

KEPT: Final = 20_000


class Rates:
    """rate_per_s: in the long run; burst: at once, after a pause."""

    def __init__(self, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate_per_s
        self._burst = max(1.0, burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """0 if it may be, else the seconds after which to ask again."""
        left = self._left(key)
        if left < 1.0:
            return max(1, math.ceil((1.0 - left) / self._rate))
        self._buckets[key] = (left - 1.0, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        return 0

    def give_back(self, key: str) -> None:
        """What was taken and is not to count."""
        if key in self._buckets:
            self._buckets[key] = (min(self._burst, self._left(key) + 1.0), self._clock())

    def _left(self, key: str) -> float:
        left, at = self._buckets.get(key, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - at) * self._rate)
