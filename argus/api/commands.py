"""Commands: into the topic, and the answer back when it has come."""

import uuid
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from agents.shard import Output
from argus.api.once import HEADER
from argus.api.problems import Problem, not_found
from argus.api.route import Call, Reply
from argus.store import reads
from core.clock import rfc3339
from core.records import Command, Outcome, encode


class Pending(Struct, frozen=True):
    """A command on its way. Its outcome will be at `location`."""

    command_id: str
    location: str
    status: str = "pending"


def command_id(call: Call, step: str = "") -> str:
    """The same for the same caller, path and idempotency key. step: where one request takes several commands."""
    key = call.request.headers.get(HEADER)
    if key is None:
        return f"api-{uuid.uuid4().hex}"
    parts = (call.caller.role, call.caller.user, call.request.method, call.request.path, key, step)
    return f"api-{blake2b(chr(0).join(parts).encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


async def ask(call: Call, type_: str, user_id: str, *, step: str = "", **fields: Any) -> Outcome | Pending:
    """Send a command and wait for its outcome. user_id: whom it is about, or the source of a case about nobody in
    particular. Raises a `Problem` of 409 where it is refused, and of 503 without a broker."""
    services = call.services
    command = Command(
        command_id=command_id(call, step),
        type=type_,  # type: ignore[arg-type]
        user_id=user_id,
        by=call.caller.user,
        role=call.caller.role,
        time=rfc3339(services.now_ms()),  # type: ignore[arg-type]
        **fields,
    )
    output = Output(services.settings.topic("commands"), services.placing(user_id), user_id.encode(), encode(command))
    await services.producing.send([output])
    outcome = await services.outcomes.wait(command.command_id, services.settings.api_outcome_wait_s)
    if outcome is None:
        return Pending(command.command_id, f"/v1/commands/{command.command_id}")
    if outcome.status == "refused":
        raise Problem(409, "refused", outcome.reason, outcome=outcome)
    return outcome


def replied(answer: Outcome | Pending) -> Reply:
    """200 with the outcome, or 202 with where it will be."""
    if isinstance(answer, Pending):
        return Reply(202, answer, {"Location": answer.location})
    return Reply(200, answer)


async def outcome(call: Call) -> Outcome:
    """GET /v1/commands/{command_id}: a member sees the outcomes of its own commands."""
    wanted = call.path["command_id"]
    found = call.services.outcomes.get(wanted)
    if found is None:
        async with call.services.store.reading() as connection:
            found = await reads.outcome(connection, wanted)
    if found is None or (call.caller.role == "member" and found.user_id != call.caller.user):
        raise not_found("There is no outcome of such a command, or not yet")
    return found
