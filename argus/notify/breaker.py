"""A circuit breaker for each channel: one that keeps failing is left alone for a while, then asked once.

Written here because the libraries for it (pybreaker, aiobreaker, circuitbreaker) wrap the call and read the clock
themselves, while here the call is made later, if at all, and what waits for it is kept in the state.
"""

from typing import Final

FAILURES_MAX: Final = 5
FIRST_S: Final = 15.0
MOST_S: Final = 300.0


class Breaker:
    """Times are monotonic seconds, given by the caller."""

    def __init__(self, failures_max: int = FAILURES_MAX, first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        """It opens after so many failures in a row, for first_s, and for twice as long after each failed probe."""
        self._failures_max = failures_max
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0
        self._open_s = 0.0
        self._until = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether it lets nothing but a probe pass."""
        return self._open_s > 0

    def allows(self, now: float) -> bool:
        """Whether a call may be made; if so, `succeeded` or `failed` must follow."""
        if not self.open:
            return True
        if self._probing or now < self._until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures, self._open_s, self._probing = 0, 0.0, False

    def failed(self, now: float) -> None:
        self._failures += 1
        self._probing = False
        if self._failures >= self._failures_max:
            self._open_s = min(self._most_s, self._open_s * 2 or self._first_s)
            self._until = now + self._open_s
