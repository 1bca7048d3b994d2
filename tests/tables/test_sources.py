from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.grouping import Group
from core.reputation import BAD, Reputation
from core.ring import Hop, RingRecord, Tie
from core.source_state import VERSION, SourceState
from tables.sources import SOURCES
from tables.versions import NewerVersion, Unreadable

STATE = SourceState(
    key="ip:192.0.2.1",
    clock_ms=7,
    rings={"logins": [(1, 2, 3, 4)]},
    names={5: "u1"},
    days={6: 7},
    hours={"locked": {8: 9}},
    custom={"r": [(1, 2, 3.5)]},
    groups={"r:": Group(b"0" * 16, 1, 2, 3, 4, 5, 0, ["e1"])},
    reputation=Reputation(BAD, "r", 1, 2),
)


def test_a_state_comes_back_from_its_bytes() -> None:
    assert SOURCES.decode(SOURCES.encode(STATE)) == STATE


def test_a_state_with_fewer_fields_gets_their_defaults() -> None:
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(SOURCES.encode(STATE))[:5])
    assert SOURCES.decode(shorter) == SourceState(key=STATE.key, clock_ms=7, rings=STATE.rings, names=STATE.names)


def test_version_1_that_knew_no_rings_is_upgraded_as_it_is_read() -> None:
    items = msgspec.msgpack.decode(SOURCES.encode(STATE))
    assert SOURCES.decode(msgspec.msgpack.encode([1, *items[1:-1]])) == STATE


def test_a_thing_in_a_ring_comes_back_from_its_bytes() -> None:
    tie = Tie("u7", 1, 2, 3, True, (Hop(0, "d", "u8", 4),))
    tied = SourceState(key="tie:device:1f", ring=RingRecord(5, (tie,), (9,)))
    assert SOURCES.decode(SOURCES.encode(tied)) == tied


def test_a_newer_version_is_not_read() -> None:
    with pytest.raises(NewerVersion):
        SOURCES.decode(msgspec.msgpack.encode([VERSION + 1, {"what": "ever"}]))


@pytest.mark.parametrize("data", [[-1, "k"], [0], ["1"], [True], {"a": 1}])
def test_an_array_without_a_version_is_unreadable(data: object) -> None:
    with pytest.raises(Unreadable):
        SOURCES.decode(msgspec.msgpack.encode(data))


def test_a_newer_version_of_the_same_shape_is_not_read_either() -> None:
    with pytest.raises(NewerVersion, match="version 9"):
        SOURCES.decode(msgspec.msgpack.encode([9, "key"]))


@given(st.binary(max_size=40))
def test_other_bytes_are_unreadable(data: bytes) -> None:
    with suppress(Unreadable, NewerVersion):
        SOURCES.decode(data)
