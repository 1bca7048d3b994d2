"""The first page of who works on alerts: the newest ones, filtered, and live."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from msgspec import UNSET
from msgspec.structs import asdict

from argus.api import alerts
from argus.api.alerts import AlertQuery
from argus.api.routes import PEOPLE, STAFF
from argus.console.page import Page, Visit
from core.records import Alert
from core.rules.book import RULES

MEMBERS_PAGE: Final = "/me"
SEVERITIES: Final = (
    ("", "All"), ("MEDIUM,HIGH,CRITICAL", "Medium and above"), ("HIGH,CRITICAL", "High and above"),
    ("CRITICAL", "Critical"), ("LOW", "Low only"),
)  # fmt: skip
KINDS: Final = ("TRANSACTION", "SECURITY", "COMPLIANCE", "INVENTORY", "SYSTEM")
# What a page filters by that the live feed does too; it has no text and no times.
LIVE: Final = ("severity", "kind", "rule", "user", "shadow")


async def home(visit: Visit) -> web.StreamResponse:
    """By role."""
    return visit.back(MEMBERS_PAGE) if visit.caller.role == "member" else await feed(visit)


async def feed(visit: Visit) -> web.StreamResponse:
    query = visit.query(AlertQuery)
    page = await alerts.listed(visit.call(query=query))
    live = query.cursor is None and query.until is None
    asked = {name: value for name, value in _texts(query).items() if name != "cursor"}
    return visit.render(
        "feed.html",
        alerts=page.items,
        statuses=_statuses(visit),
        asked=_Asked(asked),
        older=urlencode({**asked, "cursor": page.next}) if page.next else None,
        first=query.cursor is None,
        live=urlencode({name: text for name, text in asked.items() if name in LIVE}) if live else None,
        # The live feed knows no text: from the newest that has it, it would tell all that came since.
        newest=page.items[0] if page.items and not query.text else None,
        severities=SEVERITIES,
        kinds=KINDS,
        rules=sorted(rule.id for rule in RULES),
        about=about,
    )


def about(alert: Alert) -> str:
    """Whom or what an alert is about, in words."""
    if alert.source is not UNSET:
        return f"{alert.source.type} {alert.source.id}"
    return alert.user_id or ""


def _statuses(visit: Visit) -> Mapping[str, str]:
    """What was heard lately of the cases that alerts are in, by alert."""
    found: dict[str, str] = {}
    for case in visit.services.cases.values():
        for alert_id in case.alert_ids:
            found.setdefault(alert_id, case.status)
    return found


class _Asked(dict[str, str]):
    """What is not asked is empty."""

    def __missing__(self, name: str) -> str:
        return ""


def _texts(query: AlertQuery) -> dict[str, str]:
    """What the query asks beyond its defaults, as a query string has it."""
    found: dict[str, str] = {}
    for name, value in asdict(query).items():
        if isinstance(value, tuple):
            if value:
                found[name] = ",".join(value)
        elif value is True:
            found[name] = "true"
        elif value not in (None, False) and not (name == "limit" and value == AlertQuery().limit):
            found[name] = str(value)
    return found


PAGES: Final = (Page(path="/", roles=PEOPLE, handler=home, menu="Alerts", listed=STAFF),)
