"""GET /ws/alerts: alerts as they come, filtered; after a break from the last one that was seen."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from msgspec import Meta, Struct
from sqlalchemy import select, tuple_

from argus.api.alerts import SEVERAL
from argus.api.feed import KEPT, Client, Told
from argus.api.problems import Problem
from argus.api.route import Call, Reply
from argus.api.services import Services
from argus.store import tables
from core.records import Alert, Id, Kind, SeverityName

HEARTBEAT_S: Final = 30.0
HEARD_BYTES_MAX: Final = 4_096
CLOSE_WITHIN_S: Final = 5.0
# A login may end before its time, in whatever process: how often it is asked for.
LOGIN_ASKED_EVERY_S: Final = 60.0
MISSED_AT_ONCE: Final = 1_000
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
            and alert.mode == ("shadow" if self.shadow else "live")
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
    services = call.services
    tasks = [
        asyncio.create_task(work)
        for work in (
            _tell(services, call.query, socket, client),
            _hear(socket),
            client.slow.wait(),
            ended(call),
        )
    ]
    telling, hearing, _, over = tasks
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if client.slow.is_set():
        services.meter.dropped()
        await _close(call.request, socket, TOO_SLOW, b"too slow: go on with after=ALERT_ID")
    elif over.done() and not over.cancelled():
        await _close(call.request, socket, EXPIRED, b"the token or the login has ended")
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
    # Only what was queued while the missed ones were read can be there twice, and that is among the last of them.
    last: deque[tuple[str, int]] = deque(maxlen=KEPT + MISSED_AT_ONCE)
    if query.after is not None:
        async for missed in _missed(services, query.after, query.count):
            last.append(missed.key)
            if query.wants(missed.alert):
                await socket.send_str(missed.text)
    told = set(last)
    while True:
        next_ = await client.queue.get()
        if next_.key in told:
            continue
        if told and client.queue.empty():
            told.clear()
        await socket.send_str(next_.text)


async def _missed(services: Services, after: str, count: int | None) -> AsyncIterator[Told]:
    """What came after a record of an alert, of memory and of the database, oldest first. The database has only the
    newest record of each alert, in its place."""
    remembered = services.feed.since(after, count)
    if remembered is not None:
        for told in remembered:
            yield told
        return
    table = tables.alerts.c
    async with services.store.reading() as connection:
        query = select(table.count.label("newest"), table.recorded_ms, table.first_ms).where(table.alert_id == after)
        known = (await connection.execute(query)).first()
    if known is None:
        raise _Unknown
    # The record that was seen may have come any time since the first.
    since_ms = known.recorded_ms if known.newest == count or known.first_ms is None else known.first_ms
    later = services.feed.after(since_ms)
    stored = dict.fromkeys((told.alert.alert_id for told in later), 0)
    async for told in _stored(services, since_ms):
        if told.key != (after, count or 1):
            yield told
        if told.alert.alert_id in stored:
            stored[told.alert.alert_id] = told.alert.count
    for told in later:
        if told.alert.count > stored[told.alert.alert_id]:
            yield told


async def _stored(services: Services, since_ms: int) -> AsyncIterator[Told]:
    """Alerts of the database that were recorded then or later. No connection is held while somebody reads."""
    table = tables.alerts.c
    place = (since_ms, "")
    while True:
        query = (
            select(table.record, table.recorded_ms, table.alert_id)
            .where(tuple_(table.recorded_ms, table.alert_id) > place)
            .order_by(table.recorded_ms, table.alert_id)
            .limit(MISSED_AT_ONCE)
        )
        async with services.store.reading() as connection:
            page = (await connection.execute(query)).all()
        for row in page:
            yield Told(msgspec.json.decode(row.record, type=Alert), row.record, row.recorded_ms)
        if len(page) < MISSED_AT_ONCE:
            return
        place = (page[-1].recorded_ms, page[-1].alert_id)


async def _hear(socket: web.WebSocketResponse) -> None:
    """Returns when the client has gone. What it says is nothing to us."""
    async for message in socket:
        if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
            return


async def ended(call: Call, every_s: float = LOGIN_ASKED_EVERY_S) -> None:
    """Returns when the token has expired, or the login is no more. every_s: how often it is asked for."""
    while (left_s := call.caller.expires_s - time.time()) > 0:
        await asyncio.sleep(min(left_s, every_s))
        if call.caller.csrf is not None and not await _logged_in(call):
            return


async def _logged_in(call: Call) -> bool:
    try:
        return await call.services.sessions.caller(call.request) is not None
    except Exception:  # noqa: BLE001 - a database that is away has logged nobody out
        return True


async def _close(request: web.Request, socket: web.WebSocketResponse, code: int, message: bytes) -> None:
    """Who does not read cannot be told for ever."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await socket.close(code=code, message=message)
            return
    if request.transport is not None:
        request.transport.abort()
