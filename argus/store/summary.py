"""Figures over a span of time, for the console's first page and for reports."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import BigInteger, Float, Integer, Table, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from argus.store import tables

RULES_MOST: Final = 20
BUCKETS_MOST: Final = 500
RISK_STEP: Final = 10


class Bucket(Struct, frozen=True):
    """Alerts whose events fell into a part of the span that begins at `start_ms`."""

    start_ms: int
    alerts: int


class Summary(Struct, kw_only=True):
    """Of events from `since_ms` to before `until_ms`, but for `locked` and `challenged`, which are of the end.

    decisions: by verdict; approvals, of which only a share is kept, are estimated from it. risk: decisions by tens of
    their risk score, 0 to 9 first. mtta_s, mttr_s: mean time from a case's opening to its acknowledgement and to its
    resolution, None where there was none. false_positive_share: of the resolved cases.
    """

    since_ms: int
    until_ms: int
    alerts: int
    alerts_by_severity: dict[str, int]
    alerts_by_kind: dict[str, int]
    alerts_by_rule: dict[str, int]
    trend: list[Bucket]
    decisions: dict[str, int]
    risk: list[int]
    cases_by_status: dict[str, int]
    resolutions: dict[str, int]
    false_positive_share: float | None
    mtta_s: float | None
    mttr_s: float | None
    overdue: int
    feedback: dict[str, int]
    locked: int
    challenged: int


async def summary(connection: AsyncConnection, since_ms: int, until_ms: int, bucket_ms: int) -> Summary:
    """bucket_ms: the length of a part of the trend; a span has at most `BUCKETS_MOST` parts, the last ones."""
    alerts, decisions, cases, labels = tables.alerts, tables.decisions, tables.cases, tables.feedback
    by_severity = await _counts(connection, alerts, alerts.c.severity, since_ms, until_ms)
    resolved = await _counts(connection, cases, cases.c.resolution, since_ms, until_ms, time=cases.c.resolved_ms)
    ended = sum(resolved.values())
    locked = await held(connection, until_ms)
    return Summary(
        since_ms=since_ms,
        until_ms=until_ms,
        alerts=sum(by_severity.values()),
        alerts_by_severity=by_severity,
        alerts_by_kind=await _counts(connection, alerts, alerts.c.kind, since_ms, until_ms),
        alerts_by_rule=await _counts(connection, alerts, alerts.c.rule_id, since_ms, until_ms, most=RULES_MOST),
        trend=await _trend(connection, since_ms, until_ms, max(1, bucket_ms)),
        decisions=await _counts(
            connection, decisions, decisions.c.decision, since_ms, until_ms, weight=decisions.c.weight
        ),
        risk=await _risk(connection, since_ms, until_ms),
        cases_by_status=await _counts(connection, cases, cases.c.status, since_ms, until_ms, time=cases.c.opened_ms),
        resolutions=resolved,
        false_positive_share=resolved.get("false_positive", 0) / ended if ended else None,
        mtta_s=await _mean_s(connection, cases.c.acknowledged_ms, since_ms, until_ms),
        mttr_s=await _mean_s(connection, cases.c.resolved_ms, since_ms, until_ms),
        overdue=await _overdue(connection, until_ms),
        feedback=await _counts(connection, labels, labels.c.label, since_ms, until_ms),
        locked=locked.get("locked", 0),
        challenged=locked.get("challenged", 0),
    )


async def _counts(
    connection: AsyncConnection,
    table: Table,
    by: ColumnElement[Any],
    since_ms: int,
    until_ms: int,
    *,
    time: ColumnElement[Any] | None = None,
    weight: ColumnElement[Any] | None = None,
    most: int = 100,
) -> dict[str, int]:
    """Rows by the value of a column, the most frequent first."""
    when = table.c.time_ms if time is None else time
    count = func.count() if weight is None else func.sum(weight)
    query = select(by, count).where(when >= since_ms, when < until_ms, by.is_not(None)).group_by(by)
    rows = await connection.execute(query.order_by(count.desc(), by).limit(most))
    return {value: round(total) for value, total in rows.all()}


async def _trend(connection: AsyncConnection, since_ms: int, until_ms: int, bucket_ms: int) -> list[Bucket]:
    time = tables.alerts.c.time_ms
    # Parts begin at whole multiples, so that they are the same whenever somebody looks.
    last = (until_ms - 1) // bucket_ms
    count = min(BUCKETS_MOST, max(0, last - since_ms // bucket_ms + 1))
    first = last - count + 1
    bucket = cast(time - time % bucket_ms, BigInteger)
    query = select(bucket, func.count()).where(time >= max(since_ms, first * bucket_ms), time < until_ms)
    found = {int(start): int(total) for start, total in (await connection.execute(query.group_by(bucket))).all()}
    starts = [number * bucket_ms for number in range(first, first + count)]
    return [Bucket(start, found.get(start, 0)) for start in starts]


async def _risk(connection: AsyncConnection, since_ms: int, until_ms: int) -> list[int]:
    table = tables.decisions.c
    most = 100 // RISK_STEP - 1
    lower = [(table.risk_score < (step + 1) * RISK_STEP, step) for step in range(most)]
    step = cast(case(*lower, else_=most), Integer).label("step")
    query = select(step, func.sum(table.weight)).where(table.time_ms >= since_ms, table.time_ms < until_ms)
    found = {int(number): round(total) for number, total in (await connection.execute(query.group_by(step))).all()}
    return [found.get(number, 0) for number in range(most + 1)]


async def _mean_s(
    connection: AsyncConnection, column: ColumnElement[Any], since_ms: int, until_ms: int
) -> float | None:
    """From the opening of a case to what the column says, for those where that is in the span."""
    took = func.avg(cast(column - tables.cases.c.opened_ms, Float))
    mean = await connection.scalar(select(took).where(column >= since_ms, column < until_ms))
    return None if mean is None else float(mean) / 1_000


async def _overdue(connection: AsyncConnection, now_ms: int) -> int:
    """Cases that nobody has acknowledged, or resolved, in time."""
    table = tables.cases.c
    late = (table.acknowledged_ms.is_(None) & (table.acknowledge_by_ms <= now_ms)) | (table.resolve_by_ms <= now_ms)
    return int(await connection.scalar(select(func.count()).where(table.status != "resolved", late)) or 0)


async def held(connection: AsyncConnection, now_ms: int) -> dict[str, int]:
    """How many users are held up, by state."""
    table = tables.locks.c
    query = select(table.state, func.count()).where(
        table.state != "unlocked", table.until_ms.is_(None) | (table.until_ms > now_ms)
    )
    return {state: int(count) for state, count in (await connection.execute(query.group_by(table.state))).all()}
