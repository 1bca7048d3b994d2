import os

import pytest

from tables.chunks import CHUNK_BYTES, MAGIC, Incomplete, cut, joined

KEY = b"m"
SMALL = b"small"
LARGE = os.urandom(3 * CHUNK_BYTES + 17)
OTHER = os.urandom(2 * CHUNK_BYTES + 1)


def put(store: dict[bytes, bytes], value: bytes | None, batches: int | None = None) -> int:
    """Write it, or its first batches alone; the number of batches that it takes."""
    writes = cut(store.get, KEY, value)
    for batch in writes[:batches]:
        for key, part in batch.items():
            if part is None:
                store.pop(key, None)
            else:
                store[key] = part
    return len(writes)


def test_a_small_value_lies_under_its_key_as_it_is() -> None:
    store: dict[bytes, bytes] = {}
    for value in (SMALL, b"", b"x" * CHUNK_BYTES):
        assert put(store, value) == 1
        assert store == {KEY: value}
        assert joined(store.get, KEY) == value
    assert joined({}.get, KEY) is None


def test_a_large_one_comes_in_chunks_and_no_write_is_larger() -> None:
    store: dict[bytes, bytes] = {}
    assert put(store, LARGE) == 5
    assert joined(store.get, KEY) == LARGE
    assert max(map(len, store.values())) <= CHUNK_BYTES


@pytest.mark.parametrize("before", [None, SMALL, OTHER])
@pytest.mark.parametrize("batches", [0, 1, 4])
def test_until_the_manifest_is_written_what_was_there_stands(before: bytes | None, batches: int) -> None:
    store: dict[bytes, bytes] = {}
    put(store, before)
    put(store, LARGE, batches)
    assert joined(store.get, KEY) == before
    put(store, LARGE)
    assert joined(store.get, KEY) == LARGE


@pytest.mark.parametrize("value", [None, SMALL, OTHER])
def test_nothing_is_left_of_what_was_there_before(value: bytes | None) -> None:
    store: dict[bytes, bytes] = {}
    for large in (LARGE, OTHER, LARGE):
        put(store, large)
    put(store, value)
    assert joined(store.get, KEY) == value
    assert len(store) == {None: 0, SMALL: 1, OTHER: 4}[value]


def test_a_chunk_that_is_missing_or_changed_is_noticed() -> None:
    store: dict[bytes, bytes] = {}
    put(store, LARGE)
    chunk = next(key for key in store if key != KEY)
    whole = store[chunk]
    store[chunk] = b"y" + whole[1:]
    with pytest.raises(Incomplete):
        joined(store.get, KEY)
    del store[chunk]
    with pytest.raises(Incomplete, match="3 of 4 chunks"):
        joined(store.get, KEY)
    store[KEY] = MAGIC + b"\xff"
    with pytest.raises(Incomplete, match="manifest"):
        joined(store.get, KEY)
    put(store, SMALL)
    assert joined(store.get, KEY) == SMALL
