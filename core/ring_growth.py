"""What a tied thing, or a fraud, makes of the signals of its ring."""

from bisect import bisect_left
from typing import Final

from msgspec.structs import replace

from core.belief import stands
from core.ring import (
    FULL,
    MEMBERS_MOST,
    OPEN,
    PREFIX,
    TAKEN_BACK,
    TIE_MS,
    TIES_MOST,
    USERS_MOST,
    RingRecord,
    Tie,
    rank,
    user_mark,
)
from core.signal import CLEARED, CONFIRMED, MET, TIE, Signal

# Signals of rings, by their kinds.
RING_KINDS: Final = frozenset({TIE, MET, CONFIRMED, CLEARED})
EVENT_PREFIX: Final = f"{PREFIX}event:"


def grown(key: str, ring: RingRecord | None, signal: Signal) -> RingRecord | None:
    """The ring of that source key after a signal; the same object where nothing has changed."""
    if ring is not None and signal.time_ms >= ring.until_ms:
        ring = None
    if key.startswith(EVENT_PREFIX):
        return _met(ring, signal, MEMBERS_MOST) if signal.kind == MET else _said(ring, signal)
    if signal.kind == MET:
        return _met(ring, signal, USERS_MOST)
    return ring if signal.tie is None else _tied(ring, signal.tie, signal.time_ms)


def _met(ring: RingRecord | None, signal: Signal, most: int) -> RingRecord | None:
    """One more user, who may be one too many."""
    if ring is None or ring.closed != OPEN:
        return ring
    user = user_mark(signal.user_id)
    at = bisect_left(ring.met, user)
    if ring.met[at : at + 1] == (user,):
        return ring
    met = (*ring.met[:at], user, *ring.met[at:])
    return replace(ring, met=met) if len(met) <= most else replace(ring, ties=(), met=met, closed=FULL)


def _tied(ring: RingRecord | None, tie: Tie, time_ms: int) -> RingRecord | None:
    if time_ms >= tie.since_ms + TIE_MS:
        return ring
    if ring is None:
        return RingRecord(time_ms, (tie,))
    if ring.closed != OPEN:
        return ring
    best: dict[int, Tie] = {}
    for known in sorted((*(known for known in ring.ties if time_ms < known.since_ms + TIE_MS), tie), key=rank):
        best.setdefault(known.user_mark, known)
    ties = tuple(best.values())[:TIES_MOST]
    since_ms = min(ring.since_ms, time_ms)
    return ring if ties == ring.ties and since_ms == ring.since_ms else replace(ring, since_ms=since_ms, ties=ties)


def _said(ring: RingRecord | None, signal: Signal) -> RingRecord | None:
    """What the newest word on a fraud makes of its ring. A word against it may come first."""
    fraud = signal.kind == CONFIRMED
    if ring is None:
        return RingRecord(signal.time_ms, closed=OPEN if fraud else TAKEN_BACK, said_ms=signal.time_ms)
    known = "legit" if ring.closed == TAKEN_BACK else "fraud"
    if not stands("fraud" if fraud else "legit", signal.time_ms, known, ring.said_ms):
        return ring
    closed = TAKEN_BACK if not fraud else FULL if len(ring.met) > MEMBERS_MOST else OPEN
    return replace(ring, closed=closed, said_ms=signal.time_ms)
