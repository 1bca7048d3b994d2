"""The board of cases, and one case: its deadlines, alerts, notes and history, and what can be done with it."""

from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

from aiohttp import web
from msgspec import UNSET, Struct
from sqlalchemy import select

from argus.api import cases
from argus.api.alerts import SEVERAL
from argus.api.cases import CaseChange
from argus.api.routes import STAFF
from argus.console.addresses import quoted
from argus.console.casework import OPEN, about, history, said, to_do
from argus.console.clocks import Clock, clocks, next_clock
from argus.console.feed import SEVERITIES
from argus.console.feed import about as about_alert
from argus.console.page import Page, Visit
from argus.store import reads, tables
from argus.store.reads import Status
from core.records import Alert, Case, SeverityName

COLUMN_MAX: Final = 200
SHOWN_MAX: Final = 60
RESOLVED_SHOWN: Final = 15
ALERTS_SHOWN: Final = 50
STAFF_MAX: Final = 200
COLUMNS: Final[tuple[Status, ...]] = (*OPEN, "resolved")
RESOLUTIONS: Final = (
    ("confirmed_fraud", "Confirmed fraud"), ("false_positive", "False positive"), ("inconclusive", "Inconclusive"),
)  # fmt: skip


class BoardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """whose: cases of oneself, of nobody, or all."""

    whose: Literal["all", "me", "nobody"] = "all"
    severity: Annotated[tuple[SeverityName, ...], SEVERAL] = ()


class Card(NamedTuple):
    """A case on the board."""

    case: Case
    about: str
    clock: Clock


class Column(NamedTuple):
    """more: how many cases there are beyond those shown, at least."""

    status: str
    cards: list[Card]
    more: int


async def board(visit: Visit) -> web.StreamResponse:
    query = visit.query(BoardQuery)
    assignee = {"all": None, "me": visit.caller.user, "nobody": ""}[query.whose]
    found = await to_do(visit, COLUMNS, query.severity, assignee, COLUMN_MAX)
    now = visit.now()
    return visit.render(
        "cases.html",
        columns=[_column(status, [case for case in found if case.status == status], now) for status in COLUMNS],
        whose=query.whose,
        severity=",".join(query.severity),
        severities=SEVERITIES,
    )


async def one(visit: Visit) -> web.StreamResponse:
    case = await cases.one(visit.call())
    return visit.render(
        "case.html",
        case=case,
        about=about(case),
        source=None if case.source is UNSET else case.source,
        clocks=clocks(case, visit.now()),
        alerts=await _alerts(visit, case),
        history=await history(visit, case),
        said=said,
        staff=await _staff(visit),
        resolutions=RESOLUTIONS,
        names=about_alert,
    )


async def change(visit: Visit) -> web.StreamResponse:
    """One form each: what its button says."""
    resolution = visit.field("resolution")
    body = visit.filled(
        CaseChange,
        status="resolved" if resolution else visit.field("status"),
        assignee=visit.field("assignee"),
        resolution=resolution,
        escalate=visit.field("escalate"),
        note=visit.field("note"),
    )
    flash = await visit.ask(cases.change, body)
    here = f"/cases/{quoted(visit.path['case_id'])}"
    return visit.back("/cases" if visit.field("next") == "board" else here, flash)


def _column(status: Status, found: list[Case], now: datetime) -> Column:
    """What is most urgent first; of the resolved the newest."""
    if status == "resolved":
        found.sort(key=lambda case: case.resolved or "", reverse=True)
        shown = found[:RESOLVED_SHOWN]
    else:
        found.sort(key=lambda case: (-case.priority, next_clock(case, now).by))
        shown = found[:SHOWN_MAX]
    cards = [Card(case, about(case), next_clock(case, now)) for case in shown]
    return Column(status, cards, len(found) - len(shown) if status != "resolved" else 0)


async def _alerts(visit: Visit, case: Case) -> list[Alert]:
    """Those that are still known, newest first."""
    found = [visit.services.feed.get(alert_id) for alert_id in case.alert_ids[-ALERTS_SHOWN:]]
    missing = [id_ for id_, alert in zip(case.alert_ids[-ALERTS_SHOWN:], found, strict=True) if alert is None]
    async with visit.services.store.reading() as connection:
        found += [await reads.alert(connection, alert_id) for alert_id in missing]
    return sorted((alert for alert in found if alert is not None), key=lambda alert: alert.time, reverse=True)


async def _staff(visit: Visit) -> list[str]:
    """Whom a case can be given to."""
    known = tables.accounts.c
    query = select(known.name).where(known.role.in_(("analyst", "admin"))).order_by(known.name).limit(STAFF_MAX)
    async with visit.services.store.reading() as connection:
        return list((await connection.scalars(query)).all())


PAGES: Final = (
    Page(path="/cases", roles=STAFF, handler=board, menu="Cases"),
    Page(path="/cases/{case_id}", roles=STAFF, handler=one),
    Page(path="/cases/{case_id}", method="POST", roles=STAFF, handler=change),
)
