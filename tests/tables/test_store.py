import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from rocksdict import Cache

from tables.store import OFFSET_KEY, Damaged, Store, discard

CACHE = Cache(1024 * 1024)


def opened(path: Path) -> Store:
    return Store(path, CACHE, 1)


def test_a_write_puts_deletes_and_remembers_the_offset_together(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    assert store.next_offset == 0
    store.write({b"a": b"1", b"b": b"2"}, 7)
    store.write({b"a": None, b"c": b""}, 9)
    assert store.get_many([b"a", b"b", b"c", b"never"]) == [None, b"2", b"", None]
    assert (store.get(b"b"), store.get(b"a"), store.next_offset) == (b"2", None, 9)


def test_a_write_that_cannot_be_built_changes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"a": b"1"}, 7)
    with pytest.raises(ValueError, match="bytes"):
        store.write({b"a": b"2", b"b": 3}, 8)  # type: ignore[dict-item]
    assert (store.get(b"a"), store.get(b"b"), store.next_offset) == (b"1", None, 7)


def test_a_scan_finds_a_prefix_in_byte_order_and_nothing_else(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"d2": b"", b"e1": b"", b"d10": b"", b"c": b"", b"d": b"", b"d\xff\xff": b""}, 1)
    assert [key for key, _ in store.scan(b"d")] == [b"d", b"d10", b"d2", b"d\xff\xff"]
    assert [key for key, _ in store.scan(b"d", start=b"d11")] == [b"d2", b"d\xff\xff"]
    assert list(store.scan(b"x")) == []


def test_a_scan_sees_what_was_there_when_it_began(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"d1": b"old", b"d2": b"old"}, 1)
    scan = store.scan(b"d")
    assert next(scan) == (b"d1", b"old")
    store.write({b"d2": b"new", b"d3": b"new"}, 2)
    assert list(scan) == [(b"d2", b"old")]


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"%d" % number: b"x" * 100 for number in range(1_000)}, 1_000)
    store.close()
    again = opened(tmp_path / "0")
    assert (again.next_offset, again.get(b"999")) == (1_000, b"x" * 100)


def test_a_path_that_is_open_elsewhere_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    with pytest.raises(OSError, match=str(tmp_path / "0")):
        opened(tmp_path / "0")
    store.write({b"a": b"1"}, 1)
    assert store.get(b"a") == b"1", "the first one is none the worse for it"


def test_damaged_files_are_an_error_that_names_the_path_and_discarding_them_helps(tmp_path: Path) -> None:
    path = tmp_path / "0"
    store = opened(path)
    store.write({b"a": b"1"}, 1)
    store.close()
    for file in path.glob("MANIFEST-*"):
        file.write_bytes(b"damaged")
    with pytest.raises(OSError, match=str(path)):
        opened(path)
    discard(path)
    fresh = opened(path)
    assert (fresh.get(b"a"), fresh.next_offset) == (None, 0)


def filled(path: Path) -> None:
    """20,000 keys in files, then closed."""
    store = opened(path)
    draw = random.Random(5)
    for start in range(0, 20_000, 1_000):
        store.write({b"u%05d" % (start + n): draw.randbytes(100) for n in range(1_000)}, start)
    store.close()


def damage(path: Path, at: int) -> None:
    """Write over a part of the first file of keys."""
    file = min(path.glob("*.sst"))
    with file.open("r+b") as opened_file:
        opened_file.seek(at)
        opened_file.write(bytes(200))


@pytest.mark.parametrize(
    "use",
    [
        lambda store: [value for _, value in store.scan(b"u")],
        lambda store: store.get_many([b"u%05d" % n for n in range(20_000)]),
        lambda store: [store.get(b"u%05d" % n) for n in range(20_000)],
    ],
    ids=["scan", "get_many", "get"],
)
def test_a_block_that_is_damaged_is_an_error_and_the_store_does_not_open_again(
    tmp_path: Path, use: Callable[[Store], object]
) -> None:
    path = tmp_path / "0"
    filled(path)
    damage(path, 50_000)
    store = opened(path)
    with pytest.raises(Damaged, match=str(path)):
        use(store)
    with suppress(Damaged):
        store.close()
    with pytest.raises(Damaged, match=str(path)):
        opened(path)
    discard(path)
    assert opened(path).next_offset == 0


def test_discarding_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    discard(tmp_path / "never")


def test_the_offset_is_no_key_of_any_prefix_that_tables_use(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"u1": b""}, 5)
    assert OFFSET_KEY[:1] == b"\x00"
    assert [key for key, _ in store.scan(b"u")] == [b"u1"]


def test_statistics_are_numbers(tmp_path: Path) -> None:
    store = opened(tmp_path / "0")
    store.write({b"a": b"1"}, 1)
    figures = store.statistics()
    assert figures["keys"] >= 1
    assert all(value >= 0 for value in figures.values())
