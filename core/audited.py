"""What the audit says of the records of each topic: who, what, when and why, and the hash of the record itself.

Approvals come at the speed of the stream and are told as one digest for many; everything else is told one by one.
Nothing told here holds a one-time password's hash, or more of an address than the alert has.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from core.audit import Detail, Entry
from core.cases import subject_of
from core.clock import rfc3339, to_ms
from core.records import Alert, Case, Command, Decision, Lock, Outcome, encode

ARGUS: Final = "argus"
NOTES: Final = "audit-notes"
APPROVE: Final = "decision.approve"
# In JSON text the quotes of a string's contents are escaped, so only the member itself looks like this. (`scores` is
# the one object inside a decision, and holds numbers.)
APPROVED: Final = b'"decision":"approve"'
REASON_CHARS: Final = 2_048
# What Argus writes is smaller; a foreign record of megabytes must not become one of the chain.
READ_BYTES: Final = 256 * 1_024

Read = Callable[[bytes], Entry]

_decision = msgspec.json.Decoder(Decision).decode
_alert = msgspec.json.Decoder(Alert).decode
_lock = msgspec.json.Decoder(Lock).decode
_command = msgspec.json.Decoder(Command).decode
_outcome = msgspec.json.Decoder(Outcome).decode
_case = msgspec.json.Decoder(Case).decode
_entry = msgspec.json.Decoder(Entry, strict=True).decode


def approvals(values: Sequence[bytes], first_offset: int, last_offset: int, time: str) -> Entry:
    """One entry for approvals, in order: `sha256` is that of the SHA-256 of each one after the other."""
    digest = sha256(b"".join([sha256(value).digest() for value in values])).hexdigest()
    details: dict[str, Detail] = {
        "count": len(values),
        "first_offset": first_offset,
        "last_offset": last_offset,
        "sha256": digest,
    }
    return Entry("decisions", APPROVE, ARGUS, "", time, details)


def decision_entry(value: bytes) -> Entry:
    decision = _decision(value)
    details: dict[str, Detail] = {
        "event_id": decision.event_id,
        "risk_score": repr(decision.risk_score),
        "rules": ",".join(decision.rules),
    }
    why = ", ".join(decision.rules) or "risk score, or a lock in force"
    return Entry(decision.user_id, f"decision.{decision.decision}", ARGUS, why, decision.time, details)


def alert_entry(value: bytes) -> Entry:
    alert = _alert(value)
    details: dict[str, Detail] = {
        "alert_id": alert.alert_id,
        "count": alert.count,
        "event_id": alert.event_id,
        "event_time": alert.time,
        "kind": alert.kind,
        "mode": alert.mode,
        "risk_score": repr(alert.risk_score),
        "severity": alert.severity,
    }
    action = "alert.raise" if alert.count == 1 else "alert.update"
    return Entry(subject_of(alert), action, f"rule:{alert.rule_id}", alert.title, alert.detected_at, details)


def lock_entry(value: bytes) -> Entry:
    lock = _lock(value)
    details: dict[str, Detail] = {
        "alert_id": lock.alert_id,
        "scope": ",".join(lock.scope),
        "until": lock.until,
        "version": lock.version,
    }
    return Entry(lock.user_id, f"lock.{lock.state}", lock.by, lock.reason, lock.since, details)


def command_entry(value: bytes) -> Entry:
    """All but `otp_hash`."""
    command = _command(value)
    details: dict[str, Detail] = {"command_id": command.command_id, "role": command.role}
    for name in ("alert_id", "case_id", "assignee", "resolution"):
        told = getattr(command, name)
        if told is not None:
            details[name] = told
    if command.scope is not None:
        details["scope"] = ",".join(command.scope)
    if command.until is not None:
        details["until"] = _text(command.until)
    return Entry(
        command.user_id, f"command.{command.type}", command.by, command.reason or "", _text(command.time), details
    )


def outcome_entry(value: bytes) -> Entry:
    outcome = _outcome(value)
    details: dict[str, Detail] = {"command_id": outcome.command_id}
    return Entry(outcome.user_id, f"outcome.{outcome.status}", ARGUS, outcome.reason, outcome.time, details)


def case_entry(value: bytes) -> Entry:
    """by: whoever wrote the newest note, else whoever it is assigned to; the command is told on its own."""
    case = _case(value)
    details: dict[str, Detail] = {
        "alerts": len(case.alert_ids),
        "assignee": case.assignee,
        "case_id": case.case_id,
        "priority": case.priority,
        "resolution": case.resolution,
        "severity": case.severity,
        "version": case.version,
    }
    newest = case.notes[-1] if case.notes else None
    time = case.resolved or case.acknowledged or case.opened
    if newest is not None and newest.time >= time:
        subject = case.user_id or case.case_id
        return Entry(subject, f"case.{case.status}", newest.by, newest.text, newest.time, details)
    return Entry(case.user_id or case.case_id, f"case.{case.status}", ARGUS, case.resolution or "", time, details)


def told_entry(value: bytes) -> Entry:
    """What another part of Argus reports of itself: a login, a change of configuration or of a model."""
    return _entry(value)


READERS: Final[Mapping[str, Read]] = {
    "decisions": decision_entry,
    "alerts": alert_entry,
    "locks": lock_entry,
    "commands": command_entry,
    "outcomes": outcome_entry,
    "cases": case_entry,
    NOTES: told_entry,
}


def note(entry: Entry) -> bytes:
    """What a part of Argus sends to the notes' topic to have it in the audit."""
    return encode(entry)


def told(read: Read, value: bytes, digest: str, topic: str, offset: int, time: str) -> Entry:
    """The entry for a record, with where it was and its hash. One that can't be read is told as that. digest: the
    SHA-256 of `value`; time: when it arrived."""
    try:
        entry = read(value if len(value) <= READ_BYTES else b"")
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        entry = Entry(topic, "record.unreadable", "unknown", "it is not a record of this topic", time)
    if len(entry.reason) > REASON_CHARS:
        entry.reason = entry.reason[:REASON_CHARS]
    entry.details = {**entry.details, "offset": offset, "sha256": digest, "topic": topic}
    return entry


def _text(time: datetime | int) -> str:
    return rfc3339(to_ms(time) if isinstance(time, datetime) else time)
