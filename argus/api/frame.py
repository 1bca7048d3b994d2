"""What is around every answer, the console's too: request ids, problem documents, security headers, the log."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError

from argus.api.problems import CONTENT_TYPE, Problem, unavailable
from argus.api.services import SERVICES
from argus.log import Seldom
from argus.store.engine import words

logger = logging.getLogger(__name__)

REQUEST_ID: Final = web.RequestKey("request_id", str)
HEADER: Final = "X-Request-Id"
GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A handler that waits for outcomes takes some seconds; what takes longer than this hangs.
WITHIN_S: Final = 60.0
SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
EXPOSED: Final = f"{HEADER}, Location, Retry-After"
ALLOWED_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key"
NAMES: Final = {400: "invalid", 404: "not-found", 405: "method", 413: "too-large", 415: "not-json"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_seldom = Seldom()


@web.middleware
async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get(HEADER, "")
    request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
    request[REQUEST_ID] = request_id
    services, started = request.app[SERVICES], time.perf_counter()
    try:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: web.StreamResponse = web.Response(status=204)
        elif "upgrade" in request.headers:
            response = await handler(request)
        else:
            async with asyncio.timeout(WITHIN_S):
                response = await handler(request)
    except Exception as error:  # noqa: BLE001 - every request is answered
        problem = problem_of(error, request_id)
        response = problem_response(problem, request_id)
    seconds = time.perf_counter() - started
    if not response.prepared:
        _dress(request, response, request_id)
    route = request.match_info.route.resource
    name = route.canonical if route is not None else "other"
    services.meter.request(name, response.status, seconds)
    level = logging.INFO if response.status >= 400 else logging.DEBUG
    if logger.isEnabledFor(level):
        # The path as it is declared: what is filled in may be made up to fool who reads the log.
        logger.log(
            level, "%s %s %d %.1f ms request %s", request.method, name, response.status, seconds * 1_000, request_id
        )
    return response


def problem_response(problem: Problem, request_id: str) -> web.Response:
    return web.Response(
        status=problem.status,
        body=problem.document(request_id),
        headers=problem.headers,
        content_type=CONTENT_TYPE,
    )


def problem_of(error: Exception, request_id: str) -> Problem:
    """What a client may know of an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPException):
        headers = {name: value for name, value in error.headers.items() if name in ("Allow", "Location")}
        return Problem(error.status, NAMES.get(error.status, "http"), error.reason, headers=headers)
    if isinstance(error, TimeoutError):
        return unavailable("It took too long")
    if isinstance(error, SQLAlchemyError | PostgresError | OSError):
        if _seldom("database") is not None:
            logger.warning("the database does not answer as it should: %s", words(error))
        return unavailable("The database does not answer")
    logger.error("request %s failed", request_id, exc_info=error)
    return Problem(500, "internal", "Something went wrong here; the log has it under the request's id")


def _dress(request: web.Request, response: web.StreamResponse, request_id: str) -> None:
    headers, settings = response.headers, request.app[SERVICES].settings
    for name, value in SECURITY.items():
        headers.setdefault(name, value)
    if settings.only_tls:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers[HEADER] = request_id
    headers["Server"] = "argus"
    origin = request.headers.get("Origin")
    if settings.cors_origins:
        headers.add("Vary", "Origin")
    if origin is not None and origin in settings.cors_origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            headers["Access-Control-Max-Age"] = "600"
