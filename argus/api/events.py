"""POST /v1/events and /v1/score: events in, all of a request's or none."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from agents.shard import Output
from argus.api.problems import Fault, Problem, unavailable
from argus.api.route import Call, Reply
from argus.api.services import Services
from argus.api.shapes import NotInShape, records
from core.events import Action, Rejected, decode_action, nowhere
from core.records import Decision

EVENTS_MAX: Final = 1_000
# So many are checked without letting others in between.
CHECKED_AT_ONCE: Final = 200


class Accepted(Struct, frozen=True):
    """accepted: how many events the broker has acknowledged."""

    accepted: int


async def take(call: Call) -> Reply:
    """Every event is checked before the first is sent."""
    read = await _read(call)
    await send(call.services, read)
    return Reply(202, Accepted(len(read)))


async def send(services: Services, read: Sequence[tuple[Action, Output]]) -> None:
    """Returns when the broker has them all. Raises a `Problem`."""
    await services.producing.send([output for _, output in read])
    services.meter.events(len(read))


async def score(call: Call) -> Decision | Reply:
    """The stream decides about an event once: an id that was decided about before is answered from what is known."""
    read = await _read(call)
    if len(read) != 1:
        raise Problem(400, "invalid", "Exactly one event can be scored at a time")
    ((action, output),) = read
    services = call.services
    known = await services.decided.find(action.user_id, action.event_id, action.time_ms)
    if known is not None:
        return Reply(200, msgspec.Raw(known))
    started = services.seconds()
    await services.producing.send([output])
    found = await services.decided.wait(action.user_id, action.event_id, services.settings.api_score_wait_s)
    services.meter.scored(services.seconds() - started, found is not None)
    if found is None:
        raise unavailable("No decision has come in time; ask again with the same event_id", 1)
    services.decided.keep(found)
    return Reply(200, msgspec.Raw(found))


async def _read(call: Call) -> list[tuple[Action, Output]]:
    headers = {name.lower(): value for name, value in call.request.headers.items()}
    try:
        raws = records(call.body, call.request.content_type.lower() if "content-type" in headers else "", headers)
    except NotInShape as reason:
        raise Problem(400, "invalid", str(reason)) from None
    return await checked(call.services, raws)


async def checked(services: Services, raws: Sequence[bytes]) -> list[tuple[Action, Output]]:
    """Events on their way, all of them right. Raises a `Problem`."""
    if len(raws) > EVENTS_MAX:
        raise Problem(
            413, "too-large", f"{len(raws)} events are more than the {EVENTS_MAX} that one request may have"
        )
    if not raws:
        raise Problem(400, "invalid", "There is no event in the list")
    found: list[tuple[Action, Output]] = []
    faults: list[Fault] = []
    now_ms = services.now_ms()
    for index, raw in enumerate(raws):
        if index and not index % CHECKED_AT_ONCE:
            await asyncio.sleep(0)
        try:
            action = decode_action(raw, now_ms=now_ms, locate=nowhere)
        except Rejected as rejected:
            faults.append(
                Fault(index=index, event_id=_event_id(raw), error=rejected.error, reason=rejected.reason[:500])
            )
        else:
            found.append((action, event_output(services, action.user_id, raw)))
    if faults:
        wrong = f"{len(faults)} of {len(raws)} events are" if len(raws) > 1 else "The event is"
        raise Problem(400, "invalid-events", f"{wrong} not taken, and nothing was sent", errors=faults)
    return found


def event_output(services: Services, user_id: str, raw: bytes) -> Output:
    """An event on its way to its user's partition."""
    return Output(services.settings.topic("events"), services.placing(user_id), user_id.encode(), raw)


class _Id(Struct):
    event_id: str


_id: Final = msgspec.json.Decoder(_Id).decode


def _event_id(raw: bytes) -> str | None:
    try:
        return _id(raw).event_id[:128]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
