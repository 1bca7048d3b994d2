"""The records of the public contract: what comes in, what goes out, and their shapes on the wire.

Structs are decoded and encoded by msgspec. Times that come in are RFC 3339 text or integer milliseconds since the
epoch and are held as milliseconds; times that go out are RFC 3339 text in UTC with milliseconds (`core.clock`).
Unknown fields are ignored. A field left out and a field set to null mean the same.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

SCHEMA_VERSION = 1
ID_MAX_CHARS = 128
TEXT_MAX_CHARS = 2_048
NUMBER_MAX = 1e15
RECORD_MAX_BYTES = 64 * 1024

Id = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]
Text = Annotated[str, Meta(max_length=TEXT_MAX_CHARS)]
Time = Annotated[datetime, Meta(tz=True)] | int
Amount = Annotated[float, Meta(ge=0, le=NUMBER_MAX)]
Scalar = str | float | int | bool | None

EventType = Literal[
    "signup",
    "login",
    "logout",
    "otp",
    "mfa_change",
    "password_change",
    "profile_change",
    "page_view",
    "transaction",
    "payout",
    "deposit",
]
EVENT_TYPES: tuple[str, ...] = EventType.__args__  # type: ignore[attr-defined]
Kind = Literal["TRANSACTION", "SECURITY", "COMPLIANCE", "INVENTORY", "SYSTEM"]
SeverityName = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
SEVERITIES: tuple[SeverityName, ...] = SeverityName.__args__  # type: ignore[attr-defined]
SourceType = Literal["ip", "device", "merchant", "network"]
# The network that all addresses are in, for an alert about no single one of them.
EVERYWHERE = "0.0.0.0/0"
Verdict = Literal["approve", "challenge", "block"]
LockState = Literal["locked", "challenged", "unlocked"]
Label = Literal["fraud", "legit"]
Breach = Literal["acknowledge_near", "acknowledge_missed", "resolve_near", "resolve_missed"]


class Event(Struct, kw_only=True):
    """What a user did. `core.events.decode_action` is the one way in: it makes an `Action`, with country and
    place filled in."""

    event_id: Id
    type: EventType
    user_id: Id
    time: Time
    outcome: Literal["success", "failure"] | None = None
    ip: Text | None = None
    device_id: Text | None = None
    session_id: Text | None = None
    user_agent: Text | None = None
    country: Text | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    amount: Amount | None = None
    currency: Text | None = None
    merchant_id: Text | None = None
    card_id: Text | None = None
    payee_id: Text | None = None
    path: Text | None = None
    attributes: dict[Text, Scalar] | None = None


class Feedback(Struct, kw_only=True):
    """A label: what an event turned out to be, said by a person or a process some time later."""

    feedback_id: Id
    event_id: Id
    user_id: Id
    label: Label
    source: Literal["dispute", "analyst", "chargeback", "otp"]
    time: Time


class Command(Struct, kw_only=True):
    """What a person asks Argus to do. Idempotent by `command_id`."""

    command_id: Id
    type: Literal[
        "lock",
        "unlock",
        "otp_request",
        "otp_verify",
        "dispute",
        "acknowledge",
        "assign",
        "resolve",
        "false_positive",
        "escalate",
    ]
    user_id: Id
    by: Id
    role: Literal["service", "member", "analyst", "admin"]
    time: Time
    alert_id: Id | None = None
    case_id: Id | None = None
    otp_hash: Text | None = None
    scope: list[EventType] | None = None
    until: Time | None = None
    assignee: Id | None = None
    resolution: Literal["confirmed_fraud", "false_positive", "inconclusive"] | None = None
    reason: Text | None = None


class Outcome(Struct, kw_only=True):
    """The answer to a command."""

    command_id: str
    user_id: str
    status: Literal["done", "refused"]
    reason: str
    time: str


class Delivery(Struct, kw_only=True):
    """A one-time password to hand over. The code itself is in no record: whoever has the secret derives it
    (`core.otp.code`) from the user and the command that asked for it."""

    command_id: str
    user_id: str
    expires: str


class Decision(Struct, kw_only=True):
    """What was decided about one event: exactly one per `event_id`. type, outcome, amount, currency: of the event;
    outcome is told where it is a failure, the others where the event has them."""

    event_id: str
    user_id: str
    time: str
    risk_score: float
    decision: Verdict
    scores: dict[str, float]
    rules: list[str]
    type: EventType | UnsetType = UNSET
    outcome: Literal["success", "failure"] | UnsetType = UNSET
    amount: float | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class Reason(Struct, frozen=True):
    """One rule's part in an alert. weight: 0..1, its share of the risk when it stands alone."""

    rule_id: str
    weight: float
    text: str


