"""What is kept of a subject's cases: the subject is a user, or a source key such as "ip:1.2.3.4".

A subject has at most one open case for each attack, so there are never more than `len(ATTACKS)` of a user and as many
of a source by the same name. Alerts, notes and answered commands are bounded, and so is the encoded state.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

from msgspec import UNSET, Struct, field

from core.clock import rfc3339
from core.records import SEVERITIES, Breach, Case, Kind, Note, Source

VERSION: Final = 1
MEDIUM, HIGH, CRITICAL = 1, 2, 3

ALERTS_MAX: Final = 100
EVENTS_PER_ALERT_MAX: Final = 20
EVENT_CHARS_MAX: Final = 24_576
RULES_MAX: Final = 20
TITLE_CHARS_MAX: Final = 200
NOTES_MAX: Final = 20
NOTE_CHARS_MAX: Final = 500
RESOLVED_MAX: Final = 8
ANSWERS_MAX: Final = 32
DISPUTES_MAX: Final = 8

PRIORITY_MAX: Final = 100
_PRIORITY_OF_SEVERITY: Final = 20
_PRIORITY_OF_ESCALATION: Final = 10
_PRIORITY_OF_DISPUTE: Final = 5
_PRIORITY_OF_MISSED: Final = 5
_PRIORITY_OF_ALERTS_MAX: Final = 5

TAKEOVER: Final = "takeover"
COMPLIANCE: Final = "compliance"
# What belongs together in one investigation, by MITRE ATT&CK and OWASP ids (a sub-technique goes with its technique).
# A takeover is told by many rules, from the guessed password to the money that leaves: it is one case.
_OF_TECHNIQUE: Final = {
    "T1078": TAKEOVER,
    "T1098": TAKEOVER,
    "T1110": TAKEOVER,
    "T1539": TAKEOVER,
    "T1550": TAKEOVER,
    "T1621": TAKEOVER,
    "OAT-007": TAKEOVER,
    "OAT-008": TAKEOVER,
    "OAT-012": TAKEOVER,
    "OAT-001": "card_testing",
    "OAT-010": "card_testing",
    "OAT-019": "fake_accounts",
    "T1657": "money_mule",
    "OAT-011": "probing",
    "T1595": "probing",
}
_OF_KIND: Final[dict[Kind, str]] = {
    "COMPLIANCE": COMPLIANCE,
    "INVENTORY": "inventory",
    "SYSTEM": "system",
}
KIND_OF_ATTACK: Final[dict[str, Kind]] = {attack: kind for kind, attack in _OF_KIND.items()}
ATTACKS: Final = tuple(dict.fromkeys([*_OF_TECHNIQUE.values(), *_OF_KIND.values()]))

SourceKey = tuple[str, str] | None
Status = Literal["open", "acknowledged", "investigating", "resolved"]
Resolution = Literal["confirmed_fraud", "false_positive", "inconclusive"]


class Told(Struct, array_like=True):
    """An alert of the subject. source: as in the record; user_id: whose events these are, empty where they are
    several users'; event_ids: the first one tipped it; case_id: of its newest case, empty if it has none; at_ms: when
    it was last heard of."""

    alert_id: str
    rule_id: str
    title: str
    attack: str
    source: SourceKey
    severity: int
    count: int
    user_id: str
    event_ids: list[str]
    case_id: str = ""
    at_ms: int = 0


class CaseFacts(Struct, array_like=True):
    """A case. *_near_ms: when most of the time until the deadline is used up."""

    case_id: str
    attack: str
    title: str
    source: SourceKey
    alert_ids: list[str]
    rules: list[str]
    severity: int
    opened_ms: int
    acknowledge_near_ms: int
    acknowledge_by_ms: int
    resolve_near_ms: int
    resolve_by_ms: int
    priority: int = 0
    status: Status = "open"
    resolution: Resolution | None = None
    assignee: str | None = None
    notes: list[tuple[str, int, str]] = field(default_factory=list)
    acknowledged_ms: int | None = None
    resolved_ms: int | None = None
    escalated: bool = False
    disputed: bool = False
    breaches: list[Breach] = field(default_factory=list)
    version: int = 0


class Answered(Struct, array_like=True, frozen=True, gc=False):
    """A command that has been dealt with. key: 8 bytes of its id's digest; status: empty where others answer it."""

    key: bytes
    status: Literal["done", "refused", ""]
    reason: str
    time_ms: int


class CaseState(Struct, array_like=True):
    """One subject's cases. last_ms: its newest alert or command; timer_ms: when it asked to be looked at, 0 if it did
    not; disputes: alert id to (command id, time_ms) of disputes that came before their alert."""

    version: int = VERSION
    subject: str = ""
    last_ms: int = 0
    timer_ms: int = 0
    cases: dict[str, CaseFacts] = field(default_factory=dict)
    alerts: dict[str, Told] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)
    disputes: dict[str, tuple[str, int]] = field(default_factory=dict)

    def open_cases(self) -> list[CaseFacts]:
        return [case for case in self.cases.values() if case.status != "resolved"]


def attack_of(kind: Kind, techniques: Sequence[str]) -> str:
    """The attack that an alert is a part of."""
    if kind in _OF_KIND:
        return _OF_KIND[kind]
    known = (_OF_TECHNIQUE.get(technique.partition(".")[0]) for technique in techniques)
    return next((attack for attack in known if attack is not None), TAKEOVER)


def case_id_of(alert_id: str, again: str = "") -> str:
    """32 hex digits. again: what tells a second case of the same first alert from its first."""
    return digest_of("case", alert_id, again)


def digest_of(*parts: str) -> str:
    """32 hex digits of some texts."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def priority_of(case: CaseFacts) -> int:
    """1 to 100, the higher the sooner: its severity first, then what people said, then what was missed."""
    missed = "acknowledge_missed" in case.breaches or "resolve_missed" in case.breaches
    return min(
        PRIORITY_MAX,
        _PRIORITY_OF_SEVERITY * (case.severity + 1)
        + _PRIORITY_OF_ESCALATION * case.escalated
        + _PRIORITY_OF_DISPUTE * case.disputed
        + _PRIORITY_OF_MISSED * missed
        + min(_PRIORITY_OF_ALERTS_MAX, len(case.alert_ids) - 1),
    )


def changed(state: CaseState, case: CaseFacts) -> Case:
    """The record of a case that has changed, by which it gets its next version."""
    case.priority = max(case.priority, priority_of(case))
    case.version += 1
    return Case(
        case_id=case.case_id,
        user_id=state.subject if case.source is None else None,
        alert_ids=list(case.alert_ids),
        severity=SEVERITIES[case.severity],
        priority=case.priority,
        status=case.status,
        resolution=case.resolution,
        assignee=case.assignee,
        notes=[Note(by, rfc3339(time_ms), text) for by, time_ms, text in case.notes],
        opened=rfc3339(case.opened_ms),
        acknowledge_by=rfc3339(case.acknowledge_by_ms),
        resolve_by=rfc3339(case.resolve_by_ms),
        acknowledged=_text(case.acknowledged_ms),
        resolved=_text(case.resolved_ms),
        version=case.version,
        attack=case.attack,
        title=case.title,
        rules=list(case.rules),
        escalated=case.escalated,
        breaches=list(case.breaches),
        source=UNSET if case.source is None else Source(*case.source),  # type: ignore[arg-type]
    )


def _text(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)
