"""Pieces of rings for tests."""

from collections.abc import Sequence

from core.ring import DEVICE, Hop, RingRecord, Tie, key_of, user_mark
from core.ring_growth import grown
from core.signal import MET, TIE, Signal
from core.state import mark
from tests.core.story import MONDAY_MS

DEVICE_KEY = key_of(DEVICE, mark("d1"))


def tie(user: str = "u7", *, since_ms: int = MONDAY_MS, own: bool = False, via: Sequence[Hop] = ()) -> Tie:
    """A tie to a fraud of that user."""
    return Tie(user, user_mark(user), mark(f"fraud of {user}"), since_ms, own, tuple(via))


def hop(user: str, thing: str = "d2", kind: int = DEVICE) -> Hop:
    return Hop(kind, thing, user, user_mark(user))


def tied(found: Tie, time_ms: int = MONDAY_MS) -> Signal:
    return Signal(TIE, time_ms, "somebody", "e", tie=found)


def met(user: str, time_ms: int = MONDAY_MS) -> Signal:
    return Signal(MET, time_ms, user, "e")


def ring_of(signals: Sequence[Signal], key: str = DEVICE_KEY, ring: RingRecord | None = None) -> RingRecord | None:
    """What that source makes of the signals."""
    for signal in signals:
        ring = grown(key, ring, signal)
    return ring
