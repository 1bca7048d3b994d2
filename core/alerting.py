"""From hits to alerts without a storm: hits are gathered into groups (`core.grouping`), and a group is one alert."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from core.clock import rfc3339
from core.events import Action
from core.grouping import FED, SHADOW, Alerting, Group, Placed, alert_id, place
from core.records import EVERYWHERE, SCHEMA_VERSION, SEVERITIES, Alert, Counterfactual, Reason, Source, Travel
from core.rules.entry import Hit
from core.rules.unless import counterfactual

__all__ = ["FED", "SHADOW", "USERS_MAX", "Alerting", "Group", "Placed", "alert", "alert_id", "context_of", "place"]

USERS_MAX: Final = 100
_SOURCE_NAMES: Final = {"ip": "Address", "network": "Network", "device": "Device", "merchant": "Merchant"}


def context_of(action: Action) -> dict[str, str | float]:
    """The event's circumstances, as far as they are known."""
    known: dict[str, str | float | None] = {
        "session_id": action.session_id,
        "device_id": action.device_id,
        "ip": action.ip,
        "country": action.country,
        "lat": action.lat,
        "lon": action.lon,
        "amount": action.amount,
        "currency": action.currency,
        "merchant_id": action.merchant_id,
        "card_id": action.card_id,
        "payee_id": action.payee_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def alert(
    rule: Alerting,
    placed: Placed,
    hit: Hit,
    *,
    user_id: str | None,
    event_id: str,
    time_ms: int,
    detected_ms: int,
    risk_score: float,
    reasons: list[Reason],
    context: dict[str, str | float],
    scores: Mapping[str, float],
    contributions: dict[str, float],
    source: Source | UnsetType = UNSET,
    users: Sequence[str] | UnsetType = UNSET,
    travel: Travel | UnsetType = UNSET,
    instead: Counterfactual | UnsetType = UNSET,
) -> Alert:
    """The record of a group, as it stands after this hit. detected_ms: the clock that the caller goes by; instead:
    what would have kept the rule quiet, where the hit itself does not say."""
    group = placed.group
    about = f"User {user_id}" if source is UNSET else _source_text(source)
    repeats = f" ({group.count} events since {rfc3339(group.first_ms)})" if group.count > 1 else ""
    return Alert(
        alert_id=group.id.hex(),
        schema_version=SCHEMA_VERSION,
        user_id=user_id,
        event_id=event_id,
        event_ids=list(placed.event_ids),
        rule_id=rule.id,
        kind=rule.kind,
        severity=SEVERITIES[group.severity],
        risk_score=round(risk_score, 2),
        title=rule.title,
        summary=f"{about}: {hit.text.rstrip('.')}{repeats}.",
        reasons=reasons,
        suggested_actions=list(rule.suggest),
        context=context,
        scores=dict(scores),
        contributions=contributions,
        attack=list(rule.attack),
        time=rfc3339(time_ms),
        detected_at=rfc3339(detected_ms),
        dedup_key=placed.dedup_key,
        count=group.count,
        mode="shadow" if group.flags & SHADOW else "live",
        source=source,
        users=users if users is UNSET else list(users)[:USERS_MAX],
        travel=travel,
        counterfactual=instead if hit.unless is None else counterfactual(hit.unless),
    )


def _source_text(source: Source) -> str:
    return "All sources" if source.id == EVERYWHERE else f"{_SOURCE_NAMES[source.type]} {source.id}"
