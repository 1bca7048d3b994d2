"""Users by id, in memory for those who come often and on disk for all.

A user's record is written with every batch that touches it. The ids of the last 256 events alone would double that,
so only the newest are in the record; every `SPILL_IDS` events all of them go to a record of their own. Of users who
were forgotten, and had ever been held up, the newest word on that is under a prefix of its own: there may be ever
more of them, and nobody walks through them.
"""

from collections.abc import Iterable, Sequence

from core.state import IDS_KEPT, KEY_BYTES, UserState
from tables.store import Store
from tables.users import decode_user, encode_user

USER_PREFIX = b"u"
IDS_PREFIX = b"i"
HELD_PREFIX = b"h"
SPILL_IDS = 32


class UserTable:
    """The users of one partition. `load` before a step, `encode` what it changed, or `forget` it."""

    def __init__(self, store: Store, cached_users: int) -> None:
        self._store = store
        self._cached_users = cached_users
        self._cache: dict[str, UserState] = {}
        # The newest id that is in the user's record of ids; empty where there is no such record.
        self._spilled: dict[str, bytes] = {}
        # Users who were asked for and not known, for whoever makes room for them.
        self.new = 0

    def __len__(self) -> int:
        return len(self._cache)

    def load(self, user_ids: Iterable[str], into: dict[str, UserState]) -> dict[str, UserState]:
        """Add the users that exist to `into` (and leave those that are there already)."""
        missing = []
        for user_id in user_ids:
            if user_id not in into:
                state = self._cache.get(user_id)
                if state is None:
                    missing.append(user_id)
                else:
                    into[user_id] = state
        if missing:
            self._read(list(dict.fromkeys(missing)), into)
        return into

    def _read(self, user_ids: Sequence[str], into: dict[str, UserState]) -> None:
        keys = [user_id.encode() for user_id in user_ids]
        records = self._store.get_many([USER_PREFIX + key for key in keys])
        ids = self._store.get_many([IDS_PREFIX + key for key in keys])
        unknown = []
        for user_id, record, older in zip(user_ids, records, ids, strict=True):
            if record is None:
                unknown.append(user_id)
                continue
            state = decode_user(record)
            if older:
                state.ids = (older + state.ids)[-IDS_KEPT * KEY_BYTES :]
                self._spilled[user_id] = older[-KEY_BYTES:]
            into[user_id] = state
        if unknown:
            self.new += len(unknown)
            held_up = self._store.get_many([HELD_PREFIX + user_id.encode() for user_id in unknown])
            into |= {user_id: decode_user(record) for user_id, record in zip(unknown, held_up, strict=True) if record}

    def encode(self, users: dict[str, UserState], writes: dict[bytes, bytes | None]) -> None:
        """Put the changed users' records into `writes`, and keep the users in memory."""
        cache = self._cache
        for user_id, state in users.items():
            key = user_id.encode()
            ids = state.ids
            recent = self._recent(user_id, ids)
            if len(recent) > SPILL_IDS * KEY_BYTES:
                writes[IDS_PREFIX + key] = ids
                self._spilled[user_id] = ids[-KEY_BYTES:]
                recent = b""
            state.ids = recent
            writes[USER_PREFIX + key] = encode_user(state)
            state.ids = ids
            # Moved to the end: the front of the dict is who has not come for longest.
            cache.pop(user_id, None)
            cache[user_id] = state
        while len(cache) > self._cached_users:
            dropped = next(iter(cache))
            del cache[dropped]
            self._spilled.pop(dropped, None)
        if len(self._spilled) > len(cache):
            # Of users who were loaded and not changed, as by labels.
            self._spilled = {user_id: newest for user_id, newest in self._spilled.items() if user_id in cache}

    def _recent(self, user_id: str, ids: bytes) -> bytes:
        """The ids behind those that have a record of their own."""
        newest = self._spilled.get(user_id)
        if newest is None:
            return ids
        at = ids.find(newest)
        while at % KEY_BYTES and at >= 0:
            at = ids.find(newest, at + 1)
        return ids if at < 0 else ids[at + KEY_BYTES :]

    def forget(self, user_ids: Iterable[str]) -> None:
        """Drop what a step that did not happen has done to these users in memory; the disk has the truth."""
        for user_id in user_ids:
            self._cache.pop(user_id, None)
            self._spilled.pop(user_id, None)
