"""Users: what is known of one, the lock, and one-time passwords."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from argus.api.alerts import NoteText, When, concerns, for_member, when_ms
from argus.api.commands import ask, replied
from argus.api.problems import not_found
from argus.api.route import Call, Reply
from argus.api.services import Services
from argus.store import reads
from argus.store.reads import UserOverview
from core import health as accounts_health
from core.clock import rfc3339, to_ms
from core.grouping import SHADOW, Group
from core.health import Health
from core.otp import otp_hash
from core.records import Alert, Case, Decision, EventType, Lock
from core.respond import lock_at
from core.restored import user_state
from core.rules.entry import Severity
from core.state import UserState

PLACES_MAX: Final = 20


class UserView(Struct, frozen=True):
    """What is known of a user; lists are newest first. last_seen: to within ten minutes. health: 0 worst, 100 best.
    lock: as it is in force now, null where there never was one. devices, countries: of the alerts. cases, and the
    rules and scores of decisions: not for the member."""

    user_id: str
    first_seen: str | None
    last_seen: str | None
    decision: str | None
    risk_score: float | None
    health: Health
    lock: Lock | None
    devices: list[str]
    countries: list[str]
    alerts: list[Alert]
    decisions: list[Decision]
    cases: list[Case]


class LockRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """scope: event types, all that a lock blocks where it is left out; until: without end where it is left out."""

    scope: list[EventType] | None = None
    until: When | None = None
    reason: NoteText | None = None


class UnlockRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """reason: for the audit trail."""

    reason: NoteText | None = None


class Code(Struct, frozen=True, forbid_unknown_fields=True):
    """The six digits that were delivered."""

    code: Annotated[str, Meta(pattern="^[0-9]{6}$")]


async def one(call: Call) -> UserView:
    """A member of whom nothing is known yet has a clean page."""
    return (await known(call))[0]


async def known(call: Call) -> tuple[UserView, UserOverview | None]:
    """What the API tells of a user, and what the database has beside it. Raises a `Problem` where nothing is."""
    user_id, now_ms = call.path["user_id"], call.services.now_ms()
    async with call.services.store.reading() as connection:
        found = await reads.user(connection, user_id)
    lock = newest_lock(call.services, user_id, found.lock if found is not None else None)
    if found is None and lock is None and call.caller.role != "member":
        raise not_found("Nothing is known of such a user")
    alerts = found.alerts if found is not None else []
    decisions = found.decisions if found is not None else []
    if call.caller.role == "member":
        alerts = [for_member(alert) for alert in alerts if concerns(alert, call.path["user_id"])]
        decisions = [replace(decision, rules=[], scores={}) for decision in decisions]
    view = UserView(
        user_id=user_id,
        first_seen=_text(found.first_ms if found is not None else None),
        last_seen=_text(found.last_ms if found is not None else None),
        decision=found.decision if found is not None else None,
        risk_score=found.risk_score if found is not None else None,
        health=health_of(lock, alerts, now_ms),
        lock=None if lock is None else in_force(lock, now_ms),
        devices=_met(alerts, "device_id"),
        countries=_met(alerts, "country"),
        alerts=alerts,
        decisions=decisions,
        cases=found.cases if found is not None and call.caller.role != "member" else [],
    )
    return view, found


async def lock(call: Call) -> Reply:
    body: LockRequest = call.body or LockRequest()
    until_ms = when_ms("until", body.until)
    until = None if until_ms is None else rfc3339(until_ms)
    scope = list(body.scope) if body.scope else None
    return replied(await ask(call, "lock", call.path["user_id"], scope=scope, until=until, reason=body.reason))


async def unlock(call: Call) -> Reply:
    body: UnlockRequest = call.body or UnlockRequest()
    return replied(await ask(call, "unlock", call.path["user_id"], reason=body.reason))


async def otp(call: Call) -> Reply:
    return replied(await ask(call, "otp_request", call.path["user_id"]))


async def verify(call: Call) -> Reply:
    user_id = call.path["user_id"]
    hashed = otp_hash(call.services.otp_key, user_id, call.body.code)
    return replied(await ask(call, "otp_verify", user_id, otp_hash=hashed))


def newest_lock(services: Services, user_id: str, stored: Lock | None) -> Lock | None:
    """The newest word on a user: what was told, or what the database has, which is a moment behind."""
    told = services.locks.get(user_id)
    return told if told is not None and (stored is None or told.version > stored.version) else stored


def in_force(lock: Lock, now_ms: int) -> Lock:
    """The record, `unlocked` where its time is over."""
    state = lock_at(user_state(lock).lock, max(now_ms, _ms(lock.since)))
    return lock if state == lock.state else replace(lock, state=state)


def health_of(lock: Lock | None, alerts: list[Alert], now_ms: int) -> Health:
    """The account's health, by what the database has of it: its lock and its alerts."""
    state = UserState() if lock is None else user_state(lock)
    for alert in alerts:
        time_ms = _ms(alert.time)
        severity = Severity[alert.severity]
        flags = SHADOW if alert.mode == "shadow" else 0
        # A name of its own for each: of several alerts by one rule the worst counts.
        name = f"{alert.rule_id}:{alert.alert_id}"
        state.groups[name] = Group(b"", severity, alert.count, time_ms, time_ms, time_ms, flags, [])
        if severity is Severity.CRITICAL and alert.kind in ("SECURITY", "TRANSACTION"):
            state.alarm_ms = max(state.alarm_ms, time_ms)
    return accounts_health.health(state, now_ms)


def _met(alerts: list[Alert], name: str) -> list[str]:
    found = (str(alert.context[name]) for alert in alerts if name in alert.context)
    return list(dict.fromkeys(found))[:PLACES_MAX]


def _text(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)


def _ms(time: str) -> int:
    return to_ms(datetime.fromisoformat(time))
