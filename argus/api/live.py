"""GET /ws/alerts: alerts as they come, filtered; after a break from the last one that was seen."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from msgspec import Meta, Struct
from sqlalchemy import select

from argus.api.alerts import SEVERAL
from argus.api.feed import Client, Told
from argus.api.problems import Problem
from argus.api.route import Call, Reply
from argus.api.services import Services
from argus.store import tables
from core.records import Alert, Id, Kind, SeverityName

HEARTBEAT_S: Final = 30.0
HEARD_BYTES_MAX: Final = 4_096
CLOSE_WITHIN_S: Final = 5.0
RESUMED_MAX: Final = 1_000
TOO_SLOW: Final = 4_008
EXPIRED: Final = 4_001
UNKNOWN: Final = 4_004

logger = logging.getLogger(__name__)


class LiveQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """severity, kind and rule may name several, with commas. after: the alert_id that was seen last, and count: in
    which record of it, otherwise in its first; what came since is told first."""

    severity: Annotated[tuple[SeverityName, ...], SEVERAL] = ()
    kind: Annotated[tuple[Kind, ...], SEVERAL] = ()
    rule: Annotated[tuple[Id, ...], SEVERAL] = ()
    user: Id | None = None
    shadow: bool = False
    after: Id | None = None
    count: Annotated[int, Meta(ge=1)] | None = None

    def wants(self, alert: Alert) -> bool:
        return (
            (not self.severity or alert.severity in self.severity)
            and (not self.kind or alert.kind in self.kind)
            and (not self.rule or alert.rule_id in self.rule)
            and (self.user is None or alert.user_id == self.user)
            and (self.shadow or alert.mode == "live")
        )


async def alerts(call: Call) -> Reply:
    """Each message is an alert record. Who reads too slowly is given up: close code 4008, to go on with `after`."""
    services, query = call.services, call.query
    if services.feed.clients >= services.settings.api_live_clients:
        raise Problem(503, "too-many-clients", "Too many clients listen already", headers={"Retry-After": "30"})
    services.sessions.check_origin(call.request)
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=HEARD_BYTES_MAX, compress=False)
    if not socket.can_prepare(call.request).ok:
        raise Problem(426, "upgrade", "A WebSocket is to be asked for", headers={"Upgrade": "websocket"})
    client = Client(query.wants)
    # Before what was missed is read, so that nothing falls in between.
    services.feed.listen(client)
    try:
        await socket.prepare(call.request)
        await _serve(call, socket, client)
    finally:
        services.feed.leave(client)
    return Reply(0, socket)


async def _serve(call: Call, socket: web.WebSocketResponse, client: Client) -> None:
    services, expires_s = call.services, call.caller.expires_s
    tasks = [
        asyncio.create_task(work)
        for work in (
            _tell(services, call.query, socket, client),
            _hear(socket),
            client.slow.wait(),
            _expire(expires_s),
        )
    ]
    telling, hearing, _, expired = tasks
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if client.slow.is_set():
        services.meter.dropped()
        await _close(call.request, socket, TOO_SLOW, b"too slow: go on with after=ALERT_ID")
    elif expired.done() and not expired.cancelled():
        await _close(call.request, socket, EXPIRED, b"the token has expired")
    elif hearing.done() and not hearing.cancelled():
        await _close(call.request, socket, WSCloseCode.OK, b"")
    elif telling.done() and not telling.cancelled() and telling.exception() is not None:
        error = telling.exception()
        if not isinstance(error, ConnectionError | _Unknown):
            logger.error("live alerts broke off", exc_info=error)
        code = UNKNOWN if isinstance(error, _Unknown) else WSCloseCode.INTERNAL_ERROR
        await _close(call.request, socket, code, b"no such alert to go on from" if code == UNKNOWN else b"")


class _Unknown(Exception):
    """The alert to go on from is not known."""


async def _tell(services: Services, query: LiveQuery, socket: web.WebSocketResponse, client: Client) -> None:
    told: set[tuple[str, int]] = set()
    if query.after is not None:
        for missed in await _missed(services, query.after, query.count):
            if query.wants(missed.alert):
                told.add((missed.alert.alert_id, missed.alert.count))
                await socket.send_str(missed.text)
    while True:
        next_ = await client.queue.get()
        # Only what was queued while the missed ones were read can be there twice.
        if told and (next_.alert.alert_id, next_.alert.count) in told:
            continue
        if told and client.queue.empty():
            told.clear()
        await socket.send_str(next_.text)


async def _missed(services: Services, after: str, count: int | None) -> Iterable[Told]:
    """What came after an alert, of memory and of the database, oldest first."""
    remembered = services.feed.since(after, count)
    if remembered is not None:
        return remembered
    table = tables.alerts.c
    async with services.store.reading() as connection:
        since_ms = await connection.scalar(select(table.recorded_ms).where(table.alert_id == after))
        if since_ms is None:
            raise _Unknown
        query = select(table.record, table.recorded_ms).where(table.recorded_ms >= since_ms, table.alert_id != after)
        newest = (await connection.execute(query.order_by(table.recorded_ms.desc()).limit(RESUMED_MAX))).all()
    stored = [_stored(row.record, row.recorded_ms) for row in reversed(newest)]
    seen = {(one.alert.alert_id, one.alert.count) for one in stored}
    later = [one for one in services.feed.after(since_ms) if (one.alert.alert_id, one.alert.count) not in seen]
    return [*stored, *(one for one in later if one.alert.alert_id != after)]


def _stored(record: str, at_ms: int) -> Told:
    return Told(msgspec.json.decode(record, type=Alert), record, at_ms)


async def _hear(socket: web.WebSocketResponse) -> None:
    """Returns when the client has gone. What it says is nothing to us."""
    async for message in socket:
        if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
            return


async def _expire(expires_s: float) -> None:
    await asyncio.sleep(min(max(0.0, expires_s - time.time()), 365 * 86_400))


async def _close(request: web.Request, socket: web.WebSocketResponse, code: int, message: bytes) -> None:
    """Who does not read cannot be told for ever."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await socket.close(code=code, message=message)
            return
    if request.transport is not None:
        request.transport.abort()
