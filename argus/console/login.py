"""Logging in and out, and light or dark."""

from typing import Final

from aiohttp import web

from argus.api import about
from argus.api.guard import NOBODY
from argus.api.problems import Problem
from argus.console.addresses import HOME, inside
from argus.console.page import LOGIN, Page, Visit
from argus.console.view import THEME_COOKIE, THEMES

A_YEAR_S: Final = 365 * 86_400


async def asked(visit: Visit) -> web.StreamResponse:
    going = inside(visit.request.query.get("next"))
    if visit.caller is not NOBODY:
        return visit.back(going)
    return visit.render("login.html", going=going, name="", wrong="", left="out" in visit.request.query)


async def log_in(visit: Visit) -> web.StreamResponse:
    """Always a new session: one that the browser had before, from wherever, is ended."""
    name, going = visit.field("name"), inside(visit.field("next"))
    try:
        login = visit.filled(about.Login, name=name, password=visit.form.get("password", ""))
        session = await about.session_of(visit.services, visit.request, login)
    except Problem as problem:
        if problem.status not in (400, 401, 429):
            raise
        wrong = problem.detail if problem.status != 400 else "Both are needed"
        return visit.render(
            "login.html", status=problem.status, going=going, name=name[:128], wrong=wrong, left=False
        )
    await visit.services.sessions.logout(visit.request)
    response = visit.back(going)
    visit.services.sessions.set_cookie(response, session)
    return response


async def log_out(visit: Visit) -> web.StreamResponse:
    await visit.services.sessions.logout(visit.request)
    response = visit.back(f"{LOGIN}?out=1")
    visit.services.sessions.clear_cookie(response)
    return response


async def theme(visit: Visit) -> web.StreamResponse:
    wanted = visit.field("theme")
    response = visit.back(visit.field("next", HOME))
    if wanted in THEMES:
        response.headers.add("Set-Cookie", f"{THEME_COOKIE}={wanted}; Max-Age={A_YEAR_S}; Path=/; SameSite=Lax")
    return response


PAGES: Final = (
    Page(path=LOGIN, roles=(), handler=asked),
    Page(path=LOGIN, method="POST", roles=(), handler=log_in),
    Page(path="/logout", method="POST", roles=("member", "analyst", "admin"), handler=log_out),
    Page(path="/theme", method="POST", roles=(), handler=theme),
)
