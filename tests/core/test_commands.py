from typing import Any

import msgspec
import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.commands import ALLOWED, COMMAND_TYPES, answered_by, refusal
from core.otp import code
from core.policy import LOCK_SCOPE
from core.records import Command, encode
from core.respond import LockFacts, lock_at
from core.state import Change
from tests.core.desk import KEY, START, Office

ROLES = ("service", "member", "analyst", "admin")
OWN = {"role": "member", "by": "u1"}


def told(office: Office) -> list[tuple[str, str, int]]:
    return [(lock.state, lock.by, lock.version) for lock in office.obeyed.judged.locks]


def challenge(office: Office, scope: tuple[str, ...] = ("login",), by: str = "rule") -> None:
    office.state.lock = LockFacts("challenged", scope, "why", "a", START, START + HOUR, by)  # type: ignore[arg-type]
    office.state.lock_version = 1
    office.state.clock_ms = START


@pytest.mark.parametrize("type_", COMMAND_TYPES)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_ask_for_what_is_a_closed_table(type_: str, role: str) -> None:
    expected = {
        "service": set(),
        "member": {"otp_request", "otp_verify", "dispute"},
        "analyst": {"escalate", "dispute", "acknowledge", "assign", "resolve", "false_positive"},
        "admin": set(COMMAND_TYPES) - {"otp_request", "otp_verify"},
    }[role]
    command = Command(command_id="c", type=type_, user_id="u1", by="u1", role=role, time=START)  # type: ignore[arg-type]
    assert (refusal(command) is None) == (type_ in expected) == (role in ALLOWED[type_])


def test_a_member_speaks_for_nobody_else() -> None:
    office = Office()
    assert office.ask("otp_request", role="member", by="u2") == "refused: A member may ask for their own account only"
    assert office.ask("dispute", role="member", by="u2", alert_id="a").startswith("refused")
    assert told(office) == []
    assert office.obeyed.deliveries == []


def test_whoever_may_not_is_refused_with_the_reason_and_nothing_changes() -> None:
    office = Office()
    for role in ("service", "member", "analyst"):
        assert office.ask("lock", role=role, by="u1") == "refused: The role may not ask for this"
    assert office.state.lock is None


def test_every_command_has_one_table_that_answers_it() -> None:
    def table(type_: str, **fields: Any) -> str:
        facts = {"command_id": "c", "type": type_, "user_id": "u", "by": "b", "role": "admin", "time": START}
        return answered_by(Command(**(facts | fields)))

    assert {type_ for type_ in COMMAND_TYPES if table(type_) == "users"} == {
        "lock",
        "unlock",
        "escalate",
        "otp_request",
        "otp_verify",
        "dispute",
    }
    assert table("escalate", case_id="c1") == table("escalate", alert_id="a1") == "cases"
    assert table("dispute", alert_id="a1") == "users"
    office = Office()
    with pytest.raises(ValueError, match="does not answer acknowledge"):
        office.ask("acknowledge")


def test_an_admin_locks_until_told_otherwise_and_unlocks() -> None:
    office = Office()
    assert office.ask("lock", reason="Stolen phone") == "done: The user is locked"
    (record,) = office.obeyed.judged.locks
    assert (record.state, record.by, record.reason, record.until) == ("locked", "admin", "Stolen phone", None)
    assert record.scope == list(LOCK_SCOPE)
    assert lock_at(office.state.lock, START + 400 * DAY) == "locked"
    assert office.ask("unlock") == "done: The user is unlocked"
    assert told(office) == [("locked", "admin", 1), ("unlocked", "admin", 2)]
    assert office.ask("unlock") == "refused: There is nothing to unlock"


def test_a_lock_may_have_a_scope_and_an_end_that_is_announced() -> None:
    office = Office()
    office.ask("lock", scope=["payout", "payout"], until=office.now_ms + HOUR)
    (record,) = office.obeyed.judged.locks
    assert record.scope == ["payout"]
    assert office.obeyed.judged.due == [(office.now_ms + HOUR, "u1")]
    assert office.ask("lock", until=office.now_ms) == "refused: until is not after the command's time"


