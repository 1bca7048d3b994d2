from itertools import product
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY
from core.events import decode_action, nowhere
from core.observe import learn_user, observe
from core.records import encode
from core.state import UserState
from core.theft import MOST, PER_TIME, ROBBED_MS, ROBBED_PART, STEADY_PART, THIEFS_PART, TIMES_FROM, USUAL, learn_sum

START = 1_772_442_000_000
SUMS = st.tuples(st.integers(0, 40 * DAY), st.floats(0.0, 12.0))


def rather(times: float, steady: float) -> float:
    """How much rather a thief pays so many means, of a user who is steady to that part."""
    return exp(min(MOST, USUAL + PER_TIME * steady * max(0.0, times - TIMES_FROM)))


def steadiness(state: UserState) -> float:
    counted, large = (0.0, 0.0) if state.theft is None else (state.theft.counted, state.theft.large)
    return min(1.0, STEADY_PART * (counted + 30) / (large + 3)) ** 4


def by_all_paths(sums: list[tuple[int, float]]) -> float:
    """How likely the last payment is a thief's, summed over all that may have been: robbed or not, thief's or not.
    sums: milliseconds since the one before, and how much rather a thief's."""
    whole = last = 0.0
    for path in product(("user", "robbed", "thief"), repeat=len(sums)):
        likely, before = 1.0, None
        for (gap_ms, thiefs), who in zip(sums, path, strict=True):
            stays = 0.0 if before is None else exp(-gap_ms / ROBBED_MS)
            robbed = ROBBED_PART * (1 - stays) + (stays if before not in (None, "user") else 0.0)
            likely *= {
                "user": 1 - robbed,
                "robbed": robbed * (1 - THIEFS_PART),
                "thief": robbed * THIEFS_PART * thiefs,
            }[who]
            before = who
        whole += likely
        last += likely if before == "thief" else 0.0
    return last / whole


def paid(state: UserState, start_ms: int, *times: float) -> float:
    """What the last says of so many payments, a day apart."""
    told = 0.0
    for number, each in enumerate(times):
        told = learn_sum(state, start_ms + number * DAY, each)
    return told


@given(st.lists(SUMS, min_size=1, max_size=6))
def test_it_is_what_all_that_may_have_been_adds_up_to(sums: list[tuple[int, float]]) -> None:
    state, time_ms, told, known = UserState(), START, 0.0, []
    for gap_ms, times in sums:
        time_ms += gap_ms
        known.append((gap_ms, rather(times, steadiness(state))))
        told = learn_sum(state, time_ms, times)
    assert told == pytest.approx(by_all_paths(known))


@given(st.lists(st.tuples(st.integers(START, START * 2), st.floats(0.0, 1e12)), max_size=40))
def test_nothing_leaves_the_scale(sums: list[tuple[int, float]]) -> None:
    state = UserState()
    for time_ms, times in sums:
        assert 0.0 < learn_sum(state, time_ms, times) <= 1.0
        assert state.theft is not None
        assert 0.0 < state.theft.likely <= 1.0


def test_a_second_large_sum_says_more_and_ordinary_ones_speak_for_the_user() -> None:
    def fourth(*before: float) -> float:
        return paid(UserState(), START, *(0.9,) * 60, *before, 3.0)

    assert fourth(1.0, 1.0, 1.0) < fourth(3.0, 1.0, 1.0) < fourth(3.0, 1.0, 2.9)


def test_who_is_not_known_to_be_steady_is_not_held_to_the_mean() -> None:
    steady, wild = (0.9,) * 60, (0.4, 0.4, 0.4, 0.4, 3.4) * 12
    known = paid(UserState(), START, *steady, 4.0)
    assert known > 0.6
    assert paid(UserState(), START, *steady[:10], 4.0) < known / 2
    assert paid(UserState(), START, *wild, 4.0) < 0.02


def test_who_begins_to_pay_otherwise_is_believed_in_the_end() -> None:
    state, wild = UserState(), (0.4, 0.4, 0.4, 0.4, 3.4)
    assert paid(state, START, *(0.9,) * 100, *wild * 2) > 0.9
    assert paid(state, START + 110 * DAY, *wild * 20) < 0.1
    paid(state, START + 210 * DAY, *wild * 100)
    assert state.theft is not None
    assert state.theft.counted < 201
    assert state.theft.large / state.theft.counted == pytest.approx(0.2, abs=0.02)


def test_it_is_forgotten_with_time_and_a_late_sum_counts_as_of_now() -> None:
    state = UserState()
    paid(state, START, *(0.9,) * 60, 3.0)
    assert state.theft is not None
    newest_ms, high = state.theft.time_ms, state.theft.likely
    learn_sum(state, START - DAY, 3.0)
    assert state.theft.time_ms == newest_ms
    assert state.theft.likely > high
    learn_sum(state, START + 400 * DAY, 1.0)
    assert state.theft.likely == pytest.approx(ROBBED_PART, rel=0.3)


def test_only_payments_of_users_of_whom_no_device_and_no_network_is_known_are_held_against_it() -> None:
    def last(**named: str) -> float:
        state = UserState()
        for day in range(68):
            amount = 900.0 if day >= 66 else 30.0
            record = {
                "event_id": f"e{day}",
                "type": "transaction",
                "user_id": "u",
                "time": START + day * DAY,
                "amount": amount,
                "currency": "USD",
                **(named if day == 0 else {}),
            }
            action = decode_action(encode(record), now_ms=None, locate=nowhere)
            seen = observe(state, action)
            if amount < 100:
                learn_user(state, action, seen)
        return seen.theft

    assert last() > 0.5
    assert last(device_id="phone") == last(ip="198.51.100.7") == 0.0
