from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY, HOUR
from core.source_state import (
    ALL_RING_MAX,
    DAYS_KEPT,
    NAMES_MAX,
    NAMES_MAX_CHARS,
    PAYMENTS,
    PAYMENTS_RING_MAX,
    RING_MAX,
    SourceState,
    add,
    remember,
    tally_day,
    tally_hour,
    usual,
    windows,
)

TIMES = st.lists(st.integers(0, 300), min_size=1, max_size=60)


def filled(times: list[int], key: str = "ip:192.0.2.1") -> SourceState:
    state = SourceState(key=key)
    for number, time_s in enumerate(times):
        add(state, "k", (time_s * 1000, number, 0, 0))
    return state


@given(TIMES)
def test_a_ring_is_in_order_of_time_whatever_came_first(times: list[int]) -> None:
    assert [entry[0] for entry in filled(times).rings["k"]] == sorted(time_s * 1000 for time_s in times)


@given(TIMES, st.integers(1, 100))
def test_the_last_of_a_burst_to_come_sees_all_of_it(times: list[int], window_s: int) -> None:
    """The busiest window has as many entries in any order of arrival as in order."""
    busiest = max(sum(at <= other < at + window_s for other in times) for at in times)
    state = SourceState()
    found = 0
    for number, time_s in enumerate(times):
        add(state, "k", (time_s * 1000, number, 0, 0))
        seen = max(len(window) for window in windows(state.rings["k"], time_s * 1000, window_s))
        assert seen <= busiest
        found = max(found, seen)
    if len(times) <= 16:
        assert found == busiest


def test_in_order_there_is_one_window() -> None:
    state = filled([1, 2, 3])
    assert [len(window) for window in windows(state.rings["k"], 3_000, 2)] == [2]


def test_a_full_ring_lets_go_of_the_oldest() -> None:
    assert filled(list(range(RING_MAX + 5))).rings["k"][0][0] == 5_000
    assert len(filled(list(range(ALL_RING_MAX + 5)), "all").rings["k"]) == ALL_RING_MAX
    paid = SourceState()
    for number in range(PAYMENTS_RING_MAX + 5):
        add(paid, PAYMENTS, (number, 0, number, 0))
    assert len(paid.rings[PAYMENTS]) == PAYMENTS_RING_MAX


def test_names_are_a_sample_of_those_met_last() -> None:
    state = SourceState()
    for number in range(NAMES_MAX + 10):
        remember(state, f"u{number}")
    assert len(state.names) == NAMES_MAX
    assert f"u{NAMES_MAX + 9}" in state.names.values()
    assert "u0" not in state.names.values()
    remember(state, "u10")
    remember(state, "new")
    assert "u10" in state.names.values()


def test_long_names_are_fewer() -> None:
    state = SourceState()
    for number in range(NAMES_MAX):
        remember(state, f"{number:0128d}")
    assert sum(map(len, state.names.values())) <= NAMES_MAX_CHARS


def test_days_are_bounded() -> None:
    state = SourceState()
    for day in range(DAYS_KEPT + 3):
        tally_day(state, day * DAY)
        tally_day(state, day * DAY + HOUR)
    assert len(state.days) == DAYS_KEPT
    assert state.days[DAYS_KEPT + 2] == 2
    assert min(state.days) == 3


def test_what_is_usual_is_unknown_for_six_hours_and_leaves_out_the_last_two() -> None:
    state = SourceState()
    assert usual(state, "k", 0, 900) == 0.0
    for hour in range(48):
        for _ in range(8 if hour < 46 else 1_000):
            tally_hour(state, "k", hour * HOUR)
    assert usual(state, "k", 47 * HOUR + 1, 900) == 2.0
    young = SourceState()
    for hour in range(5):
        tally_hour(young, "k", hour * HOUR)
    assert usual(young, "k", 6 * HOUR, 900) == 0.0
