import numpy as np
import pytest

from core.clock import DAY
from core.events import decode_action, nowhere, read_feedback
from core.records import encode
from simulation.handbook import LARGE, Payments, events, labels, payments


@pytest.fixture(scope="module")
def paid() -> Payments:
    return payments(customers=60, terminals=100, days=40, radius=15)


def test_the_same_numbers_always_come_out(paid: Payments) -> None:
    again = payments(customers=60, terminals=100, days=40, radius=15)
    assert np.array_equal(paid.terminal, again.terminal)
    assert np.array_equal(paid.amount, again.amount)
    assert np.array_equal(paid.scenario, again.scenario)
    assert (len(paid.time_s), int(paid.fraud.sum())) == (4_327, 1_957)


def test_the_first_customer_s_payments_are_those_published() -> None:
    few = payments(customers=5, terminals=5, days=5, radius=50)
    first = few.customer == 0
    assert few.time_s[first][:5].tolist() == [26_345, 64_816, 68_522, 118_266, 137_138]
    # The first is multiplied as stolen.
    assert few.amount[first][:5].tolist() == [5 * 123.59, 77.34, 46.51, 54.72, 63.3]


def test_payments_come_in_order_of_time_within_their_days(paid: Payments) -> None:
    assert bool((np.diff(paid.time_s) >= 0).all())
    assert (int(paid.day[0]), int(paid.day[-1])) == (0, 39)
    assert bool((paid.amount >= 0).all())


def test_large_amounts_are_fraud_unless_a_later_scenario_says_so(paid: Payments) -> None:
    assert bool(paid.fraud[paid.amount > LARGE].all())
    assert bool((paid.amount[paid.scenario == 1] > LARGE).all())


def test_a_compromised_terminal_s_payments_are_all_fraud_for_a_time(paid: Payments) -> None:
    terminal = int(paid.terminal[paid.scenario == 2][0])
    there = paid.terminal == terminal
    first_day = int(paid.day[there & (paid.scenario == 2)][0])
    during = there & (paid.day >= first_day) & (paid.day < first_day + 5)
    assert bool(paid.fraud[during].all())


def test_events_and_labels_are_records_of_the_contract_and_say_the_same(paid: Payments) -> None:
    actions = [decode_action(line, now_ms=None, locate=nowhere) for line in events(paid)]
    assert len(actions) == len(paid.time_s)
    assert [action.amount for action in actions] == paid.amount.tolist()
    told = [read_feedback(encode(label), now_ms=None) for label in labels(paid, delay_days=3)]
    by_id = {action.event_id: action for action in actions}
    assert len(told) == int(paid.fraud.sum())
    for label in told:
        action = by_id[label.event_id]
        assert label.user_id == action.user_id
        assert label.time == action.time_ms + 3 * DAY


def test_nobody_pays_where_no_terminal_is_near() -> None:
    alone = payments(customers=3, terminals=2, days=5, radius=0.001)
    assert len(alone.time_s) == 0
    assert not list(events(alone))
