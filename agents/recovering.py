"""What a partition's changelog says, brought into its store: by a takeover, and by a standby beforehand.

An entry counts if no entry before it has a higher epoch. Those that don't are *void*: a process that had lost the
partition wrote them. Their owner writes their keys again, so that compaction can't keep the void ones; until it has,
whoever reads on later must meet them again, and the store stands for no offset behind the first of them.
"""

from collections.abc import Sequence

from agents.journal import EPOCH_BYTES, OWNER_KEY, Entry
from tables.store import Store


class Recovery:
    """Takes a changelog's entries in order, from `next_offset` on, some at a time. What is in the store after each
    time is what another recovery may go on from, whether this one goes on or not."""

    def __init__(self, store: Store) -> None:
        """Raises OSError where the store can't be read."""
        stored = store.get(OWNER_KEY)
        # The highest epoch that has been seen.
        self.newest = int.from_bytes(stored[:EPOCH_BYTES], "big") if stored else 0
        self.next_offset = store.next_offset
        # Keys whose void entries nobody has written again, in their order.
        self.void: dict[bytes, None] = {}
        self._hold: int | None = None
        self._store = store

    def take(self, entries: Sequence[Entry]) -> None:
        """Store those that count. Raises OSError, with nothing of them stored, and is of no use then."""
        if not entries:
            return
        changes: dict[bytes, bytes | None] = {}
        for entry in entries:
            if entry.epoch < self.newest:
                if entry.key != OWNER_KEY:
                    self.void[entry.key] = None
                    self._hold = entry.offset if self._hold is None else self._hold
                continue
            if entry.epoch > self.newest:
                # Kept even where compaction has taken the marker: a restart must judge the rest by it.
                self.newest = entry.epoch
                changes[OWNER_KEY] = owner_value(entry.epoch, b"")
            self.void.pop(entry.key, None)
            value = entry.value
            changes[entry.key] = value if entry.key != OWNER_KEY else owner_value(entry.epoch, value or b"")
        self.next_offset = entries[-1].offset + 1
        if not self.void:
            self._hold = None
        self._store.write(changes, self.next_offset if self._hold is None else self._hold)


def owner_value(epoch: int, owner: bytes) -> bytes:
    """What a store keeps under `OWNER_KEY`."""
    return epoch.to_bytes(EPOCH_BYTES, "big") + owner
