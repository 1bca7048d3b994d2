"""What the soak makes of the records that come out."""

from types import SimpleNamespace
from typing import Any, NamedTuple

from argus.settings import Settings
from tests.soak.reading import Outside
from tests.soak.sampling import Series


class Record(NamedTuple):
    topic: str
    key: bytes
    value: bytes | None


def test_keys_are_counted_as_compaction_would_leave_them_but_for_the_word_on_who_was_held_up() -> None:
    home: Any = SimpleNamespace(settings=Settings())
    outside, series = Outside(home), Series()
    records: list[Any] = [
        Record("argus.users-changelog", b"uada", b"12345678"),
        Record("argus.users-changelog", b"uada", b"1234"),
        Record("argus.users-changelog", b"ubob", b"1234"),
        Record("argus.users-changelog", b"uzoe", b"1234"),
        Record("argus.users-changelog", b"uzoe", None),
        Record("argus.sources-changelog", b"sip:192.0.2.1", b""),
        Record("argus.locks", b"bob", b"{}"),
        Record("argus.users-changelog", b"hbob", b"1234"),
        Record("argus.users-changelog", b"hnobody", b"1234"),
    ]
    outside.take(records)
    outside.sample(series, 2.0)
    assert series["users keys"] == [(2.0, 3)], "and nobody who was never held up has one"
    assert series["users state"] == [(2.0, 27 / 1_024)]
    assert series["sources keys"] == [(2.0, 1)]
