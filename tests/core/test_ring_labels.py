from typing import Any

import pytest

from core.records import Feedback
from core.respond import LockFacts
from core.ring import CARD, DEVICE, EVENT, NETWORK, PAYEE, key_of, user_mark
from core.ring_labels import tie_signals
from core.signal import CLEARED, CONFIRMED, TIE, Out
from core.state import UserState, mark
from tests.core.story import MONDAY_MS, Town

DAY_S = 86_400
HOME = {"device_id": "d1", "ip": "192.0.2.1", "card_id": "c1"}
ABROAD = {"device_id": "x", "ip": "203.0.113.9", "payee_id": "mule", "card_id": "c1"}
FRAUD_KEY = key_of(EVENT, mark("theft"))


@pytest.fixture
def robbed() -> UserState:
    """A user who was at home for days, and then somewhere else."""
    town = Town()
    town.play(
        {"type": "transaction", "at": 0, "amount": 9, **HOME},
        {"type": "transaction", "at": 3 * DAY_S, "event_id": "honest", "amount": 9, **HOME},
        {"type": "payout", "at": 3 * DAY_S + 60, "event_id": "theft", "amount": 90, **ABROAD},
    )
    return town.users["u1"]


def said(state: UserState | None, label: str = "fraud", source: str = "dispute", event_id: str = "theft") -> Out:
    facts: Any = {"label": label, "source": source, "event_id": event_id, "time": MONDAY_MS}
    out: Out = {}
    tie_signals(Feedback(feedback_id="f", user_id="u1", **facts), state, out)
    return out


def test_a_fraud_ties_what_its_payment_named_and_says_what_was_the_victims_own(robbed: UserState) -> None:
    out = said(robbed)
    ties = {key: signal.tie for key, (signal,) in out.items() if signal.kind == TIE}
    things = ((DEVICE, "x", False), (NETWORK, "203.0.113.0/24", False), (PAYEE, "mule", False), (CARD, "c1", True))
    assert {key: tie.own for key, tie in ties.items() if tie} == {
        key_of(kind, mark(name)): own for kind, name, own in things
    }
    (tie, *_) = ties.values()
    assert tie is not None
    assert (tie.user, tie.user_mark, tie.event, tie.since_ms, tie.distance) == (
        "u1", user_mark("u1"), mark("theft"), MONDAY_MS, 1,
    )  # fmt: skip
    assert [signal.kind for signal in out[FRAUD_KEY]] == [CONFIRMED]


def test_where_a_thief_was_at_the_victims_home_the_neighbours_are_not_tied(robbed: UserState) -> None:
    assert key_of(NETWORK, mark("192.0.2.0/24")) not in said(robbed, event_id="honest")


def test_a_word_against_it_goes_to_the_fraud_alone(robbed: UserState) -> None:
    out = said(robbed, "legit", "analyst")
    assert {key: [signal.kind for signal in told] for key, told in out.items()} == {FRAUD_KEY: [CLEARED]}


def test_whoever_holds_a_locked_account_is_not_believed_and_an_analyst_is(robbed: UserState) -> None:
    robbed.lock = LockFacts("locked", MONDAY_MS, None, "r", "rule", ("payout",), "a")
    assert said(robbed, "legit", "otp") == {}
    assert said(robbed, "legit", "analyst")
    assert said(robbed, "fraud", "dispute")


def test_of_a_payment_that_is_not_known_nothing_is_told(robbed: UserState) -> None:
    assert said(robbed, event_id="never") == {}
    assert said(None) == {}
