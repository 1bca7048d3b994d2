"""A user's life as a list."""

import json
from typing import Any

from argus.api.lately import Past
from argus.console.steps import STEPS_MAX, actions_of, steps
from argus.store.reads import UserOverview
from core.clock import rfc3339
from core.events import nowhere
from tests.argus.store.records import NOW_MS, alert, decision, feedback, lock, outcome


def past(number: int, **fields: Any) -> Past:
    event = {"event_id": f"e{number}", "type": "login", "user_id": "u1", "time": NOW_MS + number, **fields}
    return Past(NOW_MS, b"u1", json.dumps(event).encode())


def overview(**changed: Any) -> UserOverview:
    fields: dict[str, Any] = {
        "user_id": "u1", "first_ms": None, "last_ms": None, "decision": None, "risk_score": None, "lock": None,
        "locks": [], "alerts": [], "shadow": [], "cases": [], "decisions": [], "outcomes": [], "feedback": [],
    }  # fmt: skip
    return UserOverview(**(fields | changed))


def test_all_that_happened_is_told_newest_first() -> None:
    known = overview(
        alerts=[alert("a1", time=rfc3339(NOW_MS + 10))],
        locks=[lock("u1", since=rfc3339(NOW_MS + 20))],
        decisions=[decision("e9", time=rfc3339(NOW_MS + 5), decision="block", rules=["x"])],
        outcomes=[outcome(time=rfc3339(NOW_MS + 30), status="refused", reason="Wrong code")],
        feedback=[feedback(time=NOW_MS + 40)],
    )
    told = steps(known, actions_of([past(1)], nowhere))
    assert [step.kind for step in told] == ["label", "outcome", "lock", "alert", "decision", "event"]
    assert [step.tone for step in told] == ["bad", "warn", "bad", "bad", "bad", ""]
    assert told[3].alert_id == "a1"


def test_what_a_rule_in_shadow_found_is_told_as_such() -> None:
    (step,) = steps(overview(shadow=[alert("a1", mode="shadow")]), [])
    assert step.title == "High alert (shadow): Impossible travel"


def test_an_event_has_its_decision_beside_it() -> None:
    known = overview(decisions=[decision("e1", decision="block", risk_score=97.4)])
    (step,) = steps(known, actions_of([past(1, type="transaction", amount=1234.5, currency="EUR")], nowhere))
    assert (step.title, step.tone) == ("Transaction", "bad")
    assert "1,234.50 EUR" in step.text
    assert "block, risk 97" in step.text


def test_what_cannot_be_read_is_left_out_and_the_rest_bounded() -> None:
    broken = Past(NOW_MS, b"u1", b"\xff{")
    hers = Past(NOW_MS, b"u1", past(1, user_id="u2").raw)
    no_time = past(1, time=NOW_MS * 1_000)
    many = actions_of([broken, hers, no_time, *(past(number) for number in range(200))], nowhere)
    assert len(many) == 200
    assert len(steps(None, many)) == STEPS_MAX
