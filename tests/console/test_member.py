"""The member's page: their own account, in words that teach nobody a rule."""

from typing import Any

import pytest

from argus.console.member import CONFIRMED, SENT, Pass, code_under_way
from argus.console.member_words import said_of
from core.clock import MINUTE, rfc3339
from core.outcomes import Answer, Answered
from core.records import Command, Event, Lock, Outcome
from tests.argus.api.running import MEMBER, Running
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, rows
from tests.console.surfing import Surfer

pytestmark = pytest.mark.broker
EVIL = "<script>alert(1)</script>"


def outcome(reason: str, at_ms: int) -> Outcome:
    return Outcome(command_id=str(at_ms), user_id="u", status="done", reason=reason, time=rfc3339(at_ms))


def wrong(left: int, at_ms: int) -> Outcome:
    command = Command(command_id=str(at_ms), type="otp_verify", user_id="u", by="u", role="member", time=at_ms)
    return Answered(Answer.CODE_WRONG, left, at_ms).outcome(command)


def test_what_is_left_of_a_code_comes_from_what_was_answered() -> None:
    sent = outcome(SENT, NOW_MS)
    whole = Pass(5, rfc3339(NOW_MS + 5 * MINUTE), NOW_MS + 5 * MINUTE)
    assert code_under_way([], NOW_MS) is None
    assert code_under_way([sent], NOW_MS + 1) == whole
    left = code_under_way([wrong(3, NOW_MS + 20), wrong(4, NOW_MS + 10), sent], NOW_MS + 30)
    assert left is not None
    assert left.tries == 3
    assert code_under_way([sent], NOW_MS + 5 * MINUTE) is None
    assert code_under_way([outcome(CONFIRMED, NOW_MS + 10), sent], NOW_MS + 20) is None
    # A new code takes the place of the one before, and its tries begin anew.
    assert code_under_way([sent, wrong(4, NOW_MS - 10), outcome(SENT, NOW_MS - 20)], NOW_MS + 1) == whole


@pytest.fixture
def held(served: Running) -> Surfer:
    telling = make.alert(
        "telling", user_id=MEMBER, event_id="e-telling", rule_id="payment_velocity", severity="CRITICAL",
        title="Many payments in a minute", summary="User ada: 7 payments within 60 seconds.",
        context={"amount": 70.0, "currency": "EUR", "country": EVIL}, time=rfc3339(NOW_MS + 9_000),
    )  # fmt: skip
    locked = make.lock(MEMBER, reason="7 payments within 60 seconds", until=None)
    served.write([*rows("alerts", [telling]), *rows("locks", [locked])])
    return Surfer(served).log_in("ada@home")


def test_a_member_sees_what_happened_and_not_which_rule_saw_it(held: Surfer) -> None:
    held.get("/me")
    assert "Your account is locked" in held.text
    assert "A payment that looks unusual" in held.text
    assert "70.00 EUR" in held.text
    for secret in ("within 60 seconds", "payment_velocity", "Many payments", "81.5", "impossible_travel", "Köln"):
        assert secret not in held.html
    assert EVIL not in held.html


def test_what_others_or_no_clock_have_seen_is_not_on_the_page(served: Running) -> None:
    """A producer may send what no worker would read, or under another user's key."""
    paid: dict[str, Any] = {"type": "transaction", "currency": "EUR"}
    mine = Event(event_id="paid", user_id=MEMBER, time=NOW_MS, amount=31.0, **paid)
    no_time = Event(event_id="no-time", user_id=MEMBER, time=NOW_MS * 1_000, amount=32.0, **paid)
    hers = Event(event_id="hers", user_id="bob", time=NOW_MS, amount=33.0, **paid)
    served.produce("events", mine, no_time, hers, key=MEMBER)
    ada = Surfer(served).log_in("ada@home")
    assert ada.get("/me").status == 200
    assert [f"{amount}.00 EUR" in ada.text for amount in (31, 32, 33)] == [True, False, False]


def test_a_member_has_this_page_and_no_other(held: Surfer, served: Running) -> None:
    held.get("/me")
    assert "My account" in held.text
    for path in ("/analytics", "/rules", "/models", "/simulator", "/rules/impossible_travel"):
        assert held.get(path).status == 403
    assert Surfer(served).log_in("ann").get("/me").status == 403


def test_this_was_not_me_is_a_dispute_in_the_members_own_name(held: Surfer, served: Running) -> None:
    held.get("/me")
    before = len(served.stream.commands)
    held.submit("/me/alerts/telling/dispute", note="I was asleep")
    assert "this was not you" in held.text
    (command,) = served.stream.commands[before:]
    assert (command.type, command.user_id, command.by, command.alert_id, command.reason) == (
        "dispute", MEMBER, MEMBER, "telling", "I was asleep",
    )  # fmt: skip


def test_others_alerts_are_not_there(held: Surfer, served: Running) -> None:
    held.get("/me")
    fields = held.form("/me/alerts/telling/dispute").fields
    before = len(served.stream.commands)
    assert held.post("/me/alerts/theirs/dispute", fields).status == 404
    assert held.post("/me/alerts/telling/dispute", {"note": "x"}).status == 403
    assert served.stream.commands[before:] == []


def test_a_code_is_asked_for_and_given_for_the_own_account_only(held: Surfer, served: Running) -> None:
    held.get("/me")
    before = len(served.stream.commands)
    token = held.form("/me/code").fields
    held.submit("/me/code", user_id="bob")
    held.post("/me/unlock", {**token, "code": "123 456", "user_id": "bob"})
    asked, given = served.stream.commands[before:]
    assert (asked.type, asked.user_id) == ("otp_request", MEMBER)
    assert (given.type, given.user_id) == ("otp_verify", MEMBER)
    assert "123456" not in (given.otp_hash or "")
    held.post("/me/unlock", {**token, "code": "12"})
    assert "No try was counted" in held.text
    assert len(served.stream.commands) == before + 2


def test_what_an_admin_has_locked_no_code_opens(served: Running) -> None:
    lock: Lock = make.lock(MEMBER, by="admin", version=2, until=None)
    served.write(rows("locks", [lock]))
    ada = Surfer(served).log_in("ada@home")
    ada.get("/me")
    assert "Only our staff can unlock it" in ada.text
    assert not [form for form in ada.forms() if form.action == "/me/code"]


@pytest.mark.parametrize(
    ("rule_id", "context", "said"),
    [
        ("new_device_login", {}, "A login that looks unusual"),
        ("impossible_travel", {}, "Something that looks unusual"),
        ("impossible_travel", {"amount": 9.0}, "A payment that looks unusual"),
        ("credential_change_payout", {"amount": 9.0, "payee_id": "p"}, "A transfer that looks unusual"),
        ("of_their_own", {}, "Something that looks unusual"),
    ],
)
def test_a_member_is_told_no_more_of_an_alert_than_is_known(rule_id: str, context: dict[str, Any], said: str) -> None:
    """A rule that wakes on events of every type used to be told as the opening of the account."""
    assert said_of(make.alert("a", rule_id=rule_id, context=context)) == said
