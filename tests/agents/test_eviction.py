from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.eviction import SCANNED_PER_TICK, Eviction
from core.respond import LockFacts
from core.state import UserState
from tables.store import Store
from tables.user_table import HELD_PREFIX, IDS_PREFIX, USER_PREFIX, UserTable
from tables.users import encode_user
from tests.agents.household import CACHE

DORMANT_MS = 1_000
NOW_MS = 5_000
Writes = dict[bytes, bytes | None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", CACHE, 1)
    yield store
    store.close()


def keep(store: Store, **users: UserState) -> None:
    store.write({USER_PREFIX + name.encode(): encode_user(state) for name, state in users.items()}, 1)


def test_who_has_been_silent_for_long_is_forgotten_with_all_records(store: Store) -> None:
    keep(store, silent=UserState(clock_ms=3_999), seen=UserState(clock_ms=4_000))
    writes = Writes()
    assert Eviction(store, DORMANT_MS).take(NOW_MS, writes) == ["silent"]
    assert writes == {USER_PREFIX + b"silent": None, IDS_PREFIX + b"silent": None}


def test_of_who_was_ever_held_up_the_newest_word_on_that_stays(store: Store) -> None:
    lock = LockFacts("locked", ("payout",), "Locked by an admin", None, 0, None, "admin")
    keep(store, held=UserState(clock_ms=0, events=9, ids=b"12345678", lock_version=3, lock=lock))
    eviction, writes = Eviction(store, DORMANT_MS), Writes()
    assert eviction.take(NOW_MS, writes) == ["held"]
    store.write(writes, 1)
    assert list(store.scan(USER_PREFIX)) == [], "so that nobody comes by there again"
    assert UserTable(store, 10).load(["held"], {}) == {"held": UserState(lock_version=3, lock=lock)}
    ((_, left),) = store.scan(HELD_PREFIX)
    assert len(left) < 256


def test_the_more_users_are_new_the_more_are_looked_at(store: Store) -> None:
    keep(store, **{f"u{number:05}": UserState(clock_ms=0) for number in range(2 * SCANNED_PER_TICK)})
    assert len(Eviction(store, DORMANT_MS).take(NOW_MS, {}, SCANNED_PER_TICK)) == 2 * SCANNED_PER_TICK


def test_records_of_other_kinds_are_left_alone(store: Store) -> None:
    store.write(
        {b"dxxxxxxxxu": b"", b"m": b"models", b"hu": b"held", b"\x00meta": b"", IDS_PREFIX + b"u": b"12345678"}, 1
    )
    assert Eviction(store, DORMANT_MS).take(NOW_MS, {}) == []


def test_the_walk_goes_on_where_it_stopped_and_then_round_again(store: Store) -> None:
    count = 2 * SCANNED_PER_TICK + 20
    keep(store, **{f"u{number:05}": UserState(clock_ms=0) for number in range(count)})
    eviction = Eviction(store, DORMANT_MS)
    parts = []
    for _ in range(3):
        writes = Writes()
        parts.append(eviction.take(NOW_MS, writes))
        store.write(writes, 1)
    assert list(map(len, parts)) == [SCANNED_PER_TICK, SCANNED_PER_TICK, 20]
    assert [user for part in parts for user in part] == [f"u{number:05}" for number in range(count)]
    assert eviction.take(NOW_MS, {}) == []
    keep(store, u00000=UserState(clock_ms=0))
    assert eviction.take(NOW_MS, {}) == ["u00000"]


def test_the_walk_survives_that_the_user_at_which_it_stopped_is_gone(store: Store) -> None:
    keep(store, **{f"u{number:05}": UserState(clock_ms=NOW_MS) for number in range(SCANNED_PER_TICK)})
    keep(store, v1=UserState(clock_ms=0), v2=UserState(clock_ms=0))
    eviction = Eviction(store, DORMANT_MS)
    assert eviction.take(NOW_MS, {}) == []
    store.write({USER_PREFIX + b"v1": None}, 1)
    assert eviction.take(NOW_MS, {}) == ["v2"]
