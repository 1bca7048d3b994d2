"""The aiohttp application: the table of paths, served."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec
from aiohttp import web

from argus.api.frame import frame
from argus.api.guard import passed
from argus.api.openapi import openapi
from argus.api.route import Reply, Route
from argus.api.routes import ROUTES
from argus.api.services import SERVICES, Services

JSON: Final = "application/json"
# What else is served beside the API adds itself here: the console.
Attach = Callable[[web.Application], None]


def build(services: Services, more: Iterable[Attach] = ()) -> web.Application:
    """more: each adds paths of its own; `app[SERVICES]` has what they need."""
    app = web.Application(middlewares=[frame], client_max_size=services.settings.api_body_max_bytes)
    app[SERVICES] = services
    app.on_startup.append(services.start)
    app.on_cleanup.append(services.stop)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _handler(services, route))
    app.router.add_get("/openapi.json", _document())
    for attach in more:
        attach(app)
    names = {resource.canonical for resource in app.router.resources()}
    services.metrics.allow("route", sorted(names))
    return app


def _handler(services: Services, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return written(await passed(services, route, request))

    return handle


def _document() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    text = msgspec.json.encode(openapi(ROUTES))

    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=text, content_type=JSON)

    return handle


def written(reply: Reply) -> web.StreamResponse:
    """A reply as aiohttp sends it."""
    body: Any = reply.body
    if isinstance(body, web.StreamResponse):
        return body
    headers = dict(reply.headers)
    if body is None:
        return web.Response(status=reply.status, headers=headers)
    if not isinstance(body, bytes):
        body = msgspec.json.encode(body)
        headers.setdefault("Content-Type", JSON)
    return web.Response(status=reply.status, body=body, headers=headers)
