import pytest

from core.belief import DOUBTS, doubt, stands
from core.records import Feedback
from core.respond import LockFacts
from core.state import UserState

LOCK = LockFacts(
    state="locked", scope=(), reason="", alert_id=None, since_ms=1, until_ms=None, by="rule", announced=False
)
ATTACKER = (11, 22)


def said(label: str = "legit", source: str = "otp") -> Feedback:
    return Feedback(
        feedback_id="f",
        event_id="e",
        user_id="u",
        label=label,  # type: ignore[arg-type]
        source=source,  # type: ignore[arg-type]
        time=0,
    )


@pytest.mark.parametrize("source", ["otp", "dispute"])
def test_the_holder_of_a_locked_account_is_not_believed(source: str) -> None:
    assert doubt(said(source=source), UserState(lock=LOCK), 1, 2, ()) == "locked"


@pytest.mark.parametrize("source", ["analyst", "chargeback"])
def test_analysts_and_chargebacks_are_believed(source: str) -> None:
    assert doubt(said(source=source), UserState(lock=LOCK), *ATTACKER, {ATTACKER}) is None


def test_fraud_is_believed_of_anybody() -> None:
    assert doubt(said("fraud", "dispute"), UserState(lock=LOCK), *ATTACKER, {ATTACKER}) is None


@pytest.mark.parametrize(
    ("device", "network", "why"),
    [(11, 99, "attacker"), (99, 22, None), (0, 22, "attacker"), (0, 0, None), (99, 99, None)],
)
def test_an_origin_is_its_device_or_else_its_network(device: int, network: int, why: str | None) -> None:
    assert doubt(said(), UserState(), device, network, {ATTACKER}) == why
    assert doubt(said(), None, device, network, {ATTACKER}) == why


def test_a_suspicion_that_was_taken_back_accuses_nobody() -> None:
    state = UserState(culprit_device=11, culprit_network=22)
    assert doubt(said(), state, *ATTACKER, ()) is None
    state.suspicion = 0.3
    assert doubt(said(), state, *ATTACKER, ()) == "attacker"


def test_every_doubt_has_its_name() -> None:
    assert set(DOUBTS) == {"locked", "taken_over", "attacker"}


def test_the_later_label_stands_and_of_two_at_once_fraud() -> None:
    assert stands("legit", 2, "fraud", 1)
    assert not stands("fraud", 1, "legit", 2)
    assert stands("fraud", 1, "legit", 1)
    assert not stands("legit", 1, "fraud", 1)
