"""Cases: which alerts become one, what its deadlines are, and when they are told.

Live alerts of HIGH and CRITICAL open a case, as COMPLIANCE does whatever its severity. The subject's alerts of the
same attack join it, from MEDIUM on: those of the day before, and those that come while it is open; severity and
priority only rise. What people do with a case is in `core.case_commands`. All times are handed in: `opened` is when
the alert was detected, everything else the clock of whoever does the work.
"""

from datetime import datetime
from typing import Final

from msgspec import UNSET, Struct, field

from core.case_state import (
    ALERTS_MAX,
    EVENT_CHARS_MAX,
    EVENTS_PER_ALERT_MAX,
    HIGH,
    MEDIUM,
    RULES_MAX,
    TITLE_CHARS_MAX,
    CaseFacts,
    CaseState,
    SourceKey,
    Told,
    attack_of,
    case_id_of,
    changed,
)
from core.clock import DAY, MINUTE, SECOND, to_ms
from core.feedback import label_record
from core.policy import ACKNOWLEDGE_MIN, RESOLVE_MIN, Policy
from core.records import SEVERITIES, Alert, Breach, Case, Outcome, SeverityName

# What was told of an attack so long before its case opened is part of it.
EARLIER_MS: Final = DAY


class Worked(Struct):
    """What came out of alerts, commands and the clock, in that order. feedback: user id and record of each label.
    acknowledged, resolved: severity and seconds since the case was opened, of each case that was."""

    cases: list[Case] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    feedback: list[tuple[str, bytes]] = field(default_factory=list)
    acknowledged: list[tuple[SeverityName, float]] = field(default_factory=list)
    resolved: list[tuple[SeverityName, float]] = field(default_factory=list)
    breaches: list[tuple[Breach, SeverityName]] = field(default_factory=list)


def subject_of(alert: Alert) -> str:
    """Whose cases an alert belongs to: the key of its record."""
    if alert.source is not UNSET:
        return f"{alert.source.type}:{alert.source.id}"
    return alert.user_id or ""


def take_alert(state: CaseState, alert: Alert, policy: Policy, worked: Worked) -> None:
    """Put an alert, or an update of one, where it belongs. An update only raises severity; of an alert whose case is
    resolved it does nothing, unless it is worse than what was resolved."""
    told = _remember(state, alert) if alert.mode == "live" else None
    if told is None:
        return
    at_ms = told.at_ms
    state.last_ms = max(state.last_ms, at_ms)
    case = _with(state, told)
    if case is not None and case.status == "resolved":
        if told.severity <= case.severity:
            return
        case = None
    opens = told.severity >= HIGH or alert.kind == "COMPLIANCE"
    if case is None and (opens or told.severity >= MEDIUM):
        case = open_case(state, told.attack, told.source)
    if case is not None:
        if join(case, told, policy, at_ms):
            worked.cases.append(changed(state, case))
    elif opens:
        case = open_for(state, told, policy, at_ms, str(told.count))
        for earlier in state.alerts.values():
            if not earlier.case_id and earlier.severity >= MEDIUM and _together(earlier, told):
                join(case, earlier, policy, at_ms)
        worked.cases.append(changed(state, case))
    dispute = state.disputes.pop(told.alert_id, None)
    if dispute is not None:
        label_disputed(told, *dispute, worked)


def _together(earlier: Told, told: Told) -> bool:
    """Whether an alert without a case belongs to the attack of one that comes within `EARLIER_MS` after it."""
    same = (earlier.attack, earlier.source) == (told.attack, told.source)
    return same and told.at_ms - earlier.at_ms <= EARLIER_MS


def label_disputed(told: Told, command_id: str, time_ms: int, worked: Worked) -> None:
    """Label the event that tipped a disputed alert, if it is known whose that is."""
    for event_id in told.event_ids[:1]:
        record = label_record("dispute", command_id, told.user_id, event_id, "fraud", time_ms)
        worked.feedback.append((told.user_id, record))


def open_case(state: CaseState, attack: str, source: SourceKey) -> CaseFacts | None:
    """The one case of an attack that isn't resolved yet."""
    return next((case for case in state.open_cases() if case.attack == attack and case.source == source), None)


def open_for(state: CaseState, told: Told, policy: Policy, at_ms: int, again: str) -> CaseFacts:
    """Open a case for an alert. again: tells it from an earlier case that the same alert opened."""
    case_id = case_id_of(told.alert_id)
    if told.case_id or case_id in state.cases:
        case_id = case_id_of(told.alert_id, again)
    case = CaseFacts(
        case_id,
        told.attack,
        told.title,
        told.source,
        [told.alert_id],
        [told.rule_id] if told.rule_id else [],
        told.severity,
        at_ms,
        *_deadlines(policy, told.severity, at_ms),
    )
    told.case_id = case_id
    state.cases[case_id] = case
    return case


def join(case: CaseFacts, told: Told, policy: Policy, at_ms: int) -> bool:
    """Make an alert part of an open case. Answers whether its record has changed."""
    told.case_id = case.case_id
    different = False
    if told.alert_id not in case.alert_ids and len(case.alert_ids) < ALERTS_MAX:
        case.alert_ids.append(told.alert_id)
        different = True
    if told.rule_id and told.rule_id not in case.rules and len(case.rules) < RULES_MAX:
        case.rules.append(told.rule_id)
        different = True
    return rise(case, told.severity, policy, at_ms) or different


