"""What people do with cases: acknowledge, assign, escalate, resolve, and dispute.

Every command but a dispute is answered, a repeat with the same answer. The user's own part of a dispute (the lock,
and the answer) is not decided here.
"""

from typing import Final, Literal

from core.case_state import (
    ANSWERS_MAX,
    CRITICAL,
    DISPUTES_MAX,
    HIGH,
    NOTE_CHARS_MAX,
    NOTES_MAX,
    RESOLVED_MAX,
    TAKEOVER,
    Answered,
    CaseFacts,
    CaseState,
    Resolution,
    Told,
    changed,
)
from core.cases import Worked, join, label_disputed, open_case, open_for, rise
from core.clock import SECOND, rfc3339, to_ms
from core.commands import answered_by, refusal
from core.feedback import label_record
from core.outcomes import command_key
from core.policy import Policy
from core.records import SEVERITIES, Command, Label, Outcome

_LABELS: Final[dict[Resolution, Label]] = {"confirmed_fraud": "fraud", "false_positive": "legit"}
NO_CASE: Final = "The user or source has no such case"
# It and a command are on topics of their own, and the same command again would get the same answer.
NO_ALERT: Final = (
    "No such alert of the user or source is known here, or it has not come yet: "
    "try again in a moment, with another command_id"
)


class Refused(Exception):
    """Why a command is not carried out: one sentence for people."""


def concerns_cases(command: Command) -> bool:
    """Whether a command is taken here: those that are answered here, and disputes."""
    return command.type == "dispute" or answered_by(command) == "cases"


def take_command(state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked) -> None:
    """Carry out a command that concerns this subject's cases, once, and answer it each time. command: its time in
    milliseconds, which is the answer's; now_ms: when it is carried out, by which a case's times go."""
    # A dispute is answered elsewhere: it takes nobody's answer, not even that of another command by the same id.
    key = command_key(("dispute " if command.type == "dispute" else "") + command.command_id)
    answered = next((one for one in state.answered if one.key == key), None)
    if answered is None:
        state.last_ms = max(state.last_ms, now_ms)
        time_ms = command.time if isinstance(command.time, int) else to_ms(command.time)
        if command.type == "dispute":
            _dispute(state, command, policy, now_ms, worked)
            answered = Answered(key, "", "", time_ms)
        else:
            answered = Answered(key, *_answer(state, command, policy, now_ms, worked), time_ms)
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


def _answer(
    state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked
) -> tuple[Literal["done", "refused"], str]:
    try:
        return "done", _work(state, command, policy, now_ms, worked)
    except Refused as refused:
        return "refused", str(refused)


def _work(state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked) -> str:
    """Do it, or raise `Refused` with nothing done."""
    denied = refusal(command)
    if denied is not None:
        raise Refused(denied)
    resolution = "false_positive" if command.type == "false_positive" else command.resolution
    if command.type == "resolve" and resolution is None:
        raise Refused("To resolve a case takes a resolution: confirmed_fraud, false_positive or inconclusive")
    case = _meant(state, command, policy, now_ms)
    if command.type == "acknowledge" and case.status != "open":
        raise Refused("The case has been acknowledged before")
    if command.type == "escalate" and case.escalated and case.severity == CRITICAL:
        raise Refused("The case has been escalated as far as it goes")
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
    if case.status == "resolved":
        # Its last record has them; here it is only remembered.
        case.notes = []
    return f"Case {case.case_id} {did}"


def _meant(state: CaseState, command: Command, policy: Policy, now_ms: int) -> CaseFacts:
    """The open case that a command is about. An alert that is in none gets one: somebody works on it now."""
    if command.case_id is not None:
        case = state.cases.get(command.case_id)
    elif command.alert_id is not None:
        case = _of_alert(state, command.alert_id, policy, now_ms)
    else:
        raise Refused("The command names neither a case_id nor an alert_id")
    if case is None:
        raise Refused(NO_CASE)
    if case.status == "resolved":
        raise Refused("The case is resolved")
    return case


def _of_alert(state: CaseState, alert_id: str, policy: Policy, now_ms: int) -> CaseFacts | None:
    told = state.alerts.get(alert_id)
    if told is None:
        case = next((case for case in state.cases.values() if alert_id in case.alert_ids), None)
        if case is None:
            raise Refused(NO_ALERT)
        return case
    if told.case_id:
        return state.cases.get(told.case_id)
    return open_case(state, told.attack, told.source) or open_for(state, told, policy, now_ms, "")


def _include(state: CaseState, case: CaseFacts, alert_id: str, policy: Policy, now_ms: int) -> None:
    """An alert that was in no case goes with the one of its attack."""
    told = state.alerts.get(alert_id)
    if told is not None and not told.case_id:
        join(case, told, policy, now_ms)


def _dispute(state: CaseState, command: Command, policy: Policy, now_ms: int, worked: Worked) -> None:
    """The user says it was somebody else: a case of HIGH at least, and the alert's event is labelled as fraud, as
    soon as the alert is known here."""
    case = state.cases.get(command.case_id or "")
    alert_id = command.alert_id or (case.alert_ids[0] if case is not None else None)
    if alert_id is None or refusal(command) is not None:
        return
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
