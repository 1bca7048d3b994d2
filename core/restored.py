"""State made from the records that were told of it, where a broker has lost its topics and a database has them.

What a record tells comes back as it was; a user's history, and what models had learnt, does not.
"""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from core.case_state import CaseFacts, CaseState, SourceKey, Told, attack_of
from core.clock import to_ms
from core.policy import Policy
from core.records import SEVERITIES, Alert, Case, Lock, Source
from core.respond import LockFacts
from core.state import UserState


class Subject(Struct):
    """A subject (a user, or a source key) with its open cases and the alerts that are known of them."""

    key: str
    cases: list[Case]
    alerts: list[Alert]


def user_state(lock: Lock) -> UserState:
    """A user of whom nothing is known but the newest word on the lock. Versions go on from there."""
    until_ms = None if lock.until is None else _ms(lock.until)
    facts = LockFacts(lock.state, tuple(lock.scope), lock.reason, lock.alert_id, _ms(lock.since), until_ms, lock.by)
    return UserState(lock_version=lock.version, lock=facts)


def subject_of(case: Case) -> str:
    """The subject whose case it is."""
    return case.user_id or "" if case.source is UNSET else f"{case.source.type}:{case.source.id}"


def case_state(subject: Subject, policy: Policy) -> CaseState:
    """Notes, deadlines and versions are those of the records; whether a case was disputed is only in its priority."""
    state = CaseState(subject=subject.key)
    alerts = {alert.alert_id: alert for alert in subject.alerts}
    for case in subject.cases:
        facts = _facts(case, policy)
        state.cases[case.case_id] = facts
        state.last_ms = max(state.last_ms, facts.opened_ms)
        for alert_id in case.alert_ids:
            alert = alerts.get(alert_id)
            if alert is not None:
                state.alerts[alert_id] = _told(alert, case.case_id)
    return state


def _facts(case: Case, policy: Policy) -> CaseFacts:
    opened_ms, share = _ms(case.opened), policy.case_near_share
    acknowledge_by_ms, resolve_by_ms = _ms(case.acknowledge_by), _ms(case.resolve_by)
    return CaseFacts(
        case.case_id,
        case.attack,
        case.title,
        _source(case.source),
        list(case.alert_ids),
        list(case.rules),
        SEVERITIES.index(case.severity),
        opened_ms,
        opened_ms + int(share * (acknowledge_by_ms - opened_ms)),
        acknowledge_by_ms,
        opened_ms + int(share * (resolve_by_ms - opened_ms)),
        resolve_by_ms,
        priority=case.priority,
        status=case.status,
        resolution=case.resolution,
        assignee=case.assignee,
        notes=[(note.by, _ms(note.time), note.text) for note in case.notes],
        acknowledged_ms=None if case.acknowledged is None else _ms(case.acknowledged),
        resolved_ms=None if case.resolved is None else _ms(case.resolved),
        escalated=case.escalated,
        breaches=list(case.breaches),
        version=case.version,
    )


def _told(alert: Alert, case_id: str) -> Told:
    users = [alert.user_id] if alert.user_id is not None else [] if alert.users is UNSET else alert.users
    return Told(
        alert.alert_id,
        alert.rule_id,
        alert.title,
        attack_of(alert.kind, alert.attack),
        _source(alert.source),
        SEVERITIES.index(alert.severity),
        alert.count,
        users[0] if len(users) == 1 else "",
        list(dict.fromkeys((alert.event_id, *alert.event_ids))) if len(users) == 1 else [],
        case_id,
        _ms(alert.detected_at),
    )


def _source(source: Source | UnsetType) -> SourceKey:
    return None if source is UNSET else (source.type, source.id)


def _ms(time: str) -> int:
    return to_ms(datetime.fromisoformat(time))
