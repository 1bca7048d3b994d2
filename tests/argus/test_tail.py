from pathlib import Path

import pytest

from argus.tail import LINE_MAX_BYTES, Position, Tail, load_position, save_position


def read(tail: Tail, last: bool = False) -> list[bytes]:
    return [line.text for line in tail.lines(last)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(b"one\ntwo\r\n")
    return path


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_lines_come_once_and_new_ones_as_they_are_written(log: Path) -> None:
    tail = Tail(log)
    assert read(tail) == [b"one", b"two"]
    assert read(tail) == []
    append(log, b"three\n")
    assert read(tail) == [b"three"]


def test_a_line_without_an_end_waits_for_it(log: Path) -> None:
    tail = Tail(log)
    append(log, b"thr")
    assert read(tail) == [b"one", b"two"]
    append(log, b"ee\n")
    assert read(tail) == [b"three"]


def test_the_last_line_needs_no_end_where_no_more_will_come(log: Path) -> None:
    append(log, b"three")
    assert read(Tail(log), last=True) == [b"one", b"two", b"three"]


def test_rotation_loses_nothing(log: Path) -> None:
    tail = Tail(log)
    read(tail)
    append(log, b"three\nfour")
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"five\n")
    assert read(tail) == [b"three", b"four", b"five"]


def test_a_file_that_is_away_for_a_moment_is_waited_for(log: Path) -> None:
    tail = Tail(log)
    read(tail)
    log.rename(log.with_name("app.log.1"))
    assert read(tail) == []
    log.write_bytes(b"three\n")
    assert read(tail) == [b"three"]


def test_a_file_cut_short_is_read_from_its_beginning(log: Path) -> None:
    tail = Tail(log)
    read(tail)
    log.write_bytes(b"new\n")
    assert read(tail) == [b"new"]


def test_it_goes_on_where_it_left_off(log: Path, tmp_path: Path) -> None:
    first = next(Tail(log).lines())
    store = tmp_path / "kept" / "position.json"
    save_position(store, Position(first.inode, first.end))
    assert read(Tail(log, load_position(store))) == [b"two"]


def test_it_goes_on_in_the_file_that_was_moved_away_since(log: Path) -> None:
    first = next(Tail(log).lines())
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"three\n")
    assert read(Tail(log, Position(first.inode, first.end))) == [b"two", b"three"]


def test_a_position_beyond_the_end_or_in_another_file_begins_anew(log: Path) -> None:
    first = next(Tail(log).lines())
    assert read(Tail(log, Position(first.inode, 10_000))) == [b"one", b"two"]
    assert read(Tail(log, Position(first.inode + 1, 4))) == [b"one", b"two"]


def test_a_position_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"{")
    assert load_position(tmp_path / "p") is None
    assert load_position(tmp_path / "missing") is None


def test_a_line_without_any_end_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"x" * (LINE_MAX_BYTES + 5) + b"\nnext\n")
    assert [len(text) for text in read(Tail(path))] == [LINE_MAX_BYTES, 5, 4]
