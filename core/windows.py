"""Event-time windows over short sorted rings.

A ring is a list in order of event time: plain milliseconds, or tuples that begin with them. An event that comes late
is put where it belongs, and every question is asked around an event's own time, so an answer does not depend on the
order of arrival. Windows slide with the events; none is aligned to a clock, so none has an edge to hide behind.
A window of `w` milliseconds that ends at `e` holds the times in (e - w, e]. A tuple of a time alone stands before
all entries of that time, so that places are looked up without a key function, in half of the time.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, TypeVar, cast

Timed = tuple[Any, ...]
Money = tuple[int, float]
E = TypeVar("E", bound=Timed)


def insert(times: list[int], time_ms: int, most: int, since_ms: int) -> None:
    """Put a time where it belongs. Times before `since_ms` are dropped, and the oldest of more than `most`."""
    if not times or time_ms >= times[-1]:
        times.append(time_ms)
    else:
        insort(times, time_ms)
    if times[0] < since_ms:
        del times[: bisect_left(times, since_ms)]
    if len(times) > most:
        del times[: len(times) - most]


def insert_entry(ring: list[E], entry: E, most: int, since_ms: int) -> None:
    """`insert` for entries that begin with their time."""
    if not ring or entry[0] >= ring[-1][0]:
        ring.append(entry)
    else:
        ring.insert(bisect_left(ring, (entry[0] + 1,)), entry)
    if ring[0][0] < since_ms:
        del ring[: bisect_left(ring, (since_ms,))]
    if len(ring) > most:
        del ring[: len(ring) - most]


def insert_money(ring: list[Money], time_ms: int, amount: float, most: int, clock_ms: int, keep_ms: int) -> None:
    """`insert` for amounts of the last `keep_ms`. Of more than `most`, two become one: a sum over a long window can
    then hold an amount for up to a `most - 1`th of `keep_ms` longer than it should, and never lacks one."""
    insert_entry(ring, (time_ms, amount), most + 1, clock_ms - keep_ms)
    if len(ring) > most:
        merge(ring, keep_ms // (most - 1))


def merge(ring: list[E], slot_ms: int) -> None:
    """Make one of the two oldest entries that share a slot of time, at the younger's time: their last columns are
    summed. Slots stand still, so that what was merged does not move on with the window."""
    pairs = range(len(ring) - 1)
    at = next((at for at in pairs if ring[at][0] // slot_ms == ring[at + 1][0] // slot_ms), 0)
    older, younger = ring[at : at + 2]
    ring[at : at + 2] = [cast("E", (*younger[:-1], older[-1] + younger[-1]))]


def count_around(times: list[int], time_ms: int, window_ms: int) -> int:
    """The largest count in any window that holds `time_ms`: for the newest event, those up to it."""
    low = bisect_right(times, time_ms - window_ms)
    high = bisect_right(times, time_ms)
    best = high - low
    while high < len(times) and times[high] < time_ms + window_ms:
        since_ms = times[high] - window_ms
        high += 1
        while times[low] <= since_ms:
            low += 1
        if high - low > best:
            best = high - low
    return best


def entries_around(ring: list[E], time_ms: int, window_ms: int) -> Iterator[list[E]]:
    """The entries of each window that holds `time_ms` and ends at an event; for the newest event just one window.

    The most that any of them has (entries, a sum, different values) is the answer for that event.
    """
    low = bisect_left(ring, (time_ms - window_ms + 1,))
    high = bisect_left(ring, (time_ms + 1,))
    yield ring[low:high]
    while high < len(ring) and ring[high][0] < time_ms + window_ms:
        since_ms = ring[high][0] - window_ms
        high += 1
        while ring[low][0] <= since_ms:
            low += 1
        yield ring[low:high]


def most_around(ring: list[E], time_ms: int, window_ms: int) -> int:
    """`count_around` for entries that begin with their time."""
    return max(map(len, entries_around(ring, time_ms, window_ms)))


def sum_around(ring: list[Money], time_ms: int, window_ms: int) -> float:
    """The largest sum in any window that holds `time_ms`. Amounts are not negative."""
    if ring and ring[-1][0] <= time_ms:
        since_ms = time_ms - window_ms
        return sum([amount for at_ms, amount in ring if at_ms > since_ms])
    return max(sum([amount for _, amount in part]) for part in entries_around(ring, time_ms, window_ms))


def distinct_around(ring: list[E], time_ms: int, window_ms: int, column: int) -> int:
    """The most different values of a column in any window that holds `time_ms`."""
    return max(len({entry[column] for entry in part}) for part in entries_around(ring, time_ms, window_ms))