def test_a_user_who_is_locked_twice_keeps_the_stricter_lock() -> None:
    office = Office()
    office.ask("lock", scope=["payout"], until=START + DAY)
    assert office.ask("lock", scope=["login"], until=START + HOUR) == "done: The user is locked"
    lock = office.state.lock
    assert lock is not None
    assert (lock.scope, lock.until_ms) == (("payout", "login"), START + DAY)
    assert office.ask("lock", scope=["login"], until=START + HOUR).endswith("as strictly before")
    office.ask("lock")
    assert office.state.lock is not None
    assert office.state.lock.until_ms is None
    assert [version for *_, version in told(office)] == [1, 2, 3]


def test_a_lock_holds_for_events_that_come_after_it_though_they_run_behind() -> None:
    office = Office()
    office.live([("login", START - 30 * DAY)])
    office.ask("lock")
    assert office.obeyed.judged.locks[0].since == "2026-03-02T09:00:00.000Z"
    assert office.live([("payout", START - 30 * DAY + MINUTE)]) == ["block"]


def test_a_challenge_is_escalated_to_a_lock_by_analysts_and_admins() -> None:
    for role in ("analyst", "admin"):
        office = Office()
        challenge(office)
        assert office.ask("escalate", role=role) == "done: The challenge is a lock now"
        (record,) = office.obeyed.judged.locks
        assert (record.state, record.by, record.version, record.alert_id) == ("locked", "admin", 2, "a")
        assert set(record.scope) == set(LOCK_SCOPE)
        assert office.ask("escalate", role=role) == "refused: There is no challenge to escalate"
    assert Office().ask("escalate") == "refused: There is no challenge to escalate"


def test_what_ran_out_is_announced_before_it_is_escalated_or_unlocked() -> None:
    office = Office()
    challenge(office)
    office.state.clock_ms = START + 2 * HOUR
    assert office.ask("escalate").startswith("refused")
    assert told(office) == [("unlocked", "expiry", 2)]
    other = Office()
    challenge(other)
    other.state.clock_ms = START + 2 * HOUR
    assert other.ask("unlock") == "refused: There is nothing to unlock"
    assert told(other) == [("unlocked", "expiry", 2)]


def test_a_word_that_was_late_counts_by_its_arrival_and_ends_no_lock_before_it_began() -> None:
    office = Office()
    office.ask("lock")
    office.now_ms -= HOUR
    assert office.ask("unlock") == "done: The user is unlocked"
    assert office.obeyed.judged.locks[1].since == office.obeyed.judged.locks[0].since


def test_a_repeat_is_answered_with_the_same_bytes_and_changes_nothing() -> None:
    office = Office()
    command = office.command("lock", reason="why")
    office.give(command)
    office.ask("unlock")
    before = msgspec.msgpack.encode(office.state)
    office.give(msgspec.json.decode(encode(command), type=Command))
    first, _, again = office.obeyed.outcomes
    assert encode(first) == encode(again)
    assert msgspec.msgpack.encode(office.state) == before
    assert len(told(office)) == 2


def test_a_member_unlocks_with_the_code_what_a_rule_locked() -> None:
    office = Office()
    challenge(office)
    assert office.ask("otp_request", **OWN) == "done: A code is on its way, valid for 5 minutes"
    (delivery,) = office.obeyed.deliveries
    assert delivery.expires == "2026-03-02T09:05:00.000Z"
    assert office.verify(delivery.command_id) == "done: The user is unlocked"
    assert told(office) == [("unlocked", "otp", 2)]
    assert office.verify(delivery.command_id) == "refused: There is no code to check: ask for one"


