"""How far behind an agent is on one partition: in records, and in time.

The age of the oldest record not worked on is exact while that record is at hand (being worked on, or queued). While
it is still at the broker, its age is taken from when the partition's end was first seen behind it.
"""

from collections import deque
from typing import Final

from msgspec import Struct

SEEN_MOST: Final = 600


class Backlog(Struct):
    """What is at hand of a topic's partition. oldest_ms: the timestamp of the first record; next_offset: the first
    that is not done, None where nobody knows."""

    records: int = 0
    oldest_ms: int | None = None
    next_offset: int | None = None


class Lag:
    """One partition's. Asked about once a second."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int]] = deque(maxlen=SEEN_MOST)

    def behind(
        self, end: int | None, position: int | None, backlog: Backlog, now_ms: int
    ) -> tuple[int, float] | None:
        """Records and seconds. end: the offset behind the partition's last record; position: where fetching goes on.
        None where nothing is known yet."""
        done = position if backlog.next_offset is None else backlog.next_offset
        if end is None or done is None:
            if backlog.oldest_ms is None:
                return None
            return backlog.records, _age_s(backlog.oldest_ms, now_ms)
        if not self._ends or self._ends[-1][0] != end:
            self._ends.append((end, now_ms))
        while self._ends and self._ends[0][0] <= done:
            self._ends.popleft()
        records = max(end - done, backlog.records)
        if backlog.oldest_ms is not None:
            return records, _age_s(backlog.oldest_ms, now_ms)
        return records, _age_s(self._ends[0][1], now_ms) if self._ends else 0.0


def _age_s(since_ms: int, now_ms: int) -> float:
    return max(0.0, (now_ms - since_ms) / 1_000)
