from typing import Any

import pytest

from core.respond import LockFacts
from core.state import Change, UserState, mark, short
from models.kept import FRAUD, LEGIT, UNKNOWN
from models.labelled import Labelled
from models.words import NOT_BELIEVED
from tests.models.labelling import DAY, START_MS, case, label, learner

QUIET = [0.1, 0.5, 0.5]


def kept(count: int = 10, **more: Any) -> Labelled:
    """Quiet events, none labelled."""
    taught = learner(**more)
    taught.keep([case(at, QUIET) for at in range(count)])
    return taught


def said(taught: Labelled, number: int) -> int:
    return int(taught.kept.column("label")[number])


def test_a_label_joins_its_event() -> None:
    taught = kept()
    assert taught.tell(label(3), None) == "joined"
    assert [said(taught, at) for at in (2, 3, 4)] == [UNKNOWN, FRAUD, UNKNOWN]


def test_a_label_whose_row_is_gone_or_of_another_user_is_told_so() -> None:
    taught = kept()
    assert taught.tell(label(99), None) == "early"
    assert taught.tell(label(98, time=START_MS), None) == "gone"
    assert taught.tell(label(3, user="u4", time=START_MS), None) == "gone"
    taught.keep([case(10, QUIET, at_ms=START_MS + 31 * DAY)])
    taught.turn()
    assert taught.tell(label(3), None) == "gone"


def test_a_repeated_label_changes_nothing() -> None:
    taught = kept()
    assert taught.tell(label(3), None) == "joined"
    taught.turn()
    assert taught.tell(label(3), None) == "repeated"
    assert (taught.frauds, said(taught, 3)) == (1, FRAUD)


def test_of_labels_that_contradict_each_other_the_later_stands_however_they_come() -> None:
    early, late = START_MS + 1_000, START_MS + 2_000
    one, other = kept(), kept()
    assert one.tell(label(3, "fraud", time=early), None) == "joined"
    assert one.tell(label(3, "legit", time=late), None) == "changed"
    assert other.tell(label(3, "legit", time=late), None) == "joined"
    assert other.tell(label(3, "fraud", time=early), None) == "older"
    assert said(one, 3) == said(other, 3) == LEGIT


def test_of_two_labels_at_once_fraud_stands() -> None:
    one, other = kept(), kept()
    one.tell(label(3, "fraud"), None)
    other.tell(label(3, "legit"), None)
    assert one.tell(label(3, "legit"), None) == "older"
    assert other.tell(label(3, "fraud"), None) == "changed"


LOCKED = LockFacts(
    state="locked", scope=(), reason="", alert_id=None, since_ms=START_MS, until_ms=None, by="rule", announced=False
)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (UserState(lock=LOCKED), "locked"),
        (UserState(clock_ms=START_MS, alarm_ms=START_MS), "taken_over"),
        (UserState(clock_ms=START_MS, change=Change(START_MS, "mfa_change", True, False)), "taken_over"),
        (UserState(suspicion=0.5, culprit_device=short(mark("d3"))), "attacker"),
        (UserState(), None),
    ],
)
def test_whoever_holds_an_account_that_may_be_taken_over_is_not_believed(state: UserState, why: str | None) -> None:
    taught = kept()
    assert taught.tell(label(3, "legit", source="otp"), state) == (why or "joined")
    assert said(taught, 3) == (UNKNOWN if why else LEGIT)
    assert taught.tell(label(3, "legit", source="analyst", time=START_MS + DAY), state) != why


@pytest.mark.parametrize(
    ("source", "state", "heard"),
    [
        ("otp", UserState(lock=LOCKED), "locked"),
        ("dispute", UserState(clock_ms=START_MS, alarm_ms=START_MS), "taken_over"),
        ("analyst", UserState(lock=LOCKED), "early"),
        ("otp", UserState(), "early"),
    ],
)
def test_a_word_ahead_of_its_event_is_doubted_by_what_the_account_is_then(
    source: str, state: UserState, heard: str
) -> None:
    taught = kept()
    assert taught.tell(label(10, "legit", source=source), state) == heard
    taught.keep([case(10, QUIET)])
    assert said(taught, 10) == (LEGIT if heard == "early" else UNKNOWN)


def test_who_says_that_events_from_a_fraudsters_device_were_theirs_is_not_believed_then_or_before() -> None:
    taught = learner()
    taught.keep([case(at, QUIET, user="u1", device="bad" if at < 3 else "good") for at in range(6)])
    mine: dict[str, Any] = {"user": "u1", "source": "otp"}
    assert taught.tell(label(0, "legit", **mine), None) == "joined"
    assert taught.tell(label(4, "legit", **mine), None) == "joined"
    assert taught.tell(label(1, user="u1"), None) == "joined"
    assert taught.tell(label(2, "legit", **mine), None) == "attacker"
    assert [said(taught, at) for at in range(6)] == [UNKNOWN, FRAUD, UNKNOWN, UNKNOWN, LEGIT, UNKNOWN]
    taught.turn()
    assert taught.kept.column("learnt")[0] == NOT_BELIEVED  # nor does silence speak for it
