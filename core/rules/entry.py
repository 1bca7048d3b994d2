"""What a rule is: one declarative entry, with the examples that prove it.

A rule's `check` sees one event, the user's state (or the source's) with that event already in it, and what was
notable about the event when it was placed (`seen`). It answers a `Hit`, None for clear, or NOT_ENOUGH when the
history that it needs is not there yet.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final, Literal

from msgspec import Struct

from core.records import EventType, Kind, SourceType
from core.rules.unless import Unless


class Severity(IntEnum):
    """LOW informs, MEDIUM waits for an analyst, HIGH challenges, CRITICAL locks and pages."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


class Hit(Struct, frozen=True, gc=False):
    """A rule's yes. text: one sentence with the figures that tipped it; dedup: what its repeats have in common
    besides the rule and the subject (often empty); unless: what would have kept it quiet, None if that isn't told."""

    severity: Severity
    text: str
    dedup: str = ""
    unless: Unless | None = None


class NotEnough(Struct, frozen=True):
    """The answer of a rule that has not seen enough of a user to say anything."""


NOT_ENOUGH: Final = NotEnough()
Answer = Hit | NotEnough | None
Thresholds = Mapping[str, float]


class Example(Struct, frozen=True, kw_only=True):
    """A story and whether it must fire. events: contract events as dicts in order of arrival, where `at` (seconds
    after 2026-03-02T09:00:00Z, a Monday) stands for `time`, and `event_id` and `user_id` ("u1") may be left out.
    feedback: contract feedback with `at` likewise. reputation: source key to `core.sources.Reputation` fields that
    are known before the story begins. scores: what every model answers; risk_score: of every event."""

    name: str
    events: tuple[dict[str, Any], ...]
    hit: bool
    severity: Severity | None = None
    feedback: tuple[dict[str, Any], ...] = ()
    reputation: Mapping[str, Mapping[str, Any]] | None = None
    scores: Mapping[str, float] | None = None
    risk_score: float = 0.0


class Rule(Struct, frozen=True, kw_only=True):
    """One entry of the rule book.

    types: the event types that wake it (for scope "source": the kinds of signal, see `core.signal`).
    inputs: what it reads besides the subject's own events; a rule with none fires the same in a replay and a stream.
    thresholds: name to default; each is a setting `rule_<id>_<name>`. Names carry their unit.
    period_s: repeats of one dedup key within it are one alert.
    weight: 0..1, what a hit of the rule's own severity adds to the risk when it stands alone; 0 if it reads the risk.
    attack: MITRE ATT&CK or OWASP automated-threat ids. default_source: who else uses these defaults, or "own".
    """

    id: str
    title: str
    kind: Kind
    severity: Severity
    scope: Literal["user", "source"]
    types: tuple[str, ...]
    check: Callable[..., Answer]
    thresholds: Thresholds
    period_s: int
    weight: float
    attack: tuple[str, ...]
    suggest: tuple[str, ...]
    words: str
    default_source: str
    gaps: str
    examples: tuple[Example, ...]
    inputs: tuple[Literal["reputation", "model", "risk"], ...] = ()
    sources: tuple[SourceType | Literal["all"], ...] = ()


def adds_up(rule: Rule, hit: Hit) -> bool:
    """Whether a hit counts for rules that add up what others say. What a rule itself found so much less of than it is
    about that it only informs has been explained."""
    return hit.severity > Severity.LOW or rule.severity == Severity.LOW


def event(type_: EventType, at: float, **fields: Any) -> dict[str, Any]:
    """An event of an example story; see `Example.events`."""
    return {"type": type_, "at": at, **fields}


def shopping(count: int, amount: float = 40.0, **fields: Any) -> tuple[dict[str, Any], ...]:
    """A payment a day in an example story, of about one amount, from one place."""
    place = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE", **fields}
    return tuple(
        event("transaction", n * 86_400, amount=amount + n % 3, currency="EUR", merchant_id="m1", **place)
        for n in range(count)
    )