class Source(Struct, frozen=True):
    """What several users have in common, for an alert that is about no single one of them."""

    type: SourceType
    id: str


class Travel(Struct, frozen=True):
    """How the event came to its place from the last one. country, lat, lon: of the last one, as far as they are
    known; kilometres: by the great circle, or between the borders where only countries are known."""

    kilometres: float
    seconds: float
    country: str | None
    lat: float | None
    lon: float | None


class Counterfactual(Struct, frozen=True):
    """What would have kept an alert from firing, all else the same. text: a sentence without its full stop; what,
    value, limit: of the figure that it is about, if it is about one: what it is, as it was, and where the rule falls
    quiet."""

    text: str
    what: str | UnsetType = UNSET
    value: float | UnsetType = UNSET
    limit: float | UnsetType = UNSET


class Alert(Struct, kw_only=True):
    """An alert, or with `count` above 1 an update of it. The latest `count` of an `alert_id` stands.

    A user alert has `user_id`; a source alert has it null and carries `source` and `users` (up to 100).
    """

    alert_id: str
    schema_version: int
    user_id: str | None
    event_id: str
    event_ids: list[str]
    rule_id: str
    kind: Kind
    severity: SeverityName
    risk_score: float
    title: str
    summary: str
    reasons: list[Reason]
    suggested_actions: list[str]
    context: dict[str, str | float]
    scores: dict[str, float]
    contributions: dict[str, float]
    attack: list[str]
    time: str
    detected_at: str
    dedup_key: str
    count: int
    mode: Literal["live", "shadow"]
    source: Source | UnsetType = UNSET
    users: list[str] | UnsetType = UNSET
    travel: Travel | UnsetType = UNSET
    counterfactual: Counterfactual | UnsetType = UNSET


class Lock(Struct, kw_only=True):
    """A user's current lock. `version` grows by one with each change for that user; the highest stands."""

    user_id: str
    state: LockState
    scope: list[str]
    reason: str
    alert_id: str | None
    since: str
    until: str | None
    by: Literal["rule", "admin", "otp", "expiry"]
    version: int


class Note(Struct, frozen=True):
    """A remark on a case."""

    by: str
    time: str
    text: str


class Case(Struct, kw_only=True):
    """A case that an analyst works: alerts of one user (or source) and attack, with its deadlines.

    priority: 1..100; like severity it only rises. rules: of its alerts, the first one first. breaches: what was told
    of its deadlines, when most of the time had gone (near) and when all of it had (missed).
    """

    case_id: str
    user_id: str | None
    alert_ids: list[str]
    severity: SeverityName
    priority: int
    status: Literal["open", "acknowledged", "investigating", "resolved"]
    resolution: Literal["confirmed_fraud", "false_positive", "inconclusive"] | None
    assignee: str | None
    notes: list[Note]
    opened: str
    acknowledge_by: str
    resolve_by: str
    acknowledged: str | None
    resolved: str | None
    version: int
    attack: str = ""
    title: str = ""
    rules: list[str] = []
    escalated: bool = False
    breaches: list[Breach] = []
    source: Source | UnsetType = UNSET


class AuditRecord(Struct, kw_only=True):
    """One link of a partition's audit chain. `hash` covers `previous` and every other field but `signature` in
    canonical JSON; `signature` covers `hash`."""

    partition: int
    sequence: int
    previous: str
    hash: str
    signature: str
    subject: str
    action: str
    by: str
    reason: str
    time: str
    recorded: str
    details: dict[str, Scalar]


class RejectedHeaders(Struct, kw_only=True):
    """Headers of a record on the rejected topic; its value is the untouched bytes that came in."""

    error: str
    reason: str
    topic: str
    partition: int
    offset: int


class RuleDefinition(Struct, kw_only=True, forbid_unknown_fields=True):
    """A user-defined rule as it travels on the rules topic; `core.rules.custom` gives its parts a meaning."""

    rule_id: Id
    text: Annotated[str, Meta(max_length=16_384)]


encode = msgspec.json.Encoder().encode
