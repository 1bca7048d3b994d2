"""What the API asks the database. Records come back as the contract has them, unknown fields left out."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from argus.store import tables
from argus.store.pages import Page, page
from argus.store.rows import searchable
from core.records import Alert, AuditRecord, Case, Decision, Feedback, Kind, Lock, Outcome, SeverityName

TEXT_CHARS_MAX: Final = 200
RECENT: Final = 50

Status = Literal["open", "acknowledged", "investigating", "resolved"]


class AlertFilter(Struct, frozen=True, kw_only=True):
    """All of what is given must hold; an empty tuple or None asks for nothing. since_ms, until_ms: of the event, the
    end not included; text: anywhere in title, summary, rule, user, source, ids and context, capital or small."""

    severities: tuple[SeverityName, ...] = ()
    kinds: tuple[Kind, ...] = ()
    rule_ids: tuple[str, ...] = ()
    user_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    text: str | None = None
    mode: Literal["live", "shadow"] | None = None


class CaseFilter(Struct, frozen=True, kw_only=True):
    """As `AlertFilter`. assignee: an empty text asks for cases of nobody; source: `ip:192.0.2.1` for example."""

    statuses: tuple[Status, ...] = ()
    severities: tuple[SeverityName, ...] = ()
    assignee: str | None = None
    user_id: str | None = None
    source: str | None = None


class UserRow(Struct, frozen=True):
    """A user as lists have it. lock: the newest word, whose end may have passed."""

    user_id: str
    last_ms: int
    decision: str
    risk_score: float
    lock: Lock | None


class UserOverview(Struct, kw_only=True):
    """What is known of a user: lists are newest first, at most `RECENT` each. last_ms: of the newest event, to within
    ten minutes; lock: the newest word, whose end may have passed; alerts: live ones, shadow: those in shadow."""

    user_id: str
    first_ms: int | None
    last_ms: int | None
    decision: str | None
    risk_score: float | None
    lock: Lock | None
    locks: list[Lock]
    alerts: list[Alert]
    shadow: list[Alert]
    cases: list[Case]
    decisions: list[Decision]
    outcomes: list[Outcome]
    feedback: list[Feedback]


async def alerts(
    connection: AsyncConnection, wanted: AlertFilter, cursor: str | None = None, limit: int = RECENT
) -> Page[Alert]:
    """By the time of the event, newest first. Raises `argus.store.pages.BadCursor`."""
    table = tables.alerts.c
    query = select(table.time_ms, table.alert_id, table.record)
    for column, values in (
        (table.severity, wanted.severities),
        (table.kind, wanted.kinds),
        (table.rule_id, wanted.rule_ids),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.user_id is not None:
        query = query.where(table.user_id == wanted.user_id)
    if wanted.since_ms is not None:
        query = query.where(table.time_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(table.time_ms < wanted.until_ms)
    if wanted.text:
        query = query.where(table.search.contains(searchable(wanted.text[:TEXT_CHARS_MAX]), autoescape=True))
    if wanted.mode is not None:
        query = query.where(table.mode == wanted.mode)
    rows, following = await page(connection, query, (table.time_ms, table.alert_id), cursor, limit)
    return Page([_alert(row.record) for row in rows], following)


async def alert(connection: AsyncConnection, alert_id: str) -> Alert | None:
    table = tables.alerts.c
    found = await connection.scalar(select(table.record).where(table.alert_id == alert_id))
    return None if found is None else _alert(found)


async def cases(
    connection: AsyncConnection, wanted: CaseFilter, cursor: str | None = None, limit: int = RECENT
) -> Page[Case]:
    """By when they were opened, newest first. Raises `argus.store.pages.BadCursor`."""
    table = tables.cases.c
    query = select(table.opened_ms, table.case_id, table.record)
    if wanted.statuses:
        query = query.where(table.status.in_(wanted.statuses))
    if wanted.severities:
        query = query.where(table.severity.in_(wanted.severities))
    if wanted.assignee is not None:
        query = query.where(table.assignee == wanted.assignee if wanted.assignee else table.assignee.is_(None))
    if wanted.user_id is not None:
        query = query.where(table.user_id == wanted.user_id)
    if wanted.source is not None:
        query = query.where(table.source == wanted.source)
    rows, following = await page(connection, query, (table.opened_ms, table.case_id), cursor, limit)
    return Page([_case(row.record) for row in rows], following)


async def case(connection: AsyncConnection, case_id: str) -> Case | None:
    table = tables.cases.c
    found = await connection.scalar(select(table.record).where(table.case_id == case_id))
    return None if found is None else _case(found)


async def decision(connection: AsyncConnection, user_id: str, event_id: str) -> Decision | None:
    """None too for an approval that was not kept."""
    table = tables.decisions.c
    query = select(table.record).where(table.event_id == event_id, table.user_id == user_id)
    found = await connection.scalar(query)
    return None if found is None else _decision(found)


async def outcome(connection: AsyncConnection, command_id: str) -> Outcome | None:
    table = tables.outcomes.c
    found = await connection.scalar(select(table.record).where(table.command_id == command_id))
    return None if found is None else _outcome(found)


async def lock(connection: AsyncConnection, user_id: str) -> Lock | None:
    """The newest word on a user, `unlocked` included; whose end may have passed."""
    table = tables.locks.c
    found = await connection.scalar(select(table.record).where(table.user_id == user_id))
    return None if found is None else _lock(found)


async def user(connection: AsyncConnection, user_id: str) -> UserOverview | None:
    """None for a user of whom nothing is known."""
    table = tables.users.c
    seen = (await connection.execute(select(*tables.users.c).where(table.user_id == user_id))).first()
    overview = UserOverview(
        user_id=user_id,
        first_ms=seen.first_ms if seen else None,
        last_ms=seen.last_ms if seen else None,
        decision=seen.decision if seen else None,
        risk_score=seen.risk_score if seen else None,
        lock=await lock(connection, user_id),
        locks=[_lock(one) for one in await _records(connection, _history(user_id))],
        alerts=(await alerts(connection, AlertFilter(user_id=user_id, mode="live"))).items,
        shadow=(await alerts(connection, AlertFilter(user_id=user_id, mode="shadow"))).items,
        cases=(await cases(connection, CaseFilter(user_id=user_id))).items,
        decisions=[_decision(one) for one in await _records(connection, _of_user(tables.decisions, user_id))],
        outcomes=[_outcome(one) for one in await _records(connection, _of_user(tables.outcomes, user_id))],
        feedback=[_feedback(one) for one in await _records(connection, _of_user(tables.feedback, user_id))],
    )
    alerted = overview.alerts or overview.shadow
    known = seen or overview.lock or alerted or overview.cases or overview.outcomes or overview.feedback
    return overview if known else None


async def users(
    connection: AsyncConnection, text: str = "", cursor: str | None = None, limit: int = RECENT
) -> Page[UserRow]:
    """Those seen last come first. text: how their ids begin. Raises `argus.store.pages.BadCursor`."""
    seen, held = tables.users.c, tables.locks.c
    query = select(seen.user_id, seen.last_ms, seen.decision, seen.risk_score, held.record).join_from(
        tables.users, tables.locks, seen.user_id == held.user_id, isouter=True
    )
    if text:
        query = query.where(seen.user_id.startswith(text[:TEXT_CHARS_MAX], autoescape=True))
    rows, following = await page(connection, query, (seen.last_ms, seen.user_id), cursor, limit)
    found = [
        UserRow(row.user_id, row.last_ms, row.decision, row.risk_score, _lock(row.record) if row.record else None)
        for row in rows
    ]
    return Page(found, following)


async def audited(connection: AsyncConnection, subjects: Sequence[str], limit: int = RECENT) -> list[AuditRecord]:
    """What the audit has about some subjects, newest first: who did what, when and why."""
    table = tables.audit.c
    query = select(table.record).where(table.subject.in_(subjects)).order_by(table.time_ms.desc(), table.hash)
    return [_audit(record) for record in await _records(connection, query.limit(limit))]


async def _records(connection: AsyncConnection, query: Select[Any]) -> list[str]:
    return list((await connection.scalars(query)).all())


def _of_user(table: Any, user_id: str) -> Select[Any]:
    query = select(table.c.record).where(table.c.user_id == user_id)
    return query.order_by(table.c.time_ms.desc()).limit(RECENT)


def _history(user_id: str) -> Select[Any]:
    table = tables.lock_history.c
    return select(table.record).where(table.user_id == user_id).order_by(table.version.desc()).limit(RECENT)


_alert: Final = msgspec.json.Decoder(Alert).decode
_audit: Final = msgspec.json.Decoder(AuditRecord).decode
_case: Final = msgspec.json.Decoder(Case).decode
_decision: Final = msgspec.json.Decoder(Decision).decode
_feedback: Final = msgspec.json.Decoder(Feedback).decode
_lock: Final = msgspec.json.Decoder(Lock).decode
_outcome: Final = msgspec.json.Decoder(Outcome).decode
