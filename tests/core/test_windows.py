from itertools import accumulate, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.windows import (
    count_around,
    distinct_around,
    entries_around,
    insert,
    insert_entry,
    insert_money,
    most_around,
    sum_around,
)

TIMES = st.lists(st.integers(0, 200), min_size=1, max_size=12)


def largest_by_hand(times: list[int], at: int, window: int) -> int:
    """The fullest window (e - w, e] that holds `at`, by trying every end."""
    return max(sum(end - window < time <= end for time in times) for end in range(at, at + window))


def filled(times: list[int], most: int = 100, since: int = 0) -> list[int]:
    ring: list[int] = []
    for time in times:
        insert(ring, time, most, since)
    return ring


@settings(derandomize=True)
@given(TIMES, st.integers(1, 60), st.data())
def test_a_count_is_that_of_the_fullest_window_around_the_event(
    times: list[int], window: int, data: st.DataObject
) -> None:
    at = data.draw(st.sampled_from(times))
    ring = filled(times)
    entries = [(time, "x") for time in ring]
    assert count_around(ring, at, window) == largest_by_hand(times, at, window)
    assert most_around(entries, at, window) == largest_by_hand(times, at, window)


@settings(derandomize=True)
@given(TIMES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_count(times: list[int], shuffle: st.DataObject) -> None:
    other = list(times)
    shuffle.shuffle(other)  # type: ignore[attr-defined]
    assert filled(times) == filled(other) == sorted(times)
    assert filled(times, most=5) == filled(other, most=5)


@settings(derandomize=True)
@given(TIMES, st.integers(1, 6), st.integers(0, 200))
def test_a_ring_keeps_the_newest_within_its_bounds(times: list[int], most: int, since: int) -> None:
    ring: list[tuple[int, int]] = []
    for number, time in enumerate(times):
        insert_entry(ring, (time, number), most, since)
    assert [time for time, _ in ring] == sorted(time for time in times if time >= since)[-most:]
    assert filled(times, most, since) == [time for time, _ in ring]


def test_for_events_in_order_the_window_ends_with_the_event() -> None:
    ring = [0, 10, 20, 30]
    assert count_around(ring, 30, 20) == 2
    assert count_around(ring, 30, 21) == 3


def test_a_burst_across_a_full_minute_is_seen_whole() -> None:
    ring = filled([59_000, 59_500, 60_500, 61_000])
    assert count_around(ring, 61_000, 60_000) == 4


def test_a_late_event_that_completes_a_burst_finds_it_whichever_comes_last() -> None:
    for order in permutations([1, 2, 3, 4]):
        assert count_around(filled(list(order)), order[-1], 4) == 4


def test_entries_are_found_by_time_and_keep_what_they_carry() -> None:
    ring = [(1, "a"), (2, "b"), (2, "a"), (9, "c")]
    assert list(entries_around(ring, 2, 5)) == [[(1, "a"), (2, "b"), (2, "a")]]
    assert list(entries_around(ring, 2, 8)) == [ring[:3], ring[1:]]
    assert distinct_around(ring, 2, 5, 1) == 2
    assert distinct_around(ring, 2, 8, 1) == 3


def test_a_late_entry_lands_where_it_belongs() -> None:
    ring: list[tuple[int, str]] = [(1, "a"), (5, "b")]
    insert_entry(ring, (3, "late"), 10, 0)
    assert ring == [(1, "a"), (3, "late"), (5, "b")]


@settings(derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 50)), min_size=1, max_size=12), st.integers(1, 50))
def test_a_sum_is_that_of_the_fullest_window_and_of_no_order(payments: list[tuple[int, int]], window: int) -> None:
    ring: list[tuple[int, float]] = []
    for time, amount in payments:
        insert_money(ring, time, amount, 20, 100, 200)
    at = payments[-1][0]
    by_hand = max(
        sum(amount for time, amount in payments if end - window < time <= end) for end in range(at, at + window)
    )
    assert sum_around(ring, at, window) == by_hand


@settings(derandomize=True)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_a_full_ring_of_money_merges_its_oldest_and_loses_nothing(amounts: list[int]) -> None:
    ring: list[tuple[int, float]] = []
    for time, amount in enumerate(amounts):
        insert_money(ring, time, amount, 4, time, 300)
    assert len(ring) <= 4
    assert sum_around(ring, len(amounts) - 1, 1_000) == sum(amounts)


@settings(derandomize=True)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.integers(2, 10))
def test_a_sum_holds_an_amount_for_one_slot_too_long_at_most(gaps: list[int], most: int) -> None:
    ring: list[tuple[int, float]] = []
    times = list(accumulate(gaps))
    keep, window = 360, 300
    for time in times:
        insert_money(ring, time, 1.0, most, time, keep)
        kept = sum_around(ring, time, window)
        longest = window + keep // (most - 1)
        assert sum(time - window < at <= time for at in times[: times.index(time)]) <= kept
        assert kept <= sum(time - longest < at <= time for at in times)
        assert len(ring) <= most


def test_who_is_paid_every_few_hours_for_weeks_has_the_sum_of_a_day() -> None:
    ring: list[tuple[int, float]] = []
    for time in range(0, 24 * 30, 5):
        insert_money(ring, time, 100.0, 4, time, 25)
    assert 500.0 <= sum_around(ring, time, 24) <= 700.0


def test_an_empty_window_has_no_entries() -> None:
    ring: list[tuple[int, float]] = [(100, 5.0)]
    assert sum_around(ring, 50, 10) == 0
    assert count_around([], 50, 10) == 0
