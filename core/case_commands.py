"""What people do with cases: acknowledge, assign, escalate, resolve, and dispute.

Every command but a dispute is answered, a repeat with the same answer. The user's own part of a dispute (the lock,
and the answer) is not decided here.
"""

from typing import Final

from core.case_state import (
    ANSWERS_MAX,
    CRITICAL,
    DISPUTES_MAX,
    HIGH,
    NOTE_CHARS_MAX,
    NOTES_MAX,
    RESOLVED_MAX,
    SEVERITIES,
    TAKEOVER,
    Answered,
    CaseFacts,
    CaseState,
    Resolution,
    Told,
    changed,
)
from core.cases import Worked, join, label_disputed, open_case, open_for, rise
from core.clock import SECOND, rfc3339
from core.events import event_key
from core.feedback import label_record
from core.policy import Policy
from core.records import Command, Label, Outcome

ANSWERED_HERE: Final = frozenset({"acknowledge", "assign", "resolve", "false_positive", "escalate"})
TAKEN_HERE: Final = ANSWERED_HERE | {"dispute"}
_WORKERS: Final = ("analyst", "admin")
_DISPUTERS: Final = ("member", "analyst", "admin")
_LABELS: Final[dict[Resolution, Label]] = {"confirmed_fraud": "fraud", "false_positive": "legit"}


class Refused(Exception):
    """Why a command is not carried out: one sentence for people."""


def take_command(state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked) -> None:
    """Carry out a command of `TAKEN_HERE` about this subject, once, and answer it each time."""
    key = event_key(command.command_id)
    answered = next((one for one in state.answered if one.key == key), None)
    if answered is None:
        state.last_ms = max(state.last_ms, now_ms)
        answered = _carry_out(state, command, key, policy, now_ms, worked)
        state.answered.append(answered)
        del state.answered[:-ANSWERS_MAX]
    if answered.status:
        worked.outcomes.append(
            Outcome(
                command_id=command.command_id,
                user_id=command.user_id,
                status=answered.status,
                reason=answered.reason,
                time=rfc3339(answered.time_ms),
            )
        )


def _carry_out(
    state: CaseState, command: Command, key: bytes, policy: Policy, now_ms: int, worked: Worked
) -> Answered:
    if command.type == "dispute":
        if command.role in _DISPUTERS and command.alert_id is not None:
            _dispute(state, command, command.alert_id, policy, now_ms, worked)
        return Answered(key, "", "", now_ms)
    try:
        reason = _work(state, command, policy, now_ms, worked)
    except Refused as refused:
        return Answered(key, "refused", str(refused), now_ms)
    return Answered(key, "done", reason, now_ms)


def _work(state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked) -> str:
    """Do it, or raise `Refused` with nothing done."""
    if command.role not in _WORKERS:
        raise Refused(f"the role {command.role} does not work on cases")
    resolution = "false_positive" if command.type == "false_positive" else command.resolution
    if command.type == "resolve" and resolution is None:
        raise Refused("to resolve a case takes a resolution: confirmed_fraud, false_positive or inconclusive")
    case = _meant(state, command, policy, now_ms)
    if command.type == "acknowledge" and case.status != "open":
        raise Refused("the case has been acknowledged before")
    if command.type == "escalate" and case.escalated and case.severity == CRITICAL:
        raise Refused("the case has been escalated as far as it goes")
    if command.alert_id is not None and command.case_id is None:
        _include(state, case, command.alert_id, policy, now_ms)
    if command.type == "acknowledge":
        case.status = "acknowledged"
        _acknowledge(case, now_ms, worked)
        did = "acknowledged"
    elif command.type == "assign":
        case.assignee, case.status = command.assignee or command.by, "investigating"
        _acknowledge(case, now_ms, worked)
        did = f"assigned to {case.assignee}"
    elif command.type == "escalate":
        rise(case, min(CRITICAL, case.severity + 1), policy, now_ms)
        case.escalated = True
        did = f"escalated to {SEVERITIES[case.severity]}"
    else:
        assert resolution is not None
        _resolve(state, case, resolution, command, now_ms, worked)
        did = f"resolved: {resolution}"
    _note(case, command.by, now_ms, command.reason)
    worked.cases.append(changed(state, case))
    return f"case {case.case_id} {did}"


