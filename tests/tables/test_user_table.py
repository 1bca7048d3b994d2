from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rocksdict import Cache

from core.events import event_key
from core.state import IDS_KEPT, KEY_BYTES, UserState, is_repeat, remember
from tables.store import Store
from tables.user_table import IDS_PREFIX, SPILL_IDS, USER_PREFIX, UserTable

CACHE = Cache(1024 * 1024)
USERS = ("a", "b", "née")


class Disk:
    """A store and the table on it, which can be opened again as after a restart."""

    def __init__(self, path: Path, cached_users: int = 100) -> None:
        self._path = path
        self._cached_users = cached_users
        self.writes: dict[bytes, bytes | None] = {}
        self.store = Store(path, CACHE, 1)
        self.table = UserTable(self.store, cached_users)

    def restart(self) -> None:
        self.store.close()
        self.store = Store(self._path, CACHE, 1)
        self.table = UserTable(self.store, self._cached_users)

    def draft(self, user: str, keys: list[bytes]) -> dict[str, UserState]:
        """What a step makes of the user's events before it is committed."""
        users = self.table.load([user], {})
        state = users.setdefault(user, UserState())
        for key in keys:
            if not is_repeat(state, key):
                remember(state, key)
        self.writes = {}
        self.table.encode(users, self.writes)
        return users

    def step(self, user: str, keys: list[bytes]) -> None:
        self.draft(user, keys)
        self.store.write(self.writes, 1)

    def ids(self, user: str) -> list[bytes]:
        state = self.table.load([user], {}).get(user)
        raw = state.ids if state is not None else b""
        return [raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES)]


@contextmanager
def on_disk(cached_users: int = 100) -> Iterator[Disk]:
    with TemporaryDirectory() as directory:
        disk = Disk(Path(directory) / "store", cached_users)
        yield disk
        disk.store.close()


@pytest.fixture
def disk() -> Iterator[Disk]:
    with on_disk() as disk:
        yield disk


def keys(first: int, count: int) -> list[bytes]:
    return [event_key(f"event-{number}") for number in range(first, first + count)]


def test_a_user_who_is_not_there_is_not_made_up(disk: Disk) -> None:
    assert disk.table.load(["nobody", "nobody"], {}) == {}
    assert len(disk.table) == 0


def test_what_a_caller_has_already_is_left_alone(disk: Disk) -> None:
    disk.step("a", keys(0, 3))
    mine = UserState(events=99)
    assert disk.table.load(["a"], {"a": mine})["a"] is mine


def test_only_the_newest_ids_are_written_with_each_step(disk: Disk) -> None:
    for first in range(4 * IDS_KEPT):
        disk.step("a", keys(first, 1))
        record = disk.writes[USER_PREFIX + b"a"]
        assert record is not None
        assert len(record) < SPILL_IDS * KEY_BYTES + 250
    spilled = disk.store.get(IDS_PREFIX + b"a") or b""
    assert len(spilled) == IDS_KEPT * KEY_BYTES
    assert disk.ids("a") == keys(3 * IDS_KEPT, IDS_KEPT)


def test_a_step_that_did_not_happen_is_forgotten(disk: Disk) -> None:
    disk.step("a", keys(0, 40))
    known = disk.ids("a")
    disk.draft("a", keys(40, 100))
    disk.table.forget(["a", "never-there"])
    assert disk.ids("a") == known
    disk.step("a", keys(40, 5))
    disk.restart()
    assert disk.ids("a") == keys(0, 45)


def test_memory_holds_those_who_came_last_and_disk_all() -> None:
    with on_disk(cached_users=3) as disk:
        for number in range(10):
            disk.step(f"u{number}", keys(number, 40))
        disk.step("u7", keys(500, 1))
        disk.step("u0", keys(600, 1))
        assert len(disk.table) == 3
        assert set(disk.table._cache) == {"u9", "u7", "u0"}
        assert set(disk.table._spilled) <= set(disk.table._cache)
        assert disk.ids("u4") == keys(4, 40)
        assert disk.ids("u0") == [*keys(0, 40), *keys(600, 1)]


def test_reading_alone_fills_no_memory() -> None:
    """Labels load users whom no step changes."""
    with on_disk(cached_users=2) as disk:
        for number in range(50):
            disk.step(f"u{number}", keys(0, 40))
        disk.table.load([f"u{number}" for number in range(50)], {})
        disk.table.encode({}, {})
        assert len(disk.table) == 2
        assert len(disk.table._spilled) <= 2


def test_no_memory_at_all_is_allowed() -> None:
    with on_disk(cached_users=0) as disk:
        for first in range(0, 300, 30):
            disk.step("a", keys(first, 30))
        assert len(disk.table) == 0
        assert disk.ids("a") == keys(44, 256)


def test_the_seam_of_two_ids_that_looks_like_a_third_is_not_taken_for_it(disk: Disk) -> None:
    newest = keys(900, 1)[0]
    seam = [b"head" + newest[:4], newest[4:] + b"tail"]
    disk.step("a", [*keys(0, 40), *seam, newest])
    disk.step("a", keys(40, 1))
    disk.restart()
    assert disk.ids("a") == [*keys(0, 40), *seam, newest, *keys(40, 1)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("events"), st.sampled_from(USERS), st.integers(1, 90)),
        st.tuples(st.just("repeats"), st.sampled_from(USERS), st.integers(1, 300)),
        st.tuples(st.just("given up"), st.sampled_from(USERS), st.integers(1, 90)),
        st.tuples(st.just("load"), st.sampled_from(USERS), st.just(0)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([0, 1, 2, 100]))
@settings(max_examples=60)
def test_whatever_happens_the_ids_known_are_exactly_the_last_256(
    steps: list[tuple[str, str, int]], cached_users: int
) -> None:
    seen: dict[str, list[bytes]] = {user: [] for user in USERS}
    fresh = 0
    with on_disk(cached_users) as disk:
        for what, user, count in steps:
            if what == "events":
                disk.step(user, keys(fresh, count))
                seen[user] += keys(fresh, count)
            elif what == "repeats":
                disk.step(user, seen[user][-min(count, IDS_KEPT) :])
            elif what == "given up":
                disk.draft(user, keys(fresh, count))
                disk.table.forget([user])
            elif what == "load":
                assert disk.ids(user) == seen[user][-IDS_KEPT:]
            else:
                disk.restart()
            fresh += count
        for user in USERS:
            assert disk.ids(user) == seen[user][-IDS_KEPT:]
        disk.restart()
        for user in USERS:
            assert disk.ids(user) == seen[user][-IDS_KEPT:]
            state = disk.table.load([user], {}).get(user)
            assert (state.events if state is not None else 0) == len(seen[user])


def test_users_who_are_not_known_are_counted_for_whoever_makes_room() -> None:
    with on_disk() as disk:
        disk.step("a", [event_key("e1")])
        disk.table.load(["a", "b"], {})
        assert disk.table.new == 2
