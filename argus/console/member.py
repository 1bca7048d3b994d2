"""The member's own page: how the account is, what happened, what was not them, and unlocking it.

Everything is about `caller.user`: no address of these pages names an account.
"""

import asyncio
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from aiohttp import web
from msgspec import UNSET, Struct

from argus.api import alerts as api_alerts
from argus.api import users
from argus.api.alerts import Dispute
from argus.api.users import Code, health_of, in_force, newest_lock
from argus.console import member_words as words
from argus.console.flash import Flash
from argus.console.page import Page, Visit
from argus.console.steps import actions_of
from argus.console.user import LOCATE
from argus.store import reads
from argus.store.reads import UserOverview
from core import otp
from core.clock import rfc3339, to_ms
from core.events import Action
from core.health import Health
from core.outcomes import Answer, Answered
from core.records import Alert, Command, Decision, Feedback, Outcome
from core.rules.entry import Severity

EVENTS_SHOWN: Final = 30
TOLD_SHOWN: Final = 20
# What was answered is in the database, and what follows from it on another topic, a moment later.
SHOWN_WITHIN_S: Final = 2.0
AGAIN_S: Final = 0.1
_CODE: Final = re.compile(r"[0-9]{6}")
_WRONG: Final = re.compile(r"tries left: (\d+)")


class Noticed(Struct, frozen=True):
    """One alert as the member sees it."""

    alert_id: str
    time: str
    said: str
    details: str
    disputed: bool


class Did(Struct, frozen=True):
    """One event. held: `challenge` or `block` where it was held up."""

    time_ms: int
    said: str
    failed: bool
    details: str
    held: str


class Pass(Struct, frozen=True):
    """The one-time code on its way. tries: left; expires: when it is worth nothing any more."""

    tries: int
    expires: str
    expires_ms: int


class Told(Struct, frozen=True):
    """Something that the member was told."""

    time: str
    text: str


async def shown(visit: Visit) -> web.StreamResponse:
    services, user_id, now_ms = visit.services, visit.caller.user, visit.services.now_ms()
    async with services.store.reading() as connection:
        known = await reads.user(connection, user_id)
    lock = newest_lock(services, user_id, known.lock if known is not None else None)
    raised = _raised(known, user_id) if known is not None else []
    health = health_of(lock, raised, now_ms) if known is not None or lock is not None else Health(100, [], [])
    outcomes = _outcomes(visit, known)
    state = in_force(lock, now_ms) if lock is not None else None
    past = await services.lately.of_user(user_id, EVENTS_SHOWN)
    return visit.render(
        "member.html",
        health=health,
        reasons=words.reasons_of(health),
        suggestions=words.suggestions_of(health),
        lock=state,
        held_up=words.held_up(state),
        may_unlock=state is not None and state.state != "unlocked" and state.by != "admin",
        code=code_under_way(outcomes, now_ms),
        tries=otp.TRIES,
        noticed=_noticed(raised, known.feedback if known is not None else []),
        events=_events(actions_of(past or (), visit.request.app[LOCATE]), visit, known),
        events_there=past is not None,
        told=_told(known, outcomes),
    )


async def code_asked(visit: Visit) -> web.StreamResponse:
    flash = await visit.ask(users.otp, user_id=visit.caller.user)
    return visit.back("/me#unlock", flash)


async def code_given(visit: Visit) -> web.StreamResponse:
    code = visit.field("code").replace(" ", "")
    if not _CODE.fullmatch(code):
        return visit.back("/me#unlock", Flash("bad", "A code has six digits. No try was counted."))
    flash = await visit.ask(users.verify, Code(code), user_id=visit.caller.user)
    if flash.text == UNLOCKED:
        flash = Flash("good", "Your account is unlocked.")
        locks = visit.services.locks
        await locks.wait(visit.caller.user, SHOWN_WITHIN_S, lambda lock: lock.state == "unlocked")
    return visit.back("/me#unlock", flash)


async def disputed(visit: Visit) -> web.StreamResponse:
    """The API's handler finds whether the alert concerns the member, and says that there is none if it does not."""
    note = visit.field("note")[:2_000] or None
    flash = await visit.ask(api_alerts.dispute, Dispute(note=note))
    if flash.kind == "good":
        await _until_noted(visit)
        flash = Flash("good", "Thank you. We have noted that this was not you, and locked your account for now.")
    return visit.back("/me", flash)


async def _until_noted(visit: Visit) -> None:
    """Until the database has the label of a dispute, or for a while: the next page is to show it."""
    services, alert_id = visit.services, visit.path["alert_id"]
    until = services.seconds() + SHOWN_WITHIN_S
    while services.seconds() < until:
        async with services.store.reading() as connection:
            known = await reads.user(connection, visit.caller.user)
        if known is None or any(
            one.disputed
            for one in _noticed(_raised(known, visit.caller.user), known.feedback)
            if one.alert_id == alert_id
        ):
            return
        await asyncio.sleep(AGAIN_S)