def _meant(state: CaseState, command: Command, policy: Policy, now_ms: int) -> CaseFacts:
    """The open case that a command is about. An alert that is in none gets one: somebody works on it now."""
    if command.case_id is not None:
        case = state.cases.get(command.case_id)
    elif command.alert_id is not None:
        case = _of_alert(state, command.alert_id, policy, now_ms)
    else:
        raise Refused("the command names neither a case_id nor an alert_id")
    if case is None:
        raise Refused(f"{command.user_id} has no such case")
    if case.status == "resolved":
        raise Refused("the case is resolved")
    return case


def _of_alert(state: CaseState, alert_id: str, policy: Policy, now_ms: int) -> CaseFacts | None:
    told = state.alerts.get(alert_id)
    if told is None:
        return next((case for case in state.cases.values() if alert_id in case.alert_ids), None)
    if told.case_id:
        return state.cases.get(told.case_id)
    return open_case(state, told.attack, told.source) or open_for(state, told, policy, now_ms, "")


def _include(state: CaseState, case: CaseFacts, alert_id: str, policy: Policy, now_ms: int) -> None:
    """An alert that was in no case goes with the one of its attack."""
    told = state.alerts.get(alert_id)
    if told is not None and not told.case_id:
        join(case, told, policy, now_ms)


def _dispute(state: CaseState, command: Command, alert_id: str, policy: Policy, now_ms: int, worked: Worked) -> None:
    """The user says it was somebody else: a case of HIGH at least, and the alert's event is labelled as fraud, as
    soon as the alert is known here."""
    told = state.alerts.get(alert_id)
    if told is not None:
        label_disputed(told, command.command_id, now_ms, worked)
    else:
        state.disputes[alert_id] = (command.command_id, now_ms)
        if len(state.disputes) > DISPUTES_MAX:
            del state.disputes[next(iter(state.disputes))]
        told = Told(alert_id, "", "Disputed by the user", TAKEOVER, None, HIGH, 0, "", [])
    case = state.cases.get(told.case_id)
    if case is None or case.status == "resolved":
        case = open_case(state, told.attack, told.source)
    if case is None:
        case = open_for(state, told, policy, now_ms, command.command_id)
    else:
        join(case, told, policy, now_ms)
    rise(case, HIGH, policy, now_ms)
    case.disputed = True
    _note(case, command.by, now_ms, command.reason or "This wasn't me")
    worked.cases.append(changed(state, case))


def _acknowledge(case: CaseFacts, now_ms: int, worked: Worked) -> None:
    if case.acknowledged_ms is None:
        case.acknowledged_ms = max(now_ms, case.opened_ms)
        taken_s = (case.acknowledged_ms - case.opened_ms) / SECOND
        worked.acknowledged.append((SEVERITIES[case.severity], taken_s))


def _resolve(
    state: CaseState, case: CaseFacts, resolution: Resolution, command: Command, now_ms: int, worked: Worked
) -> None:
    _acknowledge(case, now_ms, worked)
    case.status, case.resolution = "resolved", resolution
    case.resolved_ms = max(now_ms, case.opened_ms)
    worked.resolved.append((SEVERITIES[case.severity], (case.resolved_ms - case.opened_ms) / SECOND))
    label = _LABELS.get(resolution)
    if label is not None:
        mine = [told for told in state.alerts.values() if told.case_id == case.case_id]
        # One event can have tipped several alerts.
        for user_id, event_id in dict.fromkeys((told.user_id, event) for told in mine for event in told.event_ids):
            record = label_record("analyst", command.command_id, user_id, event_id, label, now_ms)
            worked.feedback.append((user_id, record))
    resolved = [one for one in state.cases.values() if one.resolved_ms is not None]
    if len(resolved) > RESOLVED_MAX:
        del state.cases[min(resolved, key=lambda one: one.resolved_ms or 0).case_id]


def _note(case: CaseFacts, by: str, time_ms: int, text: str | None) -> None:
    if text:
        case.notes.append((by, time_ms, text[:NOTE_CHARS_MAX]))
        del case.notes[:-NOTES_MAX]
