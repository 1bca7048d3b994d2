from itertools import product
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY, HOUR
from core.events import decode_action, nowhere
from core.observe import learn_user, observe
from core.records import encode
from core.state import UserState
from core.theft import MOST, PER_TIME, ROBBED_MS, ROBBED_PART, THIEFS_PART, TIMES_FROM, USUAL, learn_sum

START = 1_772_442_000_000
SUMS = st.tuples(st.integers(0, 40 * DAY), st.floats(0.0, 12.0))


def by_all_paths(sums: list[tuple[int, float]]) -> float:
    """How likely the last payment is a thief's, summed over all that may have been: robbed or not, thief's or not."""
    whole = last = 0.0
    for path in product(("user", "robbed", "thief"), repeat=len(sums)):
        likely, before = 1.0, None
        for (gap_ms, times), who in zip(sums, path, strict=True):
            stays = 0.0 if before is None else exp(-gap_ms / ROBBED_MS)
            robbed = ROBBED_PART * (1 - stays) + (stays if before not in (None, "user") else 0.0)
            rather = exp(min(MOST, USUAL + PER_TIME * max(0.0, times - TIMES_FROM)))
            likely *= {
                "user": 1 - robbed,
                "robbed": robbed * (1 - THIEFS_PART),
                "thief": robbed * THIEFS_PART * rather,
            }[who]
            before = who
        whole += likely
        last += likely if before == "thief" else 0.0
    return last / whole


@given(st.lists(SUMS, min_size=1, max_size=6))
def test_it_is_what_all_that_may_have_been_adds_up_to(sums: list[tuple[int, float]]) -> None:
    state, time_ms, told = UserState(), START, 0.0
    for gap_ms, times in sums:
        time_ms += gap_ms
        told = learn_sum(state, time_ms, times)
    assert told == pytest.approx(by_all_paths(sums))


@given(st.lists(st.tuples(st.integers(START, START * 2), st.floats(0.0, 1e12)), max_size=40))
def test_nothing_leaves_the_scale(sums: list[tuple[int, float]]) -> None:
    state = UserState()
    for time_ms, times in sums:
        assert 0.0 < learn_sum(state, time_ms, times) <= 1.0
        assert state.theft is not None
        assert 0.0 < state.theft.likely <= 1.0


def test_a_second_large_sum_says_more_and_ordinary_ones_speak_for_the_user() -> None:
    def third(first: float, between: float) -> float:
        state = UserState()
        for hours, times in enumerate((first, between, between, between)):
            learn_sum(state, START + hours * HOUR, times)
        return learn_sum(state, START + 5 * HOUR, 3.0)

    assert third(1.0, 1.0) < third(3.0, 1.0) < third(3.0, 2.2)


def test_it_is_forgotten_with_time_and_a_late_sum_counts_as_of_now() -> None:
    state = UserState()
    learn_sum(state, START, 5.0)
    assert state.theft is not None
    high = state.theft.likely
    learn_sum(state, START - DAY, 5.0)
    assert state.theft.time_ms == START
    assert state.theft.likely > high
    assert learn_sum(state, START + 400 * DAY, 1.0) == pytest.approx(learn_sum(UserState(), START, 1.0))


def test_only_payments_of_users_of_whom_no_device_and_no_network_is_known_are_held_against_it() -> None:
    def last(**named: str) -> float:
        state = UserState()
        for day in range(8):
            amount = 900.0 if day >= 6 else 30.0
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
