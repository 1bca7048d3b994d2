"""One page: who may see it, and what its handler is called with."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

from aiohttp import web
from msgspec import Struct

from argus.api.commands import Pending
from argus.api.guard import NOBODY, path_ids
from argus.api.problems import Problem
from argus.api.query import query_of
from argus.api.route import Call, Caller, Reply, Role
from argus.api.routes import ROUTES
from argus.api.services import SERVICES, Services
from argus.api.sessions import CSRF_FIELD
from argus.console import forms
from argus.console.addresses import HOME, inside, quoted
from argus.console.flash import Flash, set_flash
from argus.console.view import error_page, is_browser, rendered
from core.records import Outcome

LOGIN: Final = "/login"
MET: Final = {route.handler: route for route in ROUTES}
Body = TypeVar("Body", bound=Struct)


class Visit(Struct, frozen=True, kw_only=True):
    """A request for a page, checked. caller: nobody (`caller.user` is empty) on pages for everybody; path: ids in the
    path; form: what was posted, empty for a GET."""

    request: web.Request
    services: Services
    caller: Caller
    path: Mapping[str, str]
    form: forms.Fields = forms.EMPTY

    def call(self, body: Any = None, query: Any = None, **path: str) -> Call:
        """What a handler of the API is called with. path: ids beside those of this page's path."""
        return Call(
            request=self.request,
            services=self.services,
            caller=self.caller,
            path={**self.path, **path},
            query=query,
            body=body,
        )

    def query(self, type_: type[Body]) -> Body:
        """The query string as the struct of an API path; what a form left empty is left out. Raises a `Problem`."""
        given = self.request.query
        names = [name for name in given if any(given.getall(name))]
        return query_of(type_, _Given({name: [text for text in given.getall(name) if text] for name in names}))

    def filled(self, type_: type[Body], **fields: Any) -> Body:
        """The body of an API path, of fields. Raises a `Problem`."""
        return forms.filled(type_, fields)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.services.now_ms() / 1_000, UTC)

    def field(self, name: str, default: str = "") -> str:
        """A field of the form without the white space around it."""
        return self.form.get(name, default).strip()

    async def ask(self, handler: Callable[[Call], Awaitable[Any]], body: Any = None, **path: str) -> Flash:
        """Asks one of the API's handlers for a change, if its path is for this role. A refusal is told, not raised;
        what is not there is raised."""
        route = MET[handler]
        if self.caller.role not in route.roles:
            raise Problem(403, "forbidden", f"This is for the role {' or '.join(route.roles)}")
        call = self.call(body, **path)
        if route.own and self.caller.role == "member" and call.path.get("user_id") != self.caller.user:
            raise Problem(403, "forbidden", "A member may ask about its own account only")
        return await self.told(handler(call))

    async def told(self, asking: Awaitable[Any]) -> Flash:
        """What came of a command, for the next page. asking: what `argus.api.commands.ask` answers, or a handler."""
        try:
            answer = await asking
        except Problem as problem:
            if problem.status == 404:
                raise
            return Flash("bad", problem.detail)
        told = answer.body if isinstance(answer, Reply) else answer
        if isinstance(told, Pending):
            return Flash("wait", "Sent. The outcome has not come yet: load the page again in a moment.")
        return Flash("good", told.reason if isinstance(told, Outcome) else "Saved")

    def render(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        return rendered(self.request, template, context, caller=self.caller, status=status)

    def back(self, path: str, flash: Flash | None = None) -> web.Response:
        """After a POST: to a page of ours, whatever the path says."""
        response = web.Response(status=303, headers={"Location": inside(path)})
        if flash is not None and self.caller.csrf:
            set_flash(response, flash, self.caller.csrf, secure=self.services.settings.only_tls)
        return response


class _Given(dict[str, list[str]]):
    """As `query_of` reads it."""

    def getall(self, key: str) -> list[str]:
        return self[key]


Shown = Callable[[Visit], Awaitable[web.StreamResponse]]


class Page(Struct, frozen=True, kw_only=True):
    """roles: who may, everybody where it is empty; menu: its name there, where it is in the menu; needs: the name of
    a setting without which there is no such page; listed: the roles whose menu has it, all of `roles` where empty."""

    path: str
    roles: tuple[Role, ...]
    handler: Shown
    method: Literal["GET", "POST"] = "GET"
    menu: str = ""
    needs: str = ""
    listed: tuple[Role, ...] = ()


def page(row: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The row as aiohttp serves it. Errors are pages too, for browsers."""

    async def handle(request: web.Request) -> web.StreamResponse:
        services, caller = request.app[SERVICES], NOBODY
        try:
            caller = await services.sessions.caller(request) or NOBODY
            if caller is NOBODY and row.roles:
                return _stranger(request)
            visit = await _checked(row, services, caller, request)
            return await row.handler(visit)
        except Exception as error:
            if not is_browser(request):
                raise
            return error_page(request, error, caller)

    return handle


async def _checked(row: Page, services: Services, caller: Caller, request: web.Request) -> Visit:
    if row.roles:
        if caller.role not in row.roles:
            services.meter.refused("role")
            raise Problem(403, "forbidden", f"This page is for the role {' or '.join(row.roles)}")
        wait_s = services.rates.take(caller.key)
        if wait_s:
            services.meter.refused("rate")
            raise Problem(429, "too-many", "Too many requests", headers={"Retry-After": str(wait_s)})
    form = forms.EMPTY
    if row.method == "POST":
        form = await forms.read_form(services, request)
        try:
            forms.check_ours(services, request)
            if row.roles:
                services.sessions.check_csrf(request, caller, form.get(CSRF_FIELD))
        except Problem:
            services.meter.refused("csrf")
            raise
    return Visit(request=request, services=services, caller=caller, path=path_ids(request), form=form)


def _stranger(request: web.Request) -> web.StreamResponse:
    """Nobody is logged in, or does not seem to be: with a link on another site browsers do not send the cookie. They
    do when a page of ours asks, so one is put in between."""
    if not is_browser(request):
        raise Problem(401, "unauthenticated", "This page is for browsers that have logged in")
    if request.method == "POST":
        return web.Response(status=303, headers={"Location": LOGIN})
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return rendered(request, "again.html", {"address": inside(request.path_qs)})
    going = inside(request.path_qs)
    after = f"?next={quoted(going)}" if going != HOME else ""
    return web.Response(status=303, headers={"Location": LOGIN + after})
