"""Templates into answers: what every page has around it, and what a browser may do with it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import aiohttp_jinja2
import msgspec
from aiohttp import web
from jinja2 import PackageLoader, StrictUndefined

from argus.api.frame import REQUEST_ID, problem_of
from argus.api.guard import NOBODY
from argus.api.problems import Problem
from argus.api.route import Caller, Role
from argus.api.services import SERVICES
from argus.console.addresses import HOME, quoted
from argus.console.assets import ASSETS, Assets
from argus.console.clocks import spoken
from argus.console.flash import COOKIE, clear_flash, flash_of

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With `no-referrer` browsers would hide the origin of our own forms from us.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie",
}
ABBREVIATION: Final = re.compile(r"\b(?:aml|ip|mfa|otp|svm|usd)\b", re.IGNORECASE)
THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "argus_theme"
SAID: Final = {
    400: "That cannot be right",
    401: "Please log in",
    403: "This is not for you",
    404: "There is nothing here",
    409: "That was refused",
    429: "Too many requests",
    503: "Argus cannot answer now",
}


class Entry(NamedTuple):
    """One of the menu."""

    name: str
    path: str
    roles: tuple[Role, ...]


MENU: Final = web.AppKey("menu", tuple[Entry, ...])


def set_up(app: web.Application) -> None:
    app[ASSETS] = assets = Assets()
    environment = aiohttp_jinja2.setup(
        app,
        loader=PackageLoader("argus.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = assets.address
    environment.filters |= {"id": quoted, "moment": moment, "pretty": pretty, "words": words, "spoken": spoken}


def rendered(
    request: web.Request,
    template: str,
    context: Mapping[str, Any],
    *,
    caller: Caller = NOBODY,
    status: int = 200,
) -> web.Response:
    flash = flash_of(request, caller.csrf) if caller.csrf else None
    theme = request.cookies.get(THEME_COOKIE, THEMES[0])
    around = {
        "me": caller,
        "csrf": caller.csrf or "",
        "menu": [entry for entry in request.app[MENU] if caller.role in entry.roles] if caller is not NOBODY else [],
        "path": request.path,
        # Where to come back to: what answers a form need not be there to be asked for.
        "here": request.path_qs if request.method == "GET" else HOME,
        "theme": theme if theme in THEMES else THEMES[0],
        "flash": flash,
        "now": datetime.now(UTC),
    }
    response = aiohttp_jinja2.render_template(template, request, {**around, **context}, status=status)
    response.headers.update(HEADERS)
    if COOKIE in request.cookies:
        clear_flash(response)
    return response


def error_page(request: web.Request, error: Exception, caller: Caller = NOBODY) -> web.Response:
    """What the API would say as a problem document, for people."""
    request_id = request.get(REQUEST_ID, "")
    problem = problem_of(error, request_id)
    shown = {
        "status": problem.status,
        "said": SAID.get(problem.status, "Something went wrong"),
        "detail": problem.detail,
        "request_id": request_id,
    }
    response = rendered(request, "error.html", shown, caller=caller, status=problem.status)
    response.headers.update(problem.headers)
    return response


@web.middleware
async def in_words(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """A browser that asks for a page which is in no table gets a page that says so. The API's own paths stay as they
    are."""
    try:
        return await handler(request)
    except web.HTTPNotFound as error:
        if request.method not in ("GET", "HEAD") or not is_browser(request) or request.path.startswith("/v1/"):
            raise
        try:
            caller = await request.app[SERVICES].sessions.caller(request)
        except Exception:  # noqa: BLE001 - whoever it is, nothing is here
            raise error from None
        return error_page(request, Problem(404, "not-found", "No page has this address"), caller or NOBODY)


def is_browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def moment(time: str | int | None) -> str:
    """A time of a record, or milliseconds, as people read it: UTC, to the second. A dash where there is none."""
    if time is None:
        return "\N{EN DASH}"
    if isinstance(time, int):
        return f"{datetime.fromtimestamp(time / 1_000, UTC):%d %b %Y %H:%M:%S}"
    return f"{datetime.fromisoformat(time):%d %b %Y %H:%M:%S}"


def pretty(value: Any) -> str:
    """A record as indented JSON; the template escapes it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def words(name: str) -> str:
    """`impossible_travel` as a person would write it; abbreviations (`ip`, `mfa_change`) stay in capitals."""
    plain = name.replace("_", " ").capitalize()
    return ABBREVIATION.sub(lambda found: found[0].upper(), plain)
