"""Alerts: lists and single ones, and what people do with them."""

import asyncio
import re
from datetime import datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from agents.shard import Output
from argus.api.commands import ask, replied
from argus.api.problems import Problem, invalid, not_found
from argus.api.query import VALUES_MAX
from argus.api.route import Call, Reply
from argus.store import reads
from argus.store.pages import BadCursor
from argus.store.reads import AlertFilter
from core.case_commands import NO_ALERT
from core.clock import MINUTE, to_ms
from core.events import EARLIEST_MS, LATEST_MS
from core.feedback import label_record
from core.records import Alert, Id, Kind, SeverityName
from core.rules.rings import RING_MEMBER

LIMIT_MAX: Final = 500
# An alert may be seen here before it has come to where cases are worked: so long a command about it is sent again.
FRESH_MS: Final = MINUTE
TRIES: Final = 20
AGAIN_S: Final = 0.25
NUMBER: Final = re.compile(r"[0-9]{1,14}")

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="at most so many; 50 by default")]
Cursor = Annotated[str, Meta(max_length=1_024, description="`next` of the page before")]
# A `+` that was not escaped has become a space on its way.
TIME: Final = (
    r"^([0-9]{1,14}|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+ -]([01][0-9]|2[0-3]):[0-5][0-9]))$"
)
When = Annotated[str, Meta(pattern=TIME, description="RFC 3339, or milliseconds since the epoch")]
SEVERAL: Final = Meta(min_length=1, max_length=VALUES_MAX)
Text = Annotated[str, Meta(max_length=200)]
NOTE_CHARS_MAX: Final = 2_000
NoteText = Annotated[str, Meta(max_length=NOTE_CHARS_MAX)]


class AlertQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """severity, kind and rule may name several, with commas. since, until: of the event's time."""

    severity: Annotated[tuple[SeverityName, ...], SEVERAL] = ()
    kind: Annotated[tuple[Kind, ...], SEVERAL] = ()
    rule: Annotated[tuple[Id, ...], SEVERAL] = ()
    user: Id | None = None
    since: When | None = None
    until: When | None = None
    text: Text | None = None
    shadow: bool = False
    cursor: Cursor | None = None
    limit: Limit = 50


class RecentQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest alerts."""

    limit: Limit = 50


class AlertPage(Struct, frozen=True):
    """Newest first. next: the cursor of the page behind this one, null where there is none."""

    items: list[Alert]
    next: str | None


class Remark(Struct, frozen=True, forbid_unknown_fields=True):
    """note: kept with the case."""

    note: NoteText | None = None


class Dispute(Struct, frozen=True, forbid_unknown_fields=True):
    """note: what the member has to say."""

    note: NoteText | None = None


class Resolve(Struct, frozen=True, forbid_unknown_fields=True):
    """What an alert turned out to be."""

    resolution: Annotated[str, Meta(pattern="^(confirmed_fraud|false_positive|inconclusive)$")] = "confirmed_fraud"
    note: NoteText | None = None


def when_ms(name: str, text: str | None) -> int | None:
    """A time of a query. Raises a `Problem`."""
    if text is None:
        return None
    try:
        found = int(text) if NUMBER.fullmatch(text) else to_ms(datetime.fromisoformat(text.upper().replace(" ", "+")))
    except (ValueError, TypeError, OverflowError):
        raise invalid("expected RFC 3339 with a zone, or milliseconds since the epoch", name) from None
    return max(EARLIEST_MS, min(found, LATEST_MS))


async def listed(call: Call) -> AlertPage:
    query: AlertQuery = call.query
    wanted = AlertFilter(
        severities=query.severity,
        kinds=query.kind,
        rule_ids=query.rule,
        user_id=query.user,
        since_ms=when_ms("since", query.since),
        until_ms=when_ms("until", query.until),
        text=query.text,
        mode="shadow" if query.shadow else "live",
    )
    try:
        async with call.services.store.reading() as connection:
            found = await reads.alerts(connection, wanted, query.cursor, query.limit)
    except BadCursor as error:
        raise invalid(str(error), "cursor") from None
    return AlertPage(found.items, found.next)


async def recent(call: Call) -> AlertPage:
    async with call.services.store.reading() as connection:
        found = await reads.alerts(connection, AlertFilter(mode="live"), None, call.query.limit)
    return AlertPage(found.items, found.next)


async def one(call: Call) -> Alert:
    return await visible(call)


async def acknowledge(call: Call) -> Reply:
    return await case_work(call, "acknowledge")


async def resolve(call: Call) -> Reply:
    return await case_work(call, "resolve", resolution=(call.body or Resolve()).resolution)


async def false_positive(call: Call) -> Reply:
    return await case_work(call, "false_positive")


async def dispute(call: Call) -> Reply:
    """Whoever disputes an alert speaks for the own account, also where the alert is about many."""
    alert = await visible(call)
    note = call.body.note if call.body is not None else None
    answer = await ask(call, "dispute", call.caller.user, alert_id=alert.alert_id, reason=note)
    if alert.user_id is None:
        await _label_own(call, alert, answer.command_id)
    return replied(answer)


async def _label_own(call: Call, alert: Alert, command_id: str) -> None:
    """Labels the caller's events in an alert about many, as far as they are at hand. Its alerts are worked on by its
    source, where nobody knows whose event is whose; of an alert about one user the label is made there."""
    services, user_id = call.services, call.caller.user
    told = dict.fromkeys((alert.event_id, *alert.event_ids))
    own = await services.lately.named(user_id, told)
    async with services.store.reading() as connection:
        own |= {name for name in told if name not in own and await reads.decision(connection, user_id, name)}
    topic, partition, key = services.settings.topic("feedback"), services.placing(user_id), user_id.encode()
    now_ms = services.now_ms()
    labels = [label_record("dispute", command_id, user_id, name, "fraud", now_ms) for name in told if name in own]
    if labels:
        await services.producing.send([Output(topic, partition, key, label) for label in labels])


async def case_work(call: Call, type_: str, **fields: str) -> Reply:
    """A command about the case of the alert in the path."""
    alert = await visible(call)
    fields |= {"alert_id": alert.alert_id}
    if call.body is not None and call.body.note is not None:
        fields |= {"reason": call.body.note}
    fresh = call.services.now_ms() - to_ms(datetime.fromisoformat(alert.detected_at)) < FRESH_MS
    for number in range(TRIES if fresh else 1):
        if number:
            await asyncio.sleep(AGAIN_S)
        try:
            return replied(await ask(call, type_, subject_of(alert), step=str(number or ""), **fields))
        except Problem as problem:
            if problem.outcome is None or problem.outcome.reason != NO_ALERT:
                raise
            refused = problem
    raise refused


async def visible(call: Call) -> Alert:
    """The alert in the path, if there is one that the caller may see. Raises a `Problem`."""
    alert_id = call.path["alert_id"]
    found = call.services.feed.get(alert_id)
    if found is None:
        async with call.services.store.reading() as connection:
            found = await reads.alert(connection, alert_id)
    member = call.caller.role == "member"
    if found is None or (member and not concerns(found, call.caller.user)):
        raise not_found("There is no such alert")
    return for_member(found) if member else found


def for_member(alert: Alert) -> Alert:
    """Without the reasons that name other users (what one has in common with a fraud is for who works on alerts), and
    without what would have kept it from firing, which a thief would like to know."""
    reasons = [reason for reason in alert.reasons if reason.rule_id != RING_MEMBER]
    return replace(alert, reasons=reasons, counterfactual=UNSET)


def concerns(alert: Alert, user_id: str) -> bool:
    """Whether it is for that member to see."""
    if alert.mode != "live" or alert.rule_id == RING_MEMBER:
        return False
    return alert.user_id == user_id or (alert.users is not UNSET and user_id in alert.users)


def subject_of(alert: Alert) -> str:
    """Whose cases it belongs to: the user's, or the source's."""
    if alert.user_id is not None or alert.source is UNSET:
        return alert.user_id or ""
    return f"{alert.source.type}:{alert.source.id}"
