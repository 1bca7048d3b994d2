from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st

from core.state import (
    HITS_MAX,
    IDS_KEPT,
    KEY_BYTES,
    Known,
    UserState,
    find,
    is_repeat,
    mark,
    meet,
    record_hit,
    remember,
    short,
)


def key(number: int) -> bytes:
    return blake2b(str(number).encode(), digest_size=KEY_BYTES).digest()


def test_the_last_256_events_are_known_again_and_older_ones_are_not() -> None:
    state = UserState()
    for number in range(300):
        assert not is_repeat(state, key(number))
        remember(state, key(number))
    assert state.events == 300
    assert len(state.ids) == IDS_KEPT * KEY_BYTES
    assert all(is_repeat(state, key(number)) for number in range(44, 300))
    assert not any(is_repeat(state, key(number)) for number in range(44))


def test_bytes_that_straddle_two_ids_are_no_id() -> None:
    state = UserState(ids=b"ABCDEFGH" + b"IJKLMNOP")
    assert not is_repeat(state, b"EFGHIJKL")
    assert is_repeat(state, b"IJKLMNOP")
    assert is_repeat(UserState(ids=b"xxxxAAAA" + b"AAAAyyyy" + b"AAAAAAAA"), b"AAAAAAAA")


@settings(derandomize=True)
@given(st.lists(st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES), max_size=20), st.binary(min_size=8, max_size=8))
def test_membership_is_that_of_a_list(keys: list[bytes], wanted: bytes) -> None:
    assert is_repeat(UserState(ids=b"".join(keys)), wanted) == (wanted in keys)


def test_marks_are_the_same_in_every_process_and_never_nothing() -> None:
    assert mark("d1") == mark("d1") != mark("d2")
    assert 0 < mark("d" * 128) < 1 << 63
    assert mark("d1") == int.from_bytes(blake2b(b"d1", digest_size=8).digest(), "big") >> 1
    assert 0 <= short(mark("d1")) < 1 << 32


def test_things_have_an_age_and_the_longest_unmet_makes_room() -> None:
    known: list[Known] = []
    assert meet(known, 1, 100, 2, True) == 0
    assert meet(known, 1, 160, 2, True) == 60
    assert meet(known, 2, 170, 2, True) == 0
    assert meet(known, 3, 180, 2, True) == 0
    assert find(known, 1) is None
    assert find(known, 2) == Known(2, 170, 170)


def test_a_late_first_sight_only_moves_back() -> None:
    known = [Known(1, 100, 200)]
    assert meet(known, 1, 50, 2, True) == 1
    assert known == [Known(1, 50, 200)]


def test_what_a_stranger_names_is_not_met() -> None:
    known = [Known(1, 100, 200)]
    assert meet(known, 2, 300, 2, False) == 0
    assert meet(known, 1, 300, 2, False) == 200
    assert known == [Known(1, 100, 200)]


def test_hits_keep_the_newest_time_of_the_newest_rules() -> None:
    state = UserState()
    for number in range(HITS_MAX + 3):
        record_hit(state, f"rule_{number}", number)
    record_hit(state, "rule_9", 3)
    assert len(state.hits) == HITS_MAX
    assert state.hits["rule_9"] == 9
    assert "rule_0" not in state.hits
