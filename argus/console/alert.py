"""One alert: why, what the models saw, where, the event itself, what else there is, and what can be done."""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET

from argus.api import alerts, users
from argus.api.alerts import Remark, Resolve
from argus.api.problems import Problem
from argus.api.routes import ADMIN, STAFF
from argus.console import worldmap
from argus.console.addresses import quoted
from argus.console.casework import case_of, shown
from argus.console.clocks import clocks
from argus.console.feed import about
from argus.console.flash import Flash
from argus.console.page import Page, Visit
from argus.store import reads
from argus.store.reads import AlertFilter
from core.records import Alert, Lock

RELATED_MAX: Final = 12
# So many that a search finds are looked at.
SEARCHED_MAX: Final = 100
SHOWN_FEATURES: Final = 12
# What other alerts may have in common with this one.
SHARED: Final = ("ip", "device_id", "card_id", "payee_id")


async def one(visit: Visit) -> web.StreamResponse:
    alert = await alerts.visible(visit.call())
    case, related, event, lock = await asyncio.gather(
        case_of(visit, alert), _related(visit, alert), _event(visit, alert), _lock(visit, alert)
    )
    return visit.render(
        "alert.html",
        alert=alert,
        about=about(alert),
        case=case,
        clocks=clocks(case, visit.now()) if case else (),
        related=related,
        event=event,
        lock=lock,
        travel=None if alert.travel is UNSET else alert.travel,
        map=_map(alert),
        contributions=_most(alert.contributions),
        users=[] if alert.users is UNSET else alert.users,
        names=about,
    )


async def acknowledge(visit: Visit) -> web.StreamResponse:
    return await _work(visit, alerts.acknowledge, visit.filled(Remark, note=visit.field("note")))


async def resolve(visit: Visit) -> web.StreamResponse:
    body = visit.filled(Resolve, note=visit.field("note"), resolution=visit.field("resolution"))
    return await _work(visit, alerts.resolve, body)


async def false_positive(visit: Visit) -> web.StreamResponse:
    return await _work(visit, alerts.false_positive, visit.filled(Remark, note=visit.field("note")))


async def escalate(visit: Visit) -> web.StreamResponse:
    alert = await alerts.visible(visit.call())
    before = await case_of(visit, alert)
    return await _done(visit, alert, before, await visit.told(alerts.case_work(visit.call(), "escalate")))


async def lock(visit: Visit) -> web.StreamResponse:
    alert = await alerts.visible(visit.call())
    reason = visit.field("note") or f"{alert.title} (alert {alert.alert_id})"
    body = visit.filled(users.LockRequest, reason=reason)
    return await _hold(visit, alert, users.lock, body)


async def unlock(visit: Visit) -> web.StreamResponse:
    alert = await alerts.visible(visit.call())
    return await _hold(visit, alert, users.unlock, visit.filled(users.UnlockRequest, reason=visit.field("note")))


async def _work(visit: Visit, handler: Any, body: Any) -> web.StreamResponse:
    alert = await alerts.visible(visit.call())
    before = await case_of(visit, alert)
    return await _done(visit, alert, before, await visit.ask(handler, body))


async def _done(visit: Visit, alert: Alert, before: Any, flash: Flash) -> web.StreamResponse:
    if flash.kind == "good":
        await shown(visit, alert.alert_id, before)
    return visit.back(f"/alerts/{quoted(alert.alert_id)}", flash)


async def _hold(visit: Visit, alert: Alert, handler: Any, body: Any) -> web.StreamResponse:
    if alert.user_id is None:
        raise Problem(400, "invalid", "The alert is about no single user: lock those whose accounts are in danger")
    before = visit.services.locks.get(alert.user_id)
    flash = await visit.ask(handler, body, user_id=alert.user_id)
    if flash.kind == "good":
        await lock_shown(visit, alert.user_id, before)
    return visit.back(f"/alerts/{quoted(alert.alert_id)}", flash)


async def lock_shown(visit: Visit, user_id: str, before: Lock | None) -> None:
    """Waits a moment until a change of a lock can be shown. before: as it was known, if it was."""
    old = before.version if before is not None else 0
    await visit.services.locks.wait(user_id, 2.0, lambda told: told.version > old)


async def _lock(visit: Visit, alert: Alert) -> Lock | None:
    """As it is in force now."""
    if alert.user_id is None:
        return None
    async with visit.services.store.reading() as connection:
        stored = await reads.lock(connection, alert.user_id)
    newest = users.newest_lock(visit.services, alert.user_id, stored)
    return None if newest is None else users.in_force(newest, visit.services.now_ms())


async def _event(visit: Visit, alert: Alert) -> str | None:
    """The event that tipped it as it was sent, None where it is no longer to be had."""
    if alert.user_id is None:
        return None
    raw = await visit.services.lately.event(alert.user_id, alert.event_id)
    return None if raw is None else msgspec.json.format(raw.decode("utf-8", "replace"), indent=2)


async def _related(visit: Visit, alert: Alert) -> list[tuple[str, list[Alert]]]:
    """Other alerts, by what they have in common with this one, each once."""
    seen, found = {alert.alert_id}, []
    asked = [] if alert.user_id is None else [("user", alert.user_id)]
    asked += [(name.removesuffix("_id"), str(alert.context[name])) for name in SHARED if name in alert.context]
    if alert.source is not UNSET:
        asked.append((str(alert.source.type), alert.source.id))
    async with visit.services.store.reading() as connection:
        for what, id_ in asked:
            wanted = AlertFilter(user_id=id_) if what == "user" else AlertFilter(text=id_)
            page = await reads.alerts(connection, wanted, None, SEARCHED_MAX)
            fresh = [one for one in page.items if one.alert_id not in seen and _has(one, what, id_)][:RELATED_MAX]
            seen.update(one.alert_id for one in fresh)
            if fresh:
                found.append((f"the same {what} {id_}" if what != "user" else "the same user", fresh))
    return found


def _has(alert: Alert, what: str, id_: str) -> bool:
    """Whether that very id is in it: a search for `10.0.0.1` finds `10.0.0.12` too."""
    if what == "user":
        return alert.user_id == id_
    if alert.source is not UNSET and (alert.source.type, alert.source.id) == (what, id_):
        return True
    return id_ in (alert.context.get(what), alert.context.get(f"{what}_id"))


def _map(alert: Alert) -> worldmap.Map | None:
    context: dict[str, Any] = alert.context
    place = (context.get("country"), context.get("lat"), context.get("lon"))
    if alert.travel is not UNSET:
        return worldmap.travelled(alert.travel, *place)
    return None


def _most(contributions: dict[str, float]) -> list[tuple[str, float]]:
    """What weighed most, and none that weighed nothing to speak of."""
    found = sorted(contributions.items(), key=lambda item: item[1], reverse=True)
    return [(name, share) for name, share in found if share >= 0.005][:SHOWN_FEATURES]


PATH: Final = "/alerts/{alert_id}"
PAGES: Final = (
    Page(path=PATH, roles=STAFF, handler=one),
    Page(path=f"{PATH}/acknowledge", method="POST", roles=STAFF, handler=acknowledge),
    Page(path=f"{PATH}/resolve", method="POST", roles=STAFF, handler=resolve),
    Page(path=f"{PATH}/false-positive", method="POST", roles=STAFF, handler=false_positive),
    Page(path=f"{PATH}/escalate", method="POST", roles=STAFF, handler=escalate),
    Page(path=f"{PATH}/lock", method="POST", roles=ADMIN, handler=lock),
    Page(path=f"{PATH}/unlock", method="POST", roles=ADMIN, handler=unlock),
)
