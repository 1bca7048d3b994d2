from datetime import UTC, datetime

import msgspec
import pytest

from core.clock import SECOND
from core.feedback import label_signals
from core.records import Feedback
from core.signal import Out
from tests.core.story import MONDAY_MS, Town


def told(label: str, *, event_id: str = "p1", user_id: str = "u1") -> tuple[bool, Out]:
    town = Town()
    town.play(
        {"type": "transaction", "at": 5, "event_id": "p1", "merchant_id": "m1", "amount": 9},
        {"type": "transaction", "at": 6, "event_id": "p2", "amount": 9},
    )
    out: Out = {}
    feedback = Feedback(
        feedback_id="f",
        event_id=event_id,
        user_id=user_id,
        label=label,  # type: ignore[arg-type]
        source="dispute",
        time=datetime(2026, 3, 9, tzinfo=UTC) if label == "fraud" else MONDAY_MS,
    )
    return label_signals(feedback, town.users.get(user_id), out), out


@pytest.mark.parametrize("label", ["fraud", "legit"])
def test_a_label_is_told_to_the_merchant_with_the_payment_s_time(label: str) -> None:
    answer, out = told(label)
    assert answer
    (signal,) = out["merchant:m1"]
    assert (signal.kind, signal.event_id, signal.value) == (label, "p1", float(MONDAY_MS + 5 * SECOND))


@pytest.mark.parametrize("where", [{"event_id": "p2"}, {"event_id": "p9"}, {"user_id": "nobody"}])
def test_a_label_of_nothing_known_is_told_to_nobody(where: dict[str, str]) -> None:
    assert told("fraud", **where) == (False, {})


def test_a_payment_that_was_declined_or_sent_to_somebody_was_not_made_at_the_merchant() -> None:
    town = Town()
    town.play(
        {"type": "transaction", "at": 5, "event_id": "p1", "merchant_id": "m1", "amount": 9, "outcome": "failure"},
        {"type": "payout", "at": 6, "event_id": "p2", "merchant_id": "m1", "amount": 9, "payee_id": "x"},
    )
    for event_id in ("p1", "p2"):
        label = Feedback(
            feedback_id="f", event_id=event_id, user_id="u1", label="fraud", source="analyst", time=MONDAY_MS
        )
        assert not label_signals(label, town.users["u1"], {})


def test_a_merchant_is_not_told_what_is_not_believed() -> None:
    town = Town()
    town.play({"type": "transaction", "at": 5, "event_id": "p1", "merchant_id": "m1", "amount": 9})
    town.users["u1"].alarm_ms = town.users["u1"].clock_ms
    facts = {"feedback_id": "f", "event_id": "p1", "user_id": "u1", "label": "legit", "time": MONDAY_MS + SECOND}
    for source, believed in (("otp", False), ("dispute", False), ("analyst", True)):
        label = msgspec.convert({**facts, "source": source}, Feedback)
        assert label_signals(label, town.users["u1"], {}) is believed, source
