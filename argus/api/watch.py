"""Logins to Argus itself as events that Argus watches: who guesses tokens or passwords here is seen like anybody."""

import uuid
from typing import Final

from aiohttp import web

from agents.shard import Output
from argus.api.events import event_output
from argus.api.problems import Problem
from argus.api.route import Caller
from argus.api.services import Services
from core import net
from core.audit import Detail, Entry
from core.audited import NOTES, note
from core.clock import rfc3339
from core.records import ID_MAX_CHARS, TEXT_MAX_CHARS, Event, encode

ALL: Final = "all"


def address(request: web.Request, proxies: int) -> str | None:
    """Who asks, by the address. proxies: how many of ours are in front; each has added whom it heard it from."""
    if proxies:
        told = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        # What comes before that, whoever asks may have made up.
        if len(told) >= proxies and net.network_of(told[-proxies]) is not None:
            return told[-proxies]
    return request.remote


def login_failed(services: Services, request: web.Request, user: str) -> None:
    """Send the event, unless there is a flood of them: those before it have told enough."""
    _send(services, request, user, "failure")


def logged_in(services: Services, request: web.Request, caller: Caller) -> None:
    """Someone got in by a password."""
    user = caller.user if caller.role == "member" else f"console:{caller.user}"
    _send(services, request, user, "success")


def _send(services: Services, request: web.Request, user: str, outcome: str) -> None:
    if services.watched.take(ALL):
        return
    ip = address(request, services.settings.api_proxies)
    event = Event(
        event_id=f"api-{uuid.uuid4().hex}",
        type="login",
        user_id=user[:ID_MAX_CHARS] or "api:unknown",
        time=rfc3339(services.now_ms()),  # type: ignore[arg-type]
        outcome=outcome,  # type: ignore[arg-type]
        ip=ip if ip is not None and net.network_of(ip) is not None else None,
        user_agent=_text(request.headers.get("User-Agent", ""))[:TEXT_MAX_CHARS] or None,
        attributes={"via": "argus"},
    )
    services.spawn(_sent(services, event, outcome))


def _text(header: str) -> str:
    """Bytes that are no UTF-8 are question marks: an event is, and one that cannot be written would not be seen."""
    return header.encode("utf-8", "replace").decode()


async def _sent(services: Services, event: Event, outcome: str) -> None:
    """To be judged like any login, and into the audit."""
    user, raw = event.user_id, encode(event)
    details: dict[str, Detail] = {"event_id": event.event_id}
    entry = Entry(user, f"api.login.{outcome}", user, "", rfc3339(services.now_ms()), details)
    noted = Output(services.settings.topic(NOTES), services.placing(user), user.encode(), note(entry))
    try:
        await services.producing.send([event_output(services, user, raw), noted])
    except Problem:
        # Whoever asked has been refused; that nobody is told of it now is in the log of the producer.
        return
