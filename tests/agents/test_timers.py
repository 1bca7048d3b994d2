from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.timers import TAKEN_MOST, Timers, key
from tables.store import Store
from tests.agents.household import CACHE

Writes = dict[bytes, bytes | None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", CACHE, 1)
    yield store
    store.close()


def test_what_is_due_is_taken_in_order_of_time_and_only_then(store: Store) -> None:
    timers, writes = Timers(store), Writes()
    for time_ms, user in ((300, "c"), (100, "a"), (200, "b"), (100, "z")):
        timers.add(time_ms, user, writes)
    assert not timers.due(99)
    assert timers.take(99, writes) == []
    assert timers.due(100)
    assert timers.take(200, writes) == ["a", "z", "b"]
    assert len(timers) == 1
    assert not timers.due(299)


def test_a_restart_finds_what_was_added_and_not_what_was_taken(store: Store) -> None:
    timers, writes = Timers(store), Writes()
    far_ms = 4_102_444_800_000
    timers.add(far_ms, "née", writes)
    timers.add(5, "b", writes)
    timers.add(256, "a", writes)
    store.write(writes, 1)
    taken = Writes()
    assert timers.take(5, taken) == ["b"]
    store.write(taken, 2)
    again = Timers(store)
    assert len(again) == 2
    assert again.take(far_ms, {}) == ["a", "née"]


def test_a_time_that_is_set_twice_is_one_entry_on_disk(store: Store) -> None:
    timers, writes = Timers(store), Writes()
    timers.add(5, "a", writes)
    timers.add(5, "a", writes)
    assert writes == {key(5, "a"): b""}
    taken = Writes()
    assert timers.take(5, taken) == ["a", "a"]
    assert taken == {key(5, "a"): None}


def test_thousands_that_are_due_at_once_are_taken_a_few_at_a_time(store: Store) -> None:
    timers, writes = Timers(store), Writes()
    users = [f"u{number:04}" for number in range(3 * TAKEN_MOST + 1)]
    for user in users:
        timers.add(7, user, writes)
    taken = []
    while timers.due(7):
        part = timers.take(7, {})
        assert len(part) <= TAKEN_MOST
        taken += part
    assert taken == users


def test_keys_sort_by_time() -> None:
    times = [0, 1, 255, 256, 1 << 40]
    assert sorted(key(time_ms, "u") for time_ms in reversed(times)) == [key(time_ms, "u") for time_ms in times]
