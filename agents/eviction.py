"""Users who have not been seen for long are forgotten, by the partition's event clock, a few at a time."""

from tables.store import Store
from tables.user_table import IDS_PREFIX, USER_PREFIX
from tables.users import decode_user

# A tick holds up events that have just come, by 20 us for each state that it decodes.
SCANNED_PER_TICK = 50


class Eviction:
    """Walks through the users of one partition, round and round, `SCANNED_PER_TICK` at each call."""

    def __init__(self, store: Store, dormant_ms: int) -> None:
        self._store = store
        self._dormant_ms = dormant_ms
        self._cursor = USER_PREFIX

    def take(self, clock_ms: int, writes: dict[bytes, bytes | None]) -> list[str]:
        """Ids of the next users to forget; their records leave the state with `writes`. Whoever was ever held up
        stays: coming back must not be a way out, and versions of a lock never begin again."""
        forgotten = []
        for scanned, (key, record) in enumerate(self._store.scan(USER_PREFIX, self._cursor)):
            if scanned == SCANNED_PER_TICK:
                self._cursor = key
                break
            state = decode_user(record)
            newest_ms = max(state.clock_ms, state.asked_ms)
            if newest_ms < clock_ms - self._dormant_ms and not state.lock_version:
                user = key[len(USER_PREFIX) :]
                writes[key] = None
                writes[IDS_PREFIX + user] = None
                forgotten.append(user.decode())
        else:
            self._cursor = USER_PREFIX
        return forgotten
