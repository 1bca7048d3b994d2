"""The board, one case, and users, without JavaScript."""

from typing import Any

import pytest

from argus.console.cases import COLUMN_MAX
from core.clock import rfc3339
from core.records import Note
from tests.argus.api.running import Running
from tests.argus.store.records import NOW_MS, audit, case, decision, lock, rows
from tests.console.surfing import Surfer
from tests.kafka.until import until

pytestmark = pytest.mark.broker


@pytest.fixture
def ann(served: Running) -> Surfer:
    return Surfer(served).log_in("ann")


def test_the_board_has_a_column_for_each_state(served: Running, ann: Surfer) -> None:
    later = rfc3339(served.services.now_ms() + 30 * 60_000)
    fresh = case("fresh", user_id="eve", title="Card testing", acknowledge_by=later, resolve_by=later)
    ended = case("ended", status="resolved", resolution="false_positive", title="Nothing", resolved=rfc3339(NOW_MS))
    served.write(rows("cases", [fresh, ended]))
    ann.get("/cases")
    assert [part in ann.text for part in ("Open", "Acknowledged", "Investigating", "Resolved")] == [True] * 4
    assert "29 min left" in ann.text
    assert "over" in ann.text, "a deadline that has passed"
    assert "False positive" in ann.text
    ann.get("/cases?whose=me")
    assert "Card testing" not in ann.text
    ann.get("/cases?severity=CRITICAL&whose=all")
    assert "Card testing" not in ann.text
    assert ann.get("/cases?whose=them").status == 400


def test_ones_own_case_is_on_the_board_however_many_others_came_since(served: Running, ann: Surfer) -> None:
    worked: Any = {"user_id": "eve", "status": "investigating"}
    mine = case("long-mine", title="Mine for long", assignee="ann", opened=rfc3339(NOW_MS - 1), **worked)
    others = [case(f"other-{number}", assignee="root", **worked) for number in range(COLUMN_MAX)]
    served.write(rows("cases", [mine, *others]))
    ann.get("/cases?whose=me")
    assert "Mine for long" in ann.text


def test_a_case_is_taken_from_the_board(served: Running, ann: Surfer) -> None:
    ann.get("/cases")
    forms = [form for form in ann.forms() if form.action == "/cases/c1" and form.fields.get("assignee") == "ann"]
    ann.post("/cases/c1", forms[0].fields)
    assert ann.at == "/cases"
    sent = served.stream.commands[-1]
    assert (sent.type, sent.case_id, sent.assignee) == ("assign", "c1", "ann")
    assert "Saved" in ann.text


@pytest.mark.parametrize(
    ("fields", "type_", "told"),
    [({"status": "acknowledged"}, "acknowledge", {}),
     ({"assignee": "root", "note": "Yours"}, "assign", {"assignee": "root", "reason": "Yours"}),
     ({"note": "Two\r\nlines"}, "assign", {"reason": "Two\nlines"}),
     ({"resolution": "inconclusive", "note": "Who knows"}, "resolve", {"resolution": "inconclusive"}),
     ({"escalate": "true"}, "escalate", {})],
)  # fmt: skip
def test_each_form_of_a_case_is_its_command(
    served: Running, ann: Surfer, fields: dict[str, str], type_: str, told: dict[str, Any]
) -> None:
    ann.get("/cases/c2")
    token = ann.form("/logout").fields["csrf_token"]
    ann.post("/cases/c2", {"csrf_token": token, **fields})
    sent = served.stream.commands[-1]
    assert (sent.type, sent.case_id, sent.user_id) == (type_, "c2", "bob")
    assert {name: getattr(sent, name) for name in told} == told


def test_a_form_that_says_nothing_is_refused_with_the_reason(served: Running, ann: Surfer) -> None:
    ann.get("/cases/c1")
    token = ann.form("/logout").fields["csrf_token"]
    before = len(served.stream.commands)
    ann.post("/cases/c1", {"csrf_token": token, "note": "   "})
    assert "Refused The request changes nothing" in ann.text
    assert ann.post("/cases/c1", {"csrf_token": token, "resolution": "guilty"}).status == 400
    assert ann.post("/cases/c1", {"csrf_token": token, "note": "x" * 2_001}).status == 400
    assert ann.post("/cases/none", {"csrf_token": token, "note": "x"}).status == 404
    assert len(served.stream.commands) == before


