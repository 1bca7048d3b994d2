"""A user's life as a list: what they did, what was decided, what people did about it, newest first."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import UNSET

from argus.api.lately import Past
from argus.store.reads import UserOverview
from core.clock import rfc3339
from core.events import Action, Locate, Rejected, read, to_action
from core.records import Alert, Decision, Feedback, Lock, Outcome

STEPS_MAX: Final = 80
LOCKED: Final = {"locked": "Locked", "challenged": "Challenged", "unlocked": "Unlocked"}


class Step(NamedTuple):
    """tone: `bad`, `warn`, `good`, or nothing; alert_id: which one it leads to."""

    time: str
    kind: Literal["event", "alert", "decision", "lock", "outcome", "label"]
    title: str
    text: str
    tone: str = ""
    alert_id: str | None = None


def actions_of(past: Iterable[Past], locate: Locate) -> list[Action]:
    """Events as detection sees them; what cannot be read, or is under the key of another user, is left out."""
    found = []
    for one in past:
        try:
            action = to_action(read(one.raw), now_ms=None, locate=locate)
        except Rejected:
            continue
        if action.user_id.encode() == one.user_id:
            found.append(action)
    return found


def steps(overview: UserOverview | None, actions: list[Action]) -> list[Step]:
    """The newest `STEPS_MAX`. An event that is at hand has its decision beside it."""
    found: list[Step] = []
    decided: dict[str, Decision] = {}
    if overview is not None:
        decided = {decision.event_id: decision for decision in overview.decisions}
        found += map(_alert, [*overview.alerts, *overview.shadow])
        found += map(_lock, overview.locks)
        found += map(_outcome, overview.outcomes)
        found += map(_label, overview.feedback)
    found += [_event(action, decided.pop(action.event_id, None)) for action in actions]
    found += [_decision(decision) for decision in decided.values()]
    found.sort(key=lambda step: datetime.fromisoformat(step.time), reverse=True)
    return found[:STEPS_MAX]


def _event(action: Action, decision: Decision | None) -> Step:
    told = [f"{action.amount:,.2f} {action.currency or ''}".strip() if action.amount is not None else ""]
    told += [action.merchant_id or "", action.path or "", action.country or "", action.ip or ""]
    told += [f"device {action.device_id}" if action.device_id else ""]
    if decision is not None:
        told.append(f"{decision.decision}, risk {decision.risk_score:.0f}")
    title = action.type.replace("_", " ").capitalize() + (" failed" if action.failed else "")
    tone = "bad" if decision is not None and decision.decision == "block" else "warn" if action.failed else ""
    return Step(rfc3339(action.time_ms), "event", title, " · ".join(part for part in told if part), tone)


def _decision(decision: Decision) -> Step:
    rules = ", ".join(decision.rules)
    text = f"risk {decision.risk_score:.0f}" + (f" by {rules}" if rules else "")
    tone = {"block": "bad", "challenge": "warn"}.get(decision.decision, "")
    what = "" if decision.type is UNSET else decision.type.replace("_", " ").capitalize() + ": "
    if decision.amount is not UNSET:
        text = f"{decision.amount:,.2f} {'' if decision.currency is UNSET else decision.currency} · {text}"
    return Step(decision.time, "decision", what + decision.decision, text, tone)


def _alert(alert: Alert) -> Step:
    tone = {"CRITICAL": "bad", "HIGH": "bad", "MEDIUM": "warn"}.get(alert.severity, "")
    shadow = " (shadow)" if alert.mode == "shadow" else ""
    title = f"{alert.severity.capitalize()} alert{shadow}: {alert.title}"
    return Step(alert.time, "alert", title, alert.summary, tone, alert.alert_id)


def _lock(lock: Lock) -> Step:
    tone = {"locked": "bad", "challenged": "warn", "unlocked": "good"}[lock.state]
    return Step(lock.since, "lock", f"{LOCKED[lock.state]} by {lock.by}", lock.reason, tone, lock.alert_id)


def _outcome(outcome: Outcome) -> Step:
    refused = outcome.status == "refused"
    return Step(outcome.time, "outcome", "Refused" if refused else "Done", outcome.reason, "warn" if refused else "")


def _label(label: Feedback) -> Step:
    time = rfc3339(label.time) if isinstance(label.time, int) else label.time.isoformat()
    tone = "bad" if label.label == "fraud" else "good"
    return Step(time, "label", f"Labelled {label.label}", f"event {label.event_id}, by {label.source}", tone)
