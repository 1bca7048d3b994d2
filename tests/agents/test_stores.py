from pathlib import Path

import pytest

from agents.stores import Stores


def test_damaged_files_are_deleted_told_of_and_counted_and_the_store_is_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stores, path = Stores(1 << 20), tmp_path / "users" / "0"
    store = stores.open("users", 0, path, 1)
    store.write({b"a": b"1"}, 7)
    store.close()
    for file in path.glob("MANIFEST-*"):
        file.write_bytes(b"damaged")
    fresh = stores.open("users", 0, path, 1)
    assert (fresh.get(b"a"), fresh.next_offset) == (None, 0)
    assert stores.discarded == {"users": 1}
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert str(path) in line


def test_files_that_another_has_open_are_left_alone(tmp_path: Path) -> None:
    stores, path = Stores(1 << 20), tmp_path / "users" / "0"
    store = stores.open("users", 0, path, 1)
    store.write({b"a": b"1"}, 7)
    with pytest.raises(OSError, match=str(path)):
        Stores(1 << 20).open("users", 0, path, 1)
    assert store.get(b"a") == b"1"
    assert not stores.discarded
