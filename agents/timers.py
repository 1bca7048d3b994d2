"""What is to come: expiries of locks on the partition's event clock, deadlines of cases on the wall clock. It is kept
in the state, so that a takeover finds it."""

from heapq import heapify, heappop, heappush
from typing import Final

from tables.store import Store

PREFIX: Final = b"d"
TIME_BYTES: Final = 8
# Users at their largest and their locks fit into one step beside what else it does, however many are due at once.
TAKEN_MOST: Final = 64


class Timers:
    """What is due when. Entries are (time_ms, subject), which is a user's id or what a case is about; one that is no
    longer true when it comes due does no harm."""

    def __init__(self, store: Store) -> None:
        self._heap = [
            (int.from_bytes(key[1 : 1 + TIME_BYTES], "big"), key[1 + TIME_BYTES :].decode())
            for key, _ in store.scan(PREFIX)
        ]
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def due(self, clock_ms: int) -> bool:
        """Whether anything is."""
        return bool(self._heap) and self._heap[0][0] <= clock_ms

    def take(self, clock_ms: int, writes: dict[bytes, bytes | None], most: int = TAKEN_MOST) -> list[str]:
        """The first subjects whose time has come; their entries leave the state with `writes`."""
        subjects: list[str] = []
        while self.due(clock_ms) and len(subjects) < most:
            time_ms, subject = heappop(self._heap)
            writes[key(time_ms, subject)] = None
            subjects.append(subject)
        return subjects

    def add(self, time_ms: int, subject: str, writes: dict[bytes, bytes | None], instead_of_ms: int = 0) -> None:
        """Remember one more. instead_of_ms: the time of an entry of the subject's that this one makes needless; it
        leaves the state, where hours of such would pile up, and only here it comes due once more."""
        if instead_of_ms:
            writes[key(instead_of_ms, subject)] = None
        heappush(self._heap, (time_ms, subject))
        writes[key(time_ms, subject)] = b""


def key(time_ms: int, subject: str) -> bytes:
    """In byte order of time."""
    return PREFIX + time_ms.to_bytes(TIME_BYTES, "big") + subject.encode()
