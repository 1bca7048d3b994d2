"""Users: a list to find one, and one from all sides, with the lock."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web
from msgspec import Struct

from argus.api import users
from argus.api.alerts import Cursor, Text
from argus.api.problems import invalid
from argus.api.routes import ADMIN, STAFF
from argus.console import worldmap
from argus.console.addresses import quoted
from argus.console.alert import lock_shown
from argus.console.feed import about
from argus.console.page import Page, Visit
from argus.console.steps import actions_of, steps
from argus.geo import UnreadableCityFile, make_locate
from argus.store import reads
from argus.store.pages import BadCursor
from core.clock import DAY, HOUR, rfc3339
from core.events import Action, Locate
from core.records import EVENT_TYPES, Alert

EVENTS_MAX: Final = 200
ROWS_MAX: Final = 20
# How long a lock that a person sets may be asked to last; without any it has no end.
ENDS: Final = {"": None, "1 hour": HOUR, "1 day": DAY, "7 days": 7 * DAY}


LOCATE: Final[web.AppKey[Locate]] = web.AppKey("locate")


class ListQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """text: how the id begins."""

    text: Text = ""
    cursor: Cursor | None = None


class Met(NamedTuple):
    """A device or place of a user. times: in how many of the events and alerts at hand."""

    name: str
    more: str
    first: str
    last: str
    times: int
    alerts: int


def locate_of(city_file: Path | None) -> Locate:
    """Countries alone, where the file cannot be read: the workers say so, and nothing is decided here."""
    try:
        return make_locate(city_file)
    except UnreadableCityFile:
        return make_locate()


async def listed(visit: Visit) -> web.StreamResponse:
    query = visit.query(ListQuery)
    try:
        async with visit.services.store.reading() as connection:
            page = await reads.users(connection, query.text.strip(), query.cursor)
    except BadCursor as error:
        raise invalid(str(error), "cursor") from None
    now_ms = visit.services.now_ms()
    locks = {row.user_id: users.newest_lock(visit.services, row.user_id, row.lock) for row in page.items}
    states = {user_id: users.in_force(lock, now_ms).state for user_id, lock in locks.items() if lock is not None}
    return visit.render("users.html", users=page.items, states=states, text=query.text, next=page.next)


async def one(visit: Visit) -> web.StreamResponse:
    view, overview = await users.known(visit.call())
    past = await visit.services.lately.of_user(view.user_id, EVENTS_MAX)
    actions = actions_of(past or (), visit.request.app[LOCATE])
    alerts = [*overview.alerts, *overview.shadow] if overview is not None else []
    return visit.render(
        "user.html",
        user=view,
        steps=steps(overview, actions),
        devices=_devices(actions, alerts),
        places=_places(actions, alerts),
        map=_map(actions, alerts),
        locks=overview.locks if overview is not None else [],
        events=None if past is None else len(past),
        paid=_paid(actions),
        ends=list(ENDS),
        types=EVENT_TYPES,
        names=about,
    )


async def lock(visit: Visit) -> web.StreamResponse:
    user_id = visit.path["user_id"]
    length_ms = ENDS.get(visit.field("for"))
    until = None if length_ms is None else rfc3339(visit.services.now_ms() + length_ms)
    scope = [type_ for type_ in visit.form.getall("scope", []) if type_]
    body = visit.filled(users.LockRequest, scope=scope, until=until, reason=visit.field("reason"))
    return await _held(visit, user_id, users.lock, body)


async def unlock(visit: Visit) -> web.StreamResponse:
    body = visit.filled(users.UnlockRequest, reason=visit.field("reason"))
    return await _held(visit, visit.path["user_id"], users.unlock, body)


async def _held(visit: Visit, user_id: str, handler: Any, body: Any) -> web.StreamResponse:
    before = visit.services.locks.get(user_id)
    flash = await visit.ask(handler, body)
    if flash.kind == "good":
        await lock_shown(visit, user_id, before)
    return visit.back(f"/users/{quoted(user_id)}", flash)


def _devices(actions: list[Action], alerts: list[Alert]) -> list[Met]:
    seen = [(action.device_id or "", action.user_agent or "", rfc3339(action.time_ms), False) for action in actions]
    seen += [(str(alert.context.get("device_id", "")), "", alert.time, True) for alert in alerts]
    return _met(seen)


def _places(actions: list[Action], alerts: list[Alert]) -> list[Met]:
    seen = [(action.ip or "", action.country or "", rfc3339(action.time_ms), False) for action in actions]
    seen += [
        (str(alert.context.get("ip", "")), str(alert.context.get("country", "")), alert.time, True)
        for alert in alerts
    ]
    return _met(seen)


def _met(seen: Iterable[tuple[str, str, str, bool]]) -> list[Met]:
    """By name, those met last first. seen: name, what else is known, when, whether in an alert."""
    found: dict[str, Met] = {}
    for name, more, time, alerted in seen:
        if not name:
            continue
        there = found.get(name, Met(name, more, time, time, 0, 0))
        found[name] = Met(
            name, there.more or more, min(there.first, time), max(there.last, time), there.times + 1,
            there.alerts + alerted,
        )  # fmt: skip
    return sorted(found.values(), key=lambda met: met.last, reverse=True)[:ROWS_MAX]


def _map(actions: list[Action], alerts: list[Alert]) -> worldmap.Map | None:
    weights: dict[tuple[Any, Any, Any], int] = {}
    for action in actions:
        place = (action.country, action.lat, action.lon)
        weights[place] = weights.get(place, 0) + 1
    for alert in alerts:
        context: dict[str, Any] = alert.context
        place = (context.get("country"), context.get("lat"), context.get("lon"))
        weights[place] = weights.get(place, 0) + 1
    spots = [worldmap.spot(*place, str(place[0] or ""), weight) for place, weight in weights.items()]
    known = [spot for spot in spots if spot is not None]
    return worldmap.drawn(known) if known else None


def _paid(actions: list[Action]) -> dict[str, tuple[int, float, float]]:
    """By currency: how many payments, the middle one, and the largest, of the events at hand."""
    sums: dict[str, list[float]] = {}
    for action in actions:
        if action.amount is not None and not action.failed and action.type in ("transaction", "payout"):
            sums.setdefault(action.currency or "?", []).append(action.amount)
    return {name: (len(paid), sorted(paid)[len(paid) // 2], max(paid)) for name, paid in sorted(sums.items())}


PAGES: Final = (
    Page(path="/users", roles=STAFF, handler=listed, menu="Users"),
    Page(path="/users/{user_id}", roles=STAFF, handler=one),
    Page(path="/users/{user_id}/lock", method="POST", roles=ADMIN, handler=lock),
    Page(path="/users/{user_id}/unlock", method="POST", roles=ADMIN, handler=unlock),
)