def code_under_way(outcomes: Iterable[Outcome], now_ms: int) -> Pass | None:
    """The newest code that can still be entered. outcomes: of the member's commands, the newest first."""
    wrong = 0
    for outcome in outcomes:
        if outcome.reason == SENT:
            sent_ms = _ms(outcome.time)
            tries = otp.TRIES - wrong
            if now_ms >= sent_ms + otp.VALID_MS or tries <= 0:
                return None
            return Pass(tries, rfc3339(sent_ms + otp.VALID_MS), sent_ms + otp.VALID_MS)
        if outcome.reason in (UNLOCKED, CONFIRMED, VOID, *OVER):
            return None
        wrong += _WRONG.search(outcome.reason) is not None
    return None


def _said(answer: Answer) -> str:
    command = Command(command_id="c", type="otp_request", user_id="u", by="u", role="member", time=0)
    return Answered(answer, 0, 0).outcome(command).reason


SENT: Final = _said(Answer.CODE_SENT)
UNLOCKED: Final = _said(Answer.UNLOCKED)
CONFIRMED: Final = _said(Answer.CONFIRMED)
VOID: Final = _said(Answer.CODE_VOID)
OVER: Final = (_said(Answer.CODE_EXPIRED), _said(Answer.ADMIN_LOCK))


def _raised(known: UserOverview, user_id: str) -> list[Alert]:
    """What the member is shown."""
    return [alert for alert in known.alerts if api_alerts.concerns(alert, user_id)]


def _noticed(raised: list[Alert], labels: list[Feedback]) -> list[Noticed]:
    """One for each event, by its worst alert, in the order in which they come."""
    worst: dict[str, Alert] = {}
    for alert in raised:
        there = worst.get(alert.event_id)
        if there is None or Severity[alert.severity] > Severity[there.severity]:
            worst[alert.event_id] = alert
    noted = {label.event_id for label in labels if label.source == "dispute"}
    return [
        Noticed(
            alert.alert_id,
            alert.time,
            words.said_of(alert),
            words.details_of(alert),
            bool(noted & {alert.event_id, *alert.event_ids}),
        )
        for alert in worst.values()
    ]


def _events(actions: list[Action], visit: Visit, known: UserOverview | None) -> list[Did]:
    """The newest events, and what the database has of those before."""
    decided = {one.event_id: one for one in (known.decisions if known is not None else [])}
    for one in visit.services.decided.of_user(visit.caller.user, [one.event_id for one in actions]):
        decided[one.event_id] = one
    found: dict[str, Did] = {}
    for action in actions:
        found.setdefault(action.event_id, _did(action, decided.get(action.event_id)))
    for event_id, decision in decided.items():
        if event_id not in found and decision.type is not UNSET:
            found[event_id] = Did(
                _ms(decision.time),
                words.DOES.get(decision.type, decision.type),
                decision.outcome == "failure",
                _sum(decision.amount or None, decision.currency or None),
                _held(decision),
            )
    return sorted(found.values(), key=lambda one: -one.time_ms)[:EVENTS_SHOWN]


def _did(action: Action, decision: Decision | None) -> Did:
    parts = [_sum(action.amount, action.currency), f"from {action.country}" if action.country else ""]
    said = words.DOES.get(action.type, action.type)
    return Did(action.time_ms, said, action.failed, ", ".join(filter(None, parts)), _held(decision))


def _held(decision: Decision | None) -> str:
    return decision.decision if decision is not None and decision.decision != "approve" else ""


def _sum(amount: float | None, currency: str | None) -> str:
    return "" if amount is None else f"{amount:,.2f} {currency or ''}".strip()


def _outcomes(visit: Visit, known: UserOverview | None) -> list[Outcome]:
    """Of the member's commands, the newest first; the database is a moment behind what was told."""
    user_id = visit.caller.user
    told = {one.command_id: one for one in (known.outcomes if known is not None else [])}
    told |= {one.command_id: one for one in visit.services.outcomes.matching(lambda one: one.user_id == user_id)}
    return sorted(told.values(), key=lambda one: one.time, reverse=True)


def _told(known: UserOverview | None, outcomes: list[Outcome]) -> list[Told]:
    """What the member was told lately: each change of the lock, and each code."""
    told = [Told(lock.since, words.change_told(lock)) for lock in (known.locks if known is not None else [])]
    codes = (outcome for outcome in outcomes if outcome.reason == SENT)
    told += [Told(outcome.time, "A one-time code was sent to you") for outcome in codes]
    return sorted(told, key=lambda one: one.time, reverse=True)[:TOLD_SHOWN]


def _ms(time: str) -> int:
    return to_ms(datetime.fromisoformat(time))


PAGES: Final = (
    Page(path="/me", roles=("member",), handler=shown, menu="My account"),
    Page(path="/me/code", roles=("member",), handler=code_asked, method="POST"),
    Page(path="/me/unlock", roles=("member",), handler=code_given, method="POST"),
    Page(path="/me/alerts/{alert_id}/dispute", roles=("member",), handler=disputed, method="POST"),
)
