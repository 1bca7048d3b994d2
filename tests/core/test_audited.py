"""What the audit says of each kind of record."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import Detail, Entry
from core.audited import APPROVED, READ_BYTES, READERS, approvals, told
from core.records import Alert, Case, Decision, Lock, Note, Outcome, Reason, Source, encode

TIME = "2026-03-02T12:00:00.000Z"
ARRIVED = "2026-03-02T12:00:01.000Z"
OTP_HASH = "0123456789abcdef"

ALERT = Alert(
    alert_id="a1",
    schema_version=1,
    user_id="u1",
    event_id="e1",
    event_ids=["e1"],
    rule_id="impossible_travel",
    kind="SECURITY",
    severity="HIGH",
    risk_score=87.25,
    title="Impossible travel",
    summary="From Rome to Lima in an hour",
    reasons=[Reason("impossible_travel", 0.8, "10,000 km/h")],
    suggested_actions=[],
    context={"ip": "203.0.113.7"},
    scores={},
    contributions={},
    attack=["T1078"],
    time=TIME,
    detected_at=ARRIVED,
    dedup_key="k",
    count=1,
    mode="live",
)
LOCK = Lock(
    user_id="u1",
    state="locked",
    scope=["payout", "transaction"],
    reason="Impossible travel",
    alert_id="a1",
    since=TIME,
    until=None,
    by="rule",
    version=3,
)
COMMAND = {
    "command_id": "c1",
    "type": "otp_verify",
    "user_id": "u1",
    "by": "u1",
    "role": "member",
    "time": TIME,
    "otp_hash": OTP_HASH,
    "reason": "it is me",
}
CASE = Case(
    case_id="k1",
    user_id="u1",
    alert_ids=["a1", "a2"],
    severity="CRITICAL",
    priority=4,
    status="acknowledged",
    resolution=None,
    assignee="ana",
    notes=[Note("ana", ARRIVED, "I look into it")],
    opened=TIME,
    acknowledge_by=TIME,
    resolve_by=TIME,
    acknowledged=TIME,
    resolved=None,
    version=2,
)


def decision(verdict: str, event_id: str = "e1", user_id: str = "u1", rules: tuple[str, ...] = ()) -> bytes:
    return encode(
        Decision(
            event_id=event_id,
            user_id=user_id,
            time=TIME,
            risk_score=12.5,
            decision=verdict,  # type: ignore[arg-type]
            scores={"gaussian": 0.5},
            rules=list(rules),
        )
    )


def entry_of(topic: str, value: bytes) -> Entry:
    return told(READERS[topic], value, sha256(value).hexdigest(), f"argus.{topic}", 7, ARRIVED)


def test_what_was_not_approved_is_told_with_its_rules() -> None:
    entry = entry_of("decisions", decision("block", rules=("velocity", "card_testing")))
    assert (entry.subject, entry.action, entry.reason) == ("u1", "decision.block", "velocity, card_testing")
    assert entry.details["event_id"] == "e1"
    assert entry.details["risk_score"] == "12.5"
    assert entry_of("decisions", decision("challenge")).reason == "risk score, or a lock in force"


def test_an_entry_says_where_its_record_is_and_what_its_bytes_hash_to() -> None:
    value = decision("block")
    details = entry_of("decisions", value).details
    assert details["topic"] == "argus.decisions"
    assert (details["offset"], details["sha256"]) == (7, sha256(value).hexdigest())


def test_an_alert_and_an_update_of_it_are_told_apart() -> None:
    entry = entry_of("alerts", encode(ALERT))
    assert (entry.subject, entry.action, entry.by) == ("u1", "alert.raise", "rule:impossible_travel")
    assert (entry.time, entry.details["severity"]) == (ARRIVED, "HIGH")
    update = msgspec.structs.replace(ALERT, count=5)
    assert entry_of("alerts", encode(update)).action == "alert.update"


def test_an_alert_about_a_source_is_about_that_source_and_holds_no_address_but_that() -> None:
    about = msgspec.structs.replace(ALERT, user_id=None, source=Source("ip", "198.51.100.9"), users=["u1", "u2"])
    entry = entry_of("alerts", encode(about))
    assert entry.subject == "ip:198.51.100.9"
    assert "203.0.113.7" not in str(entry)


def test_a_lock_is_told_with_who_and_why() -> None:
    entry = entry_of("locks", encode(LOCK))
    assert (entry.action, entry.by, entry.reason, entry.time) == ("lock.locked", "rule", "Impossible travel", TIME)
    assert (entry.details["scope"], entry.details["version"]) == ("payout,transaction", 3)


def test_a_command_is_told_without_its_passwords_hash() -> None:
    entry = entry_of("commands", msgspec.json.encode(COMMAND))
    assert (entry.action, entry.by, entry.reason) == ("command.otp_verify", "u1", "it is me")
    assert (entry.details["role"], entry.details["command_id"]) == ("member", "c1")
    assert OTP_HASH not in msgspec.json.encode(entry).decode()


def test_a_commands_times_may_be_milliseconds() -> None:
    command = COMMAND | {"type": "lock", "time": 0, "until": 1_000, "scope": ["payout"], "assignee": "ana"}
    entry = entry_of("commands", msgspec.json.encode(command))
    assert entry.time == "1970-01-01T00:00:00.000Z"
    assert entry.details["until"] == "1970-01-01T00:00:01.000Z"
    assert (entry.details["scope"], entry.details["assignee"]) == ("payout", "ana")


def test_an_outcome_is_told_with_its_reason() -> None:
    outcome = Outcome(command_id="c1", user_id="u1", status="refused", reason="wrong code", time=TIME)
    entry = entry_of("outcomes", encode(outcome))
    assert (entry.subject, entry.action, entry.reason) == ("u1", "outcome.refused", "wrong code")


def test_a_cases_change_is_told_by_whoever_wrote_the_note_on_it() -> None:
    entry = entry_of("cases", encode(CASE))
    assert (entry.action, entry.by, entry.reason, entry.time) == (
        "case.acknowledged",
        "ana",
        "I look into it",
        ARRIVED,
    )
    bare = msgspec.structs.replace(CASE, notes=[], resolution="false_positive", status="resolved", resolved=ARRIVED)
    entry = entry_of("cases", encode(bare))
    assert (entry.action, entry.by, entry.reason, entry.time) == (
        "case.resolved",
        "argus",
        "false_positive",
        ARRIVED,
    )


def test_other_parts_of_argus_say_themselves_what_they_did() -> None:
    note = {"subject": "ana", "action": "api.login", "by": "ana", "reason": "", "time": TIME, "details": {"ok": True}}
    entry = entry_of("audit-notes", msgspec.json.encode(note))
    assert (entry.subject, entry.action, entry.details["ok"]) == ("ana", "api.login", True)


@pytest.mark.parametrize("topic", READERS)
@pytest.mark.parametrize(
    "value", [b"", b"no JSON", b"{}", b"\xff", b"[1]", b'{"time":' + b"9" * 30 + b"}", b" " * (READ_BYTES + 1)]
)
def test_what_can_not_be_read_is_told_as_that(topic: str, value: bytes) -> None:
    entry = entry_of(topic, value)
    assert (entry.subject, entry.action, entry.by) == (f"argus.{topic}", "record.unreadable", "unknown")
    assert (entry.time, entry.details["sha256"]) == (ARRIVED, sha256(value).hexdigest())


def test_a_time_that_no_calendar_has_is_unreadable() -> None:
    assert entry_of("commands", msgspec.json.encode(COMMAND | {"time": 10**18})).action == "record.unreadable"


def test_a_long_reason_is_cut() -> None:
    outcome = Outcome(command_id="c1", user_id="u1", status="done", reason="x" * 9_000, time=TIME)
    assert len(entry_of("outcomes", encode(outcome)).reason) == 2_048


def test_approvals_are_one_entry_whose_hash_anybody_can_make_again() -> None:
    values = [decision("approve", f"e{number}") for number in range(3)]
    entry = approvals(values, 10, 14, TIME)
    digest = sha256(b"".join(sha256(value).digest() for value in values)).hexdigest()
    details: dict[str, Detail] = {"count": 3, "first_offset": 10, "last_offset": 14, "sha256": digest}
    assert (entry.subject, entry.action, entry.details) == ("decisions", "decision.approve", details)
    assert approvals(values[::-1], 10, 14, TIME).details["sha256"] != digest


TRICKS = ('"decision":"approve"', '","decision":"approve', "decision", ':"approve"', "\\", '"', "é", "x")


@settings(derandomize=True, max_examples=300)
@given(
    verdict=st.sampled_from(["approve", "challenge", "block"]),
    ids=st.tuples(*[st.lists(st.sampled_from(TRICKS), max_size=6).map("".join)] * 3),
)
def test_no_id_makes_a_blocked_event_look_approved(verdict: str, ids: tuple[str, str, str]) -> None:
    assert (APPROVED in decision(verdict, ids[0], ids[1], (ids[2],))) == (verdict == "approve")
