"""/health, /ready, /metrics, and logins of browsers."""

import asyncio
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from argus import __version__
from argus.api.problems import Problem
from argus.api.route import Call, Caller, Reply, Role
from argus.api.services import Services
from argus.api.sessions import Session
from argus.api.watch import address, logged_in, login_failed
from core.records import Id


class Status(Struct, frozen=True):
    """lacking: what is missing to be able to work."""

    status: Literal["ok", "failing"]
    version: str = __version__
    lacking: list[str] = []


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """A console login."""

    name: Id
    password: Annotated[str, Meta(min_length=1, max_length=256)]


class LoggedIn(Struct, frozen=True):
    """csrf_token: to be sent back in `X-CSRF-Token` with every request that changes something."""

    role: Role
    user: str
    csrf_token: str | None


async def health(_call: Call) -> Status:
    """Alive: it answers."""
    return Status("ok")


async def ready(call: Call) -> Status | Reply:
    """Able to work: broker, topics and database are there."""
    lacking = call.services.lacks()
    return Reply(503, Status("failing", lacking=lacking), {"Retry-After": "2"}) if lacking else Status("ok")


async def metrics(call: Call) -> Reply:
    encoder, kind = choose_encoder(call.request.headers.get("Accept", ""))
    registry = CollectorRegistry()
    registry.register(call.services.metrics)
    ProcessCollector(registry=registry)
    call.services.meter.clients(call.services.feed.clients)
    return Reply(200, await asyncio.to_thread(encoder, registry), {"Content-Type": kind})


async def login(call: Call) -> Reply:
    """The session is in a cookie that scripts cannot read."""
    call.services.sessions.check_origin(call.request)
    session = await session_of(call.services, call.request, call.body)
    return Reply(200, _shown(session.caller), {"Set-Cookie": call.services.sessions.cookie(session)})


async def session_of(services: Services, request: web.Request, login: Login) -> Session:
    """A new session, and Argus is told of the login, or of the wrong one. Raises a `Problem`."""
    whence = address(request, services.settings.api_proxies) or ""
    # Before the check, which takes its time: as many as come at once are counted too.
    wait_s = services.wrong_passwords.take(whence)
    if wait_s:
        services.meter.refused("rate")
        raise Problem(429, "too-many", "Too many wrong passwords", headers={"Retry-After": str(wait_s)})
    session = await services.sessions.login(login.name, login.password)
    if session is None:
        login_failed(services, request, await services.sessions.claimed(login.name))
        services.meter.refused("login")
        raise Problem(401, "login", "The name or the password is wrong")
    services.wrong_passwords.give_back(whence)
    logged_in(services, request, session.caller)
    return session


async def logout(call: Call) -> Reply:
    await call.services.sessions.logout(call.request)
    return Reply(204, None, {"Set-Cookie": call.services.sessions.no_cookie()})


async def who(call: Call) -> LoggedIn:
    return _shown(call.caller)


def _shown(caller: Caller) -> LoggedIn:
    return LoggedIn(caller.role, caller.user, caller.csrf)
