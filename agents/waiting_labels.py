"""Labels that are ahead of their event, in a partition's state: who takes the partition over waits on with them.

The learner (`models.labelled`) has them in memory, and forgets the first where there are too many; so does this.
"""

from collections.abc import Iterable
from typing import Final

from core.events import Rejected, event_key, read_feedback
from core.records import Feedback, encode
from models.labelled import EARLY_MOST
from tables.store import Store

WAITING_PREFIX: Final = b"y"


class WaitingLabels:
    """By number of the event, in order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[int, None] = {}

    def restore(self, store: Store) -> tuple[dict[int, Feedback], list[bytes]]:
        """After a takeover: those that wait, and the keys of those that no more do, to be deleted."""
        found, gone = {}, []
        for key, raw in store.scan(WAITING_PREFIX):
            try:
                found[int.from_bytes(key[1:], "big")] = read_feedback(raw, now_ms=None)
            except Rejected:
                gone.append(key)
        ordered = sorted(found, key=lambda number: (found[number].time, number))
        gone += [_key(number) for number in ordered[:-EARLY_MOST]]
        self._waiting = dict.fromkeys(ordered[-EARLY_MOST:])
        return {number: found[number] for number in self._waiting}, gone

    def keep(self, feedback: Feedback, writes: dict[bytes, bytes | None]) -> None:
        """One more waits."""
        number = int.from_bytes(event_key(feedback.event_id), "big")
        self._waiting[number] = None
        writes[_key(number)] = encode(feedback)
        if len(self._waiting) > EARLY_MOST:
            first = next(iter(self._waiting))
            del self._waiting[first]
            writes[_key(first)] = None

    def __len__(self) -> int:
        return len(self._waiting)

    def come(self, numbers: Iterable[int]) -> list[bytes]:
        """These events have: answers the keys of those that waited for them, to be deleted."""
        found = self._waiting.keys() & set(numbers)
        for number in found:
            del self._waiting[number]
        return [_key(number) for number in found]


def _key(number: int) -> bytes:
    return WAITING_PREFIX + number.to_bytes(8, "big")
