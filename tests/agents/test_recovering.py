"""What a store stands for while a changelog is read into it, and that any other reader may go on from there."""

from agents.journal import OWNER_KEY, Entry
from agents.recovering import Recovery, owner_value
from tests.agents.fakes import MemoryStore


def recovery_of(store: MemoryStore) -> Recovery:
    return Recovery(store)  # type: ignore[arg-type]


def test_entries_of_a_lower_epoch_are_void_and_hold_the_store_back_until_their_keys_are_written_again() -> None:
    store = MemoryStore()
    recovery = recovery_of(store)
    recovery.take([Entry(0, OWNER_KEY, b"first", 1), Entry(1, b"a", b"1", 1)])
    recovery.take([Entry(2, OWNER_KEY, b"second", 2), Entry(3, b"a", b"void", 1), Entry(4, b"b", b"2", 2)])
    assert (store.get(b"a"), store.get(b"b"), store.next_offset) == (b"1", b"2", 3)
    assert (list(recovery.void), recovery.next_offset) == ([b"a"], 5)
    recovery.take([Entry(5, b"a", b"1", 2)])
    assert (store.next_offset, list(recovery.void)) == (6, [])


def test_another_reader_meets_void_entries_again() -> None:
    store = MemoryStore()
    recovery_of(store).take([Entry(0, OWNER_KEY, b"second", 2), Entry(1, b"a", b"void", 1), Entry(2, b"b", b"2", 2)])
    again = recovery_of(store)
    assert (again.next_offset, again.newest) == (1, 2)
    again.take([Entry(1, b"a", b"void", 1), Entry(2, b"b", b"2", 2)])
    assert (list(again.void), store.get(b"a"), store.get(b"b")) == ([b"a"], None, b"2")


def test_an_epoch_whose_marker_compaction_has_taken_is_remembered() -> None:
    store = MemoryStore()
    recovery_of(store).take([Entry(7, b"a", b"1", 5)])
    assert store.get(OWNER_KEY) == owner_value(5, b"")
    assert recovery_of(store).newest == 5


def test_deletes_are_taken_and_nothing_is_made_of_no_entries() -> None:
    store = MemoryStore()
    recovery = recovery_of(store)
    recovery.take([Entry(0, b"a", b"1", 1)])
    recovery.take([])
    recovery.take([Entry(1, b"a", None, 1)])
    assert (store.get(b"a"), store.next_offset) == (None, 2)