def test_failed_logins_never_refuse_an_unlock() -> None:
    office = Office()
    office.live([("login", START + at * SECOND, {"outcome": "failure", "ip": f"192.0.2.{at}"}) for at in range(60)])
    assert lock_at(office.state.lock, START + MINUTE) == "challenged"
    office.now_ms = START + MINUTE
    office.ask("otp_request", **OWN)
    assert office.verify().startswith("done")
    office.live([("login", START + MINUTE + SECOND, {"outcome": "failure", "ip": "192.0.2.9"})])
    assert lock_at(office.state.lock, START + MINUTE + SECOND) == "unlocked"


def test_an_admins_lock_is_not_the_users_to_lift_and_the_code_is_used_up() -> None:
    office = Office()
    office.ask("lock")
    office.ask("otp_request", **OWN)
    assert "only an admin can unlock" in office.verify()
    assert office.verify().endswith("ask for one")
    assert lock_at(office.state.lock, START) == "locked"


def test_a_dispute_does_not_turn_an_admins_lock_into_one_that_a_code_lifts() -> None:
    office = Office()
    office.ask("lock", scope=["payout"])
    office.ask("dispute", alert_id="a", **OWN)
    office.ask("otp_request", **OWN)
    assert "only an admin can unlock" in office.verify()


def test_wrong_codes_count_and_five_void_the_code_and_raise_an_alert() -> None:
    office = Office()
    challenge(office)
    office.ask("otp_request", **OWN)
    said = [office.verify(wrong=True) for _ in range(6)]
    assert said[:4] == [f"refused: The code is wrong; tries left: {left}" for left in (4, 3, 2, 1)]
    assert said[4] == said[5] == "refused: The code was guessed wrong too often and is void: ask for another"
    assert office.verify() == said[5]
    (alert,) = office.obeyed.judged.alerts
    assert (alert.rule_id, alert.severity, alert.user_id) == ("otp_guessing", "MEDIUM", "u1")
    assert office.obeyed.judged.decisions == []
    office.ask("otp_request", **OWN)
    assert [office.verify(wrong=True) for _ in range(3)][2].endswith("left: 2")
    assert [alert.severity for alert in office.obeyed.judged.alerts] == ["MEDIUM", "HIGH"]
    assert office.verify() == "done: The user is unlocked"


def test_a_wrong_code_and_failed_second_factors_are_counted_together() -> None:
    office = Office()
    office.live([("otp", START + at, {"outcome": "failure"}) for at in range(4)])
    office.ask("otp_request", **OWN)
    office.verify(wrong=True)
    assert [alert.rule_id for alert in office.obeyed.judged.alerts] == ["otp_guessing"]


def test_codes_are_sent_three_times_in_fifteen_minutes() -> None:
    office = Office()
    assert [office.ask("otp_request", **OWN)[:4] for _ in range(4)] == ["done", "done", "done", "refu"]
    assert len(office.obeyed.deliveries) == 3
    office.now_ms += 16 * MINUTE
    assert office.ask("otp_request", **OWN).startswith("done")


def test_a_code_that_is_over_is_refused_and_one_typed_in_time_counts_however_late_it_comes() -> None:
    office = Office()
    challenge(office)
    office.ask("otp_request", **OWN)
    asked_for = office.obeyed.deliveries[-1].command_id
    office.now_ms += 5 * MINUTE
    assert office.verify(asked_for) == "refused: The code is over 5 minutes old: ask for another"
    office.now_ms -= 1
    assert office.verify(asked_for) == "done: The user is unlocked"


def test_a_code_confirms_though_nothing_is_locked() -> None:
    office = Office()
    office.ask("otp_request", **OWN)
    assert office.verify() == "done: The code is right; nothing was locked"
    assert told(office) == []


def test_what_a_command_lacks_is_said() -> None:
    office = Office()
    assert office.ask("otp_verify", **OWN) == "refused: otp_hash is missing"
    assert office.ask("dispute", **OWN) == "refused: alert_id is missing"
    assert office.ask("otp_verify", otp_hash="x", **OWN) == "refused: There is no code to check: ask for one"