def test_a_case_tells_its_notes_alerts_and_history(served: Running, ann: Surfer) -> None:
    told = case("told", user_id="ada", alert_ids=["mine"], notes=[Note("ann", rfc3339(NOW_MS), "Asked <the> user.")])
    links = [
        audit("h1", subject="ada", action="alert.raise", by="rule:x", details={"alert_id": "mine"}, sequence=1),
        audit("h2", subject="ada", action="command.assign", by="root",
              details={"command_id": "m1", "case_id": "told"}, sequence=2),
        audit("h3", subject="ada", action="outcome.refused", by="argus", reason="Too late",
              details={"command_id": "m1"}, sequence=3),
        audit("h4", subject="ada", action="outcome.done", by="argus", reason="Of another case",
              details={"command_id": "m9"}, sequence=4),
        audit("h5", subject="ada", action="case.open", by="argus", recorded=rfc3339(NOW_MS + 1_000),
              details={"case_id": "told", "alerts": 1, "severity": "HIGH", "priority": 60}, sequence=5),
        audit("h6", subject="ada", action="case.open", by="argus", recorded=rfc3339(NOW_MS + 2_000),
              details={"case_id": "told", "alerts": 2, "severity": "CRITICAL", "priority": 81}, sequence=6),
        audit("h7", subject="ada", action="case.resolved", by="argus", recorded=rfc3339(NOW_MS + 3_000),
              reason="confirmed_fraud", details={"case_id": "told", "alerts": 2}, sequence=7),
    ]  # fmt: skip
    served.write([*rows("cases", [told]), *rows("audit", links)])
    ann.get("/cases/told")
    for said in ("Asked <the> user.", "Alert: raise", "Command: assign", "Outcome: refused", "Too late"):
        assert said in ann.text
    assert "Of another case" not in ann.text
    steps = ("confirmed fraud", "Critical, priority 81, 2 alerts", "High, priority 60, 1 alert", "Alert: raise")
    places = [ann.text.index(said) for said in steps]
    assert places == sorted(places), "newest first, though the case's own time is that of its opening"
    assert "/alerts/mine" in ann.html
    assert '<option value="root">' in ann.html, "whom it can be given to"


def test_users_are_found_by_how_their_ids_begin(served: Running, ann: Surfer) -> None:
    for user in ("findme-1", "findme-2", "100%_odd"):
        event = {"event_id": f"e-{user}", "type": "login", "user_id": user, "time": NOW_MS}
        served.post("/v1/events", event, role="service")
    ann.get("/users?text=nobody-is-called-this")
    assert "Nobody's id begins like that" in ann.text
    assert ann.get("/users?cursor=x").status == 400
    assert ann.get("/users/nobody-is-called-this").status == 404


def test_the_list_of_users_has_the_newest_word_on_each_lock(served: Running, ann: Surfer) -> None:
    """What was told may be older than what the database has: at a start it begins with what came before."""
    served.produce("locks", lock("relocked", version=1, until=None))
    until(lambda: served.services.locks.get("relocked"), what="the first lock")
    opened = lock("relocked", version=2, state="unlocked", until=None)
    served.write([*rows("decisions", [decision("seen", user_id="relocked")]), *rows("locks", [opened])])
    ann.get("/users?text=relocked")
    assert "relocked" in ann.text
    assert 'data-state="locked"' not in ann.html


def test_a_user_page_has_all_sides(served: Running, ann: Surfer) -> None:
    event = {
        "event_id": "pay", "type": "transaction", "user_id": "ada", "time": NOW_MS, "amount": 49.5,
        "currency": "EUR", "device_id": "ada-phone", "ip": "192.0.2.7", "country": "DE", "user_agent": "Browser/1",
    }  # fmt: skip
    assert served.post("/v1/events", event, role="service").status == 202
    ann.get("/users/ada")
    for said in ("Health", "of 100", "ada-phone", "Browser/1", "49.50", "192.0.2.7", "Impossible travel", "Timeline"):
        assert said in ann.text
    assert 'class="world"' in ann.html
    assert "/users/ada/lock" not in ann.html


def test_an_admin_locks_for_a_while_and_in_part(served: Running) -> None:
    root = Surfer(served).log_in("root")
    root.get("/users/ada")
    token = root.form("/logout").fields["csrf_token"]
    fields = {"csrf_token": token, "for": "1 hour", "scope": ["payout", "transaction"], "reason": "Stolen phone"}
    root.post("/users/ada/lock", fields)
    sent = served.stream.commands[-1]
    assert (sent.type, sent.scope, sent.reason) == ("lock", ["payout", "transaction"], "Stolen phone")
    assert sent.until is not None
    assert root.post("/users/ada/lock", fields | {"scope": "everything"}).status == 400
    root.post("/users/ada/lock", {"csrf_token": token})
    assert (served.stream.commands[-1].scope, served.stream.commands[-1].until) == (None, None)
    assert "Done lock done" in root.text
