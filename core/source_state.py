"""What is kept of a source: short rings of what happened there, by event time, bounded in bytes.

A ring holds one kind of signal as (time_ms, user, about, flags), ascending by time, where user and about are 32-bit
digests; a late signal lands where it belongs, and a full ring lets go of its oldest. An encoded state never has over
`STATE_MAX_BYTES`; with one full ring it takes about 10 KB, and most have under 300 bytes.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from core.clock import DAY, HOUR
from core.grouping import Group
from core.reputation import Reputation
from core.ring import RingRecord
from core.signal import ALL
from core.state import mark, short

VERSION: Final = 2
RING_MAX: Final = 256
ALL_RING_MAX: Final = 512
# A merchant's state is written with every batch that pays there; a run of frauds is told by far fewer.
PAYMENTS_RING_MAX: Final = 64
NAMES_MAX: Final = 100
NAMES_MAX_CHARS: Final = 4_096
# A month up to a fraud that is known two weeks later.
DAYS_KEPT: Final = 45
HOURS_KEPT: Final = 48
LATE_WINDOWS: Final = 16
STATE_MAX_BYTES: Final = 96 * 1024

# Rings that kinds of signals share or fill.
LOGINS: Final = "logins"
PAYMENTS: Final = "payments"

Entry = tuple[int, int, int, int]
Ring = list[Entry]
Sample = tuple[int, int, float]


class SourceState(Struct, array_like=True):
    """One source's memory.

    clock_ms: its newest signal; it never goes back. names: digest to user id of those seen last, for alerts.
    days: day number to payments there (merchants). hours: kind to hour number to how many there were ("all").
    custom: id of a user-defined rule to its window of (time_ms, digest, value).
    """

    version: int = VERSION
    key: str = ""
    clock_ms: int = 0
    rings: dict[str, Ring] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)
    hours: dict[str, dict[int, int]] = field(default_factory=dict)
    custom: dict[str, list[Sample]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    reputation: Reputation | None = None
    # Since version 2. Of a source that is a thing in rings, and then there is nothing else.
    ring: RingRecord | None = None


def digest(text: str) -> int:
    """32 bits of `text`, the same in every process."""
    return short(mark(text))


def add(state: SourceState, kind: str, entry: Entry) -> None:
    """Place one entry in its ring."""
    ring = state.rings.get(kind)
    if ring is None:
        ring = state.rings[kind] = []
    if not ring or entry >= ring[-1]:
        ring.append(entry)
    else:
        insort(ring, entry)
    if len(ring) > (ALL_RING_MAX if state.key == ALL else PAYMENTS_RING_MAX if kind == PAYMENTS else RING_MAX):
        del ring[0]


def remember(state: SourceState, user_id: str) -> int:
    """The user's digest; the id joins the sample of names, which forgets those it has not met for longest."""
    user = digest(user_id)
    names = state.names
    names.pop(user, None)
    names[user] = user_id
    if len(names) > NAMES_MAX or len(names) * len(user_id) > NAMES_MAX_CHARS:
        while len(names) > NAMES_MAX or sum(map(len, names.values())) > NAMES_MAX_CHARS:
            del names[next(iter(names))]
    return user


def tally_day(state: SourceState, time_ms: int) -> None:
    """One more payment on that day."""
    _tally(state.days, time_ms // DAY, DAYS_KEPT)


def tally_hour(state: SourceState, kind: str, time_ms: int) -> None:
    """One more of that kind in that hour."""
    _tally(state.hours.setdefault(kind, {}), time_ms // HOUR, HOURS_KEPT)


def _tally(counts: dict[int, int], bucket: int, kept: int) -> None:
    counts[bucket] = counts.get(bucket, 0) + 1
    if len(counts) > kept:
        del counts[min(counts)]


def usual(state: SourceState, kind: str, time_ms: int, window_s: float) -> float:
    """How many of that kind a window of that length has had in the day before the hour of `time_ms` and the hour
    before it; 0 where fewer than 6 hours are known. An attack of an hour or two does not hide itself."""
    hours = state.hours.get(kind)
    if not hours:
        return 0.0
    now = time_ms // HOUR
    known = now - 1 - max(min(hours), now - 25)
    if known < 6:
        return 0.0
    return sum(count for hour, count in hours.items() if now - 25 <= hour < now - 1) / known * window_s / 3600


def windows(ring: Ring, time_ms: int, window_s: float, *, least: float = 1, flags: int = 0) -> Iterator[Ring]:
    """The windows in which a signal of that time may have tipped the scales, each as a part of `ring`; only those
    with at least so many entries that have all of those flags.

    In order, it is the one that ends with the signal. For a late signal also those that end at later entries (up to
    `LATE_WINDOWS` of them, spread evenly), so that the last of a burst to come sees all of it, whatever the order.
    """
    span = int(window_s * 1000)
    # A tuple of a time alone stands before all entries of that time.
    start = bisect_left(ring, (time_ms - span + 1,))
    end = bisect_left(ring, (time_ms + 1,), lo=start)
    if _has(ring[start:end], least, flags):
        yield ring[start:end]
    last = bisect_left(ring, (time_ms + span,), lo=end)
    if last > end and _has(ring[start:last], least, flags):
        step = -(-(last - end) // LATE_WINDOWS)
        while last > end:
            window = ring[bisect_left(ring, (ring[last - 1][0] - span + 1,)) : last]
            if _has(window, least, flags):
                yield window
            last -= step


def _has(window: Ring, least: float, flags: int) -> bool:
    return len(window) >= least and (not flags or len([1 for entry in window if entry[3] & flags == flags]) >= least)