def test_a_dispute_locks_taints_and_is_taken_back_by_a_code() -> None:
    office = Office()
    office.live([("login", START)])
    assert office.ask("dispute", alert_id="a" * 32, **OWN) == "done: The dispute is noted and the account is locked"
    (record,) = office.obeyed.judged.locks
    assert (record.state, record.by, record.reason, record.alert_id) == (
        "locked",
        "rule",
        "Disputed by the user",
        "a" * 32,
    )
    assert record.until == "2026-03-03T09:00:00.000Z"
    assert office.state.tainted_until_ms == START + 24 * HOUR, "as long as it is locked"
    office.ask("otp_request", **OWN)
    assert office.verify() == "done: The user is unlocked"
    assert office.labels() == []


@pytest.mark.parametrize(("role", "by"), [("analyst", "rule"), ("admin", "admin")])
def test_staff_may_dispute_for_the_user(role: str, by: str) -> None:
    office = Office()
    assert office.ask("dispute", role=role, case_id="case-1").startswith("done")
    (record,) = office.obeyed.judged.locks
    assert (record.by, record.reason) == (by, f"Disputed by an {role}")


def test_a_passed_challenge_labels_the_challenged_events_legit_once() -> None:
    office = Office()
    challenge(office, ("login", "transaction"))
    assert office.live([("transaction", START + 1), ("transaction", START + 2)]) == ["challenge", "challenge"]
    office.ask("otp_request", **OWN)
    office.verify()
    labels = office.labels()
    assert [(label["event_id"], label["label"], label["source"]) for label in labels] == [
        ("e0", "legit", "otp"),
        ("e1", "legit", "otp"),
    ]
    assert labels[0]["time"] == "2026-03-02T09:00:00.000Z"
    assert len({label["feedback_id"] for label in labels}) == 2
    office.ask("otp_request", **OWN)
    office.verify()
    assert len(office.labels()) == 2


def test_a_failed_login_is_nobodys_to_confirm() -> None:
    office = Office()
    challenge(office)
    assert office.live([("login", START + 1, {"outcome": "failure"})]) == ["challenge"]
    office.ask("otp_request", **OWN)
    office.verify()
    assert office.labels() == []


@pytest.mark.parametrize("sign", ["change", "alarm"])
def test_signs_of_a_takeover_leave_the_events_without_a_label(sign: str) -> None:
    office = Office()
    challenge(office, ("transaction",))
    office.live([("transaction", START + 1)])
    if sign == "change":
        office.state.change = Change(START - HOUR, "password_change", True, False)
    else:
        office.state.alarm_ms = START - HOUR
    office.ask("otp_request", **OWN)
    assert office.verify() == "done: The user is unlocked"
    assert office.labels() == []


def test_no_record_holds_a_code() -> None:
    office = Office()
    challenge(office)
    codes = []
    for _ in range(3):
        office.ask("otp_request", **OWN)
        codes.append(code(KEY, "u1", office.obeyed.deliveries[-1].command_id))
        office.verify(wrong=True)
    office.verify()
    told = encode([office.obeyed.outcomes, office.obeyed.deliveries, office.obeyed.judged.locks])
    told += encode(office.obeyed.judged.alerts) + b"".join(label for _, label in office.obeyed.labels)
    told += msgspec.msgpack.encode(office.state) + encode(office.asked)
    assert not any(one.encode() in told for one in codes)
    assert not any(int(one).to_bytes(4, "big") in told for one in codes)


def test_what_happens_while_an_admin_has_locked_an_account_is_not_learnt() -> None:
    office = Office()
    office.live([("login", START)])
    office.ask("lock", role="admin", by="root", until=START + 3 * HOUR)
    assert office.state.tainted_until_ms == START + 3 * HOUR
    office.ask("lock", role="admin", by="root")
    assert office.state.tainted_until_ms == START + 24 * HOUR
