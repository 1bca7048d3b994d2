from core.clock import DAY, HOUR
from core.fraud_share import fraud_record, fraud_run, fraud_share, relabel
from core.reputation import AFTER_MAX, CLEAN, Reputation
from core.source_state import PAYMENTS, RING_MAX, SourceState, add, digest, tally_day


def merchant(payments: int, every_ms: int = HOUR) -> SourceState:
    state = SourceState(key="merchant:m1")
    for number in range(payments):
        time_ms = number * every_ms
        add(state, PAYMENTS, (time_ms, 0, digest(f"p{number}"), 0))
        tally_day(state, time_ms)
    return state


def label(state: SourceState, *numbers: int, fraud: bool = True, every_ms: int = HOUR) -> None:
    for number in numbers:
        relabel(state, f"p{number}", f"u{number}", number * every_ms, fraud)


def test_without_labels_there_is_no_share_and_no_run() -> None:
    assert fraud_share(merchant(5)) == (0.0, [], 0)
    assert fraud_run(merchant(5)) == 0


def test_one_fraud_of_two_payments_is_no_verdict() -> None:
    state = merchant(2)
    label(state, 1)
    assert fraud_share(state)[0] == 1 / 8


def test_payments_after_the_newest_known_fraud_do_not_count_as_clean() -> None:
    state = merchant(20, DAY)
    label(state, 0, 1, every_ms=DAY)
    share, frauds, paid = fraud_share(state)
    assert (share, len(frauds), paid) == (2 / 8, 2, 2)


def test_the_worse_of_a_week_and_four_weeks_counts() -> None:
    state = merchant(28, DAY)
    label(state, *range(21, 28), every_ms=DAY)
    assert fraud_share(state)[0] == 7 / 13


def test_a_run_is_counted_back_from_the_newest_known_fraud() -> None:
    state = merchant(10)
    label(state, 2, 5, 6, 7)
    assert fraud_run(state) == 3
    label(state, 6, fraud=False)
    assert fraud_run(state) == 1


def test_a_label_that_comes_twice_counts_once_and_the_last_word_stands() -> None:
    state = merchant(4)
    label(state, 1, 1)
    assert len(fraud_share(state)[1]) == 1
    label(state, 1, fraud=False)
    assert fraud_share(state) == (0.0, [], 0)


def test_known_frauds_are_bounded() -> None:
    state = SourceState()
    label(state, *range(RING_MAX + 9))
    assert len(state.rings["fraud"]) == RING_MAX
    assert state.rings["fraud"][0][0] == 9 * HOUR


def test_without_a_known_fraud_there_is_no_record() -> None:
    state = merchant(3)
    label(state, 1, fraud=False)
    assert fraud_record(state, HOUR, 9 * DAY) is None


def test_a_record_tells_of_shares_of_the_run_and_of_what_came_after_it() -> None:
    state = merchant(40, DAY)
    label(state, 29, 34, 35, 36, every_ms=DAY)
    record = fraud_record(state, 36 * DAY, 43 * DAY)
    assert record is not None
    assert (record.share_1d, record.share_7d, record.share_30d) == (1 / 7, 3 / 13, 4 / 36)
    assert (record.run, record.run_since_ms, record.newest_ms) == (3, 34 * DAY, 36 * DAY)
    assert (record.delay_ms, record.after) == (7 * DAY, (37 * DAY, 38 * DAY, 39 * DAY))


def test_of_the_payments_after_the_newest_known_fraud_the_first_few_are_told() -> None:
    state = merchant(40)
    label(state, 4)
    record = fraud_record(state, 4 * HOUR, DAY)
    assert record is not None
    assert record.after == tuple(number * HOUR for number in range(5, 5 + AFTER_MAX))


def test_a_late_label_of_an_older_payment_says_nothing_of_the_newest_one_s_delay() -> None:
    state = merchant(10, DAY)
    label(state, 8, every_ms=DAY)
    record = fraud_record(state, 8 * DAY, 10 * DAY)
    assert record is not None
    state.reputation = Reputation(CLEAN, "", 0, 0, record=record)
    label(state, 2, every_ms=DAY)
    later = fraud_record(state, 2 * DAY, 30 * DAY)
    assert later is not None
    assert later.delay_ms == 2 * DAY


def test_a_merchant_too_busy_for_its_ring_has_no_run() -> None:
    state = merchant(200)
    label(state, 1)
    record = fraud_record(state, HOUR, 300 * HOUR)
    assert record is not None
    assert record.run == 0