def rise(case: CaseFacts, severity: int, policy: Policy, at_ms: int) -> bool:
    """Raise a case's severity if that is higher, and bring its deadlines nearer. Answers whether it was."""
    if severity <= case.severity:
        return False
    case.severity = severity
    near_ms, by_ms, resolve_near_ms, resolve_by_ms = _deadlines(policy, severity, at_ms)
    if case.acknowledged_ms is None:
        case.acknowledge_near_ms = min(case.acknowledge_near_ms, near_ms)
        case.acknowledge_by_ms = min(case.acknowledge_by_ms, by_ms)
    case.resolve_near_ms = min(case.resolve_near_ms, resolve_near_ms)
    case.resolve_by_ms = min(case.resolve_by_ms, resolve_by_ms)
    return True


def _deadlines(policy: Policy, severity: int, at_ms: int) -> tuple[int, int, int, int]:
    name = SEVERITIES[severity]
    share = policy.case_near_share
    acknowledge_ms = policy.case_acknowledge_min.get(name, ACKNOWLEDGE_MIN[name]) * MINUTE
    resolve_ms = policy.case_resolve_min.get(name, RESOLVE_MIN[name]) * MINUTE
    return (
        at_ms + int(share * acknowledge_ms),
        at_ms + acknowledge_ms,
        at_ms + int(share * resolve_ms),
        at_ms + resolve_ms,
    )


def take_time(state: CaseState, now_ms: int, worked: Worked) -> None:
    """Tell which deadlines are near or missed by now, each once. One that is found missed is not told near first."""
    for case in state.open_cases():
        due = [kind for kind, time_ms in _clocks(case) if time_ms <= now_ms]
        fresh = [kind for kind in due if not (kind.endswith("_near") and kind.replace("_near", "_missed") in due)]
        if fresh:
            case.breaches += fresh
            worked.cases.append(changed(state, case))
            worked.breaches += [(kind, SEVERITIES[case.severity]) for kind in fresh]


def due_ms(state: CaseState, policy: Policy) -> int | None:
    """When the subject must be looked at next, though nothing happens: at a deadline, or to forget it."""
    open_cases = state.open_cases()
    if not open_cases:
        return state.last_ms + policy.case_memory_s * SECOND
    return min((time_ms for case in open_cases for _, time_ms in _clocks(case)), default=None)


def is_over(state: CaseState, policy: Policy, now_ms: int) -> bool:
    """Whether a subject can be forgotten: nothing is open, and nothing has been for long."""
    return not state.open_cases() and now_ms >= state.last_ms + policy.case_memory_s * SECOND


def _clocks(case: CaseFacts) -> list[tuple[Breach, int]]:
    """What is still to be told of an open case's deadlines, and when."""
    clocks: list[tuple[Breach, int]] = []
    told = case.breaches
    if case.acknowledged_ms is None and "acknowledge_missed" not in told:
        clocks.append(("acknowledge_missed", case.acknowledge_by_ms))
        if "acknowledge_near" not in told:
            clocks.append(("acknowledge_near", case.acknowledge_near_ms))
    if "resolve_missed" not in told:
        clocks.append(("resolve_missed", case.resolve_by_ms))
        if "resolve_near" not in told:
            clocks.append(("resolve_near", case.resolve_near_ms))
    return clocks


def _with(state: CaseState, told: Told) -> CaseFacts | None:
    """The case that an alert is in, be it only because somebody named it before it came."""
    case = state.cases.get(told.case_id)
    if case is None and told.alert_id in state.disputes:
        case = next((case for case in state.open_cases() if told.alert_id in case.alert_ids), None)
    return case


def _remember(state: CaseState, alert: Alert) -> Told | None:
    """The alert as it now stands; None if this record says nothing new."""
    severity = SEVERITIES.index(alert.severity)
    source = None if alert.source is UNSET else (str(alert.source.type), alert.source.id)
    users = [alert.user_id] if alert.user_id is not None else [] if alert.users is UNSET else alert.users
    user_id = users[0] if len(users) == 1 else ""
    told = state.alerts.get(alert.alert_id)
    if told is None:
        attack, title = attack_of(alert.kind, alert.attack), alert.title[:TITLE_CHARS_MAX]
        told = Told(alert.alert_id, alert.rule_id, title, attack, source, severity, alert.count, user_id, [])
        state.alerts[alert.alert_id] = told
    elif alert.count <= told.count:
        return None
    else:
        told.count = alert.count
        told.severity = max(told.severity, severity)
        if told.user_id != user_id:
            told.user_id, told.event_ids = "", []
    told.at_ms = to_ms(datetime.fromisoformat(alert.detected_at))
    if told.user_id:
        for event_id in (alert.event_id, *alert.event_ids):
            if event_id not in told.event_ids and len(told.event_ids) < EVENTS_PER_ALERT_MAX:
                told.event_ids.append(event_id)
    _make_room(state, told)
    return told


def _make_room(state: CaseState, newest: Told) -> None:
    """Forget the oldest alert, first of those in no open case; and all but the first event of the oldest ones."""
    if len(state.alerts) > ALERTS_MAX:
        held = {case.case_id for case in state.open_cases()}
        idle = (told for told in state.alerts.values() if told.case_id not in held and told is not newest)
        del state.alerts[next(idle, next(iter(state.alerts.values()))).alert_id]
    chars = sum(len(event_id) for told in state.alerts.values() for event_id in told.event_ids)
    for told in state.alerts.values():
        if chars <= EVENT_CHARS_MAX:
            break
        chars -= sum(map(len, told.event_ids[1:]))
        del told.event_ids[1:]
