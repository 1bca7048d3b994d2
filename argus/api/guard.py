"""What every request of the table passes before its handler: who asks, may they, how often, and is it well-formed."""

import asyncio
import zlib
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from argus.api.jwks import NoKeys
from argus.api.once import HEADER, checked
from argus.api.problems import Fault, Problem, unavailable
from argus.api.query import query_of
from argus.api.route import SMALL_BODY_BYTES, Call, Caller, Reply, Route
from argus.api.services import Services
from argus.api.tokens import Refused
from argus.api.watch import address, login_failed
from core.records import ID_MAX_CHARS

NOBODY: Final = Caller(role="member", user="", key="", expires_s=float("inf"))
BEARER: Final = "bearer "
JSON: Final = "application/json"
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="argus"'}
INVALID: Final = {"WWW-Authenticate": 'Bearer realm="argus", error="invalid_token"'}


async def passed(services: Services, route: Route, request: web.Request) -> Reply:
    """The answer of the route's handler to a request that may be made. Raises `Problem`."""
    caller = NOBODY if route.public else await admitted(services, route, request)
    path = path_ids(request)
    if route.own and caller.role == "member" and path.get("user_id") != caller.user:
        services.meter.refused("role")
        raise Problem(403, "forbidden", "A member may ask about its own account only")
    query = query_of(route.query, request.query)
    body = b""
    if route.body is not None:
        most = services.settings.api_body_max_bytes if route.large else SMALL_BODY_BYTES
        body = await body_of(services, request, most)
    call = Call(
        request=request,
        services=services,
        caller=caller,
        path=path,
        query=query,
        body=_decoded(route, request, body),
    )
    key = checked(request.headers.get(HEADER)) if route.once else None
    if key is None:
        return await _answered(route, call)
    name = chr(0).join((caller.role, caller.user, route.method, request.path, key))
    return await services.once(name, body, lambda: _answered(route, call))


async def _answered(route: Route, call: Call) -> Reply:
    found = await route.handler(call)
    return found if isinstance(found, Reply) else Reply(route.status, found)


async def admitted(services: Services, route: Route, request: web.Request) -> Caller:
    """Who asks, if they may ask this and not too often. Raises a `Problem`."""
    caller = await identified(services, request)
    if caller.role not in route.roles:
        services.meter.refused("role")
        raise Problem(403, "forbidden", f"This is for the role {' or '.join(route.roles)}")
    if caller.scopes is not None and route.scope is not None and route.scope not in caller.scopes:
        services.meter.refused("scope")
        asked = {
            "WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="insufficient_scope", scope="{route.scope}"'
        }
        raise Problem(403, "scope", f"The token is narrowed, and not to {route.scope}", headers=asked)
    rates = services.service_rates if caller.role == "service" else services.rates
    wait_s = rates.take(caller.key)
    if wait_s:
        services.meter.refused("rate")
        raise Problem(429, "too-many", "Too many requests", headers={"Retry-After": str(wait_s)})
    return caller


async def identified(services: Services, request: web.Request) -> Caller:
    """By the token, or by the session where there is no token. Raises a `Problem`."""
    given = request.headers.get("Authorization")
    if given is None:
        caller = await services.sessions.caller(request)
        if caller is None:
            services.meter.refused("no_token")
            raise Problem(401, "unauthenticated", "A bearer token is needed", headers=CHALLENGE)
        try:
            services.sessions.check_csrf(request, caller)
        except Problem:
            services.meter.refused("csrf")
            raise
        return caller
    try:
        if not given.lower().startswith(BEARER):
            raise Refused("Only bearer tokens are taken")
        return await services.tokens.check(given[len(BEARER) :].strip())
    except Refused as refused:
        # Only who has no good token is held up: others behind the same address may have one.
        wait_s = services.wrong_tokens.take(address(request, services.settings.api_proxies) or "")
        if wait_s:
            services.meter.refused("rate")
            headers = {"Retry-After": str(wait_s)}
            raise Problem(429, "too-many", "Too many wrong tokens", headers=headers) from None
        services.meter.refused("bad_token")
        if refused.claimed is not None:
            login_failed(services, request, f"api:{refused.claimed or 'unknown'}")
        raise Problem(401, "unauthenticated", refused.reason, headers=INVALID) from None
    except NoKeys:
        raise unavailable("The issuer's keys cannot be read") from None


def path_ids(request: web.Request) -> dict[str, str]:
    """What is filled in in the path. Raises a `Problem`."""
    path = dict(request.match_info)
    for name, text in path.items():
        if not 1 <= len(text) <= ID_MAX_CHARS or "\0" in text or not _is_text(text):
            fault = Fault(reason=f"an id has 1 to {ID_MAX_CHARS} characters", where=name)
            raise Problem(400, "invalid", f"{name} in the path is no id", errors=[fault])
    return path


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def body_of(services: Services, request: web.Request, most: int) -> bytes:
    """The body, if it is no larger and comes in time. Raises a `Problem`."""
    if (request.content_length or 0) > most:
        raise _too_large(services, most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(services.settings.api_body_within_s):
            async for chunk in request.content.iter_any():
                parts.append(chunk)
                size += len(chunk)
                if size > most:
                    raise _too_large(services, most)
    except TimeoutError:
        services.meter.refused("too_slow")
        raise Problem(408, "too-slow", "The body did not come in time", headers={"Connection": "close"}) from None
    except (HttpProcessingError, zlib.error, web.RequestPayloadError) as error:
        raise Problem(400, "invalid", f"The body cannot be read: {type(error).__name__}") from None
    return b"".join(parts)


def _too_large(services: Services, most: int) -> Problem:
    services.meter.refused("too_large")
    return Problem(413, "too-large", f"The body has over {most} bytes", headers={"Connection": "close"})


def _decoded(route: Route, request: web.Request, body: bytes) -> Any:
    if route.body is None or route.body is bytes:
        return body
    if not body.strip():
        if route.optional:
            return None
        raise Problem(400, "invalid", "The body is empty")
    # Another site's page can send a form, and with it a cookie; it cannot send a token.
    if "Authorization" not in request.headers and "Content-Type" in request.headers and request.content_type != JSON:
        raise Problem(415, "not-json", f"The body is to be {JSON}")
    try:
        str(body, "utf-8")
        return msgspec.json.decode(body, type=route.body)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        raise Problem(
            400,
            "invalid",
            "The body is not as it should be",
            errors=[Fault(reason=reason, where=where.strip("`") or None)],
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "invalid", f"The body is not JSON: {error}") from None
