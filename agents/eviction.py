"""Users and sources who have not been seen for long are forgotten by the partition's event clock, a few at a time."""

from typing import Final

from core.state import UserState
from tables.store import Store
from tables.user_table import HELD_PREFIX, IDS_PREFIX, USER_PREFIX
from tables.users import decode_user, encode_user

# A tick holds up events that have just come, by 20 us for each state that it decodes. It looks at so many more for
# each that is new: however fast they come, there are then no more of those that are over than of the others.
SCANNED_PER_TICK: Final = 50
SCANNED_FOR_NEW: Final = 2
SCANNED_MOST: Final = 1_000


class Rounds:
    """Walks through the records of a prefix, round and round."""

    def __init__(self, store: Store, prefix: bytes) -> None:
        self._store = store
        self._prefix = prefix
        self._cursor = prefix

    def next(self, new: int = 0) -> list[tuple[bytes, bytes]]:
        """Keys and records of the next ones; fewer at the end of a round. new: how many came since the last call."""
        most = min(SCANNED_PER_TICK + SCANNED_FOR_NEW * new, SCANNED_MOST)
        found: list[tuple[bytes, bytes]] = []
        for key, record in self._store.scan(self._prefix, self._cursor):
            if len(found) == most:
                self._cursor = key
                return found
            found.append((key, record))
        self._cursor = self._prefix
        return found


class Eviction:
    """Finds the users of one partition who are to be forgotten."""

    def __init__(self, store: Store, dormant_ms: int) -> None:
        self._rounds = Rounds(store, USER_PREFIX)
        self._dormant_ms = dormant_ms

    def take(self, clock_ms: int, writes: dict[bytes, bytes | None], new: int = 0) -> list[str]:
        """Ids of the next users to forget; their records leave the state with `writes`. Of whoever was ever held up
        the newest word on that stays: coming back must not be a way out, and versions of a lock never begin again.
        new: users who came since the last call."""
        forgotten = []
        for key, record in self._rounds.next(new):
            state = decode_user(record)
            if max(state.clock_ms, state.asked_ms) >= clock_ms - self._dormant_ms:
                continue
            user = key[len(USER_PREFIX) :]
            writes[key] = writes[IDS_PREFIX + user] = None
            if state.lock_version:
                held_up = UserState(lock_version=state.lock_version, lock=state.lock)
                writes[HELD_PREFIX + user] = encode_user(held_up)
            forgotten.append(user.decode())
        return forgotten
