"""Series over a span of time, for the charts of the console. Spans and parts are as in `argus.store.summary`."""

from collections import Counter
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Float, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from argus.store import tables

PAYMENTS: Final = ("transaction", "payout")
JUDGED_MOST: Final = 5_000
AMOUNTS_MOST: Final = 250

Buckets = dict[int, dict[str, float]]


class Amount(Struct, frozen=True):
    """One payment. usd: rough dollars, more than 0."""

    usd: float
    risk_score: float
    decision: str


class Verdicts(Struct):
    """What became of a rule's cases. A case counts for each of its rules."""

    resolved: int = 0
    false: int = 0


class _Judged(Struct):
    rules: list[str] = []
    resolution: str | None = None


async def alerts_by_severity(connection: AsyncConnection, since_ms: int, until_ms: int, bucket_ms: int) -> Buckets:
    """Live alerts, by the part's beginning and severity."""
    table = tables.alerts.c
    part = _part(table.time_ms, bucket_ms)
    query = (
        select(part, table.severity, func.count())
        .where(table.time_ms >= since_ms, table.time_ms < until_ms, table.mode == "live")
        .group_by(part, table.severity)
    )
    return _buckets((await connection.execute(query)).all())


async def failures(connection: AsyncConnection, since_ms: int, until_ms: int, bucket_ms: int) -> Buckets:
    """Failed logins (`login`), codes (`otp`) and payments (`transaction`, `payout`), by the part's beginning and
    type; estimated where they were approved."""
    table = tables.decisions.c
    part = _part(table.time_ms, bucket_ms)
    query = (
        select(part, table.type, func.sum(table.weight))
        .where(table.time_ms >= since_ms, table.time_ms < until_ms, table.failed == 1)
        .where(table.type.in_(("login", "otp", *PAYMENTS)))
        .group_by(part, table.type)
    )
    return _buckets((await connection.execute(query)).all())


async def response_times(connection: AsyncConnection, since_ms: int, until_ms: int, bucket_ms: int) -> Buckets:
    """Mean seconds from opening a case to its acknowledgement (`ack`) and resolution (`resolve`), by the part in
    which that was."""
    table = tables.cases.c
    found: Buckets = {}
    for name, column in (("ack", table.acknowledged_ms), ("resolve", table.resolved_ms)):
        part = _part(column, bucket_ms)
        took = func.avg(cast(column - table.opened_ms, Float))
        query = select(part, took).where(column >= since_ms, column < until_ms).group_by(part)
        for start, mean in (await connection.execute(query)).all():
            found.setdefault(int(start), {})[name] = float(mean) / 1_000
    return found


async def amounts(connection: AsyncConnection, since_ms: int, until_ms: int) -> list[Amount]:
    """The newest payments of each verdict, `AMOUNTS_MOST` at most."""
    table = tables.decisions.c
    found: list[Amount] = []
    for verdict in ("approve", "challenge", "block"):
        query = (
            select(table.usd, table.risk_score)
            .where(table.time_ms >= since_ms, table.time_ms < until_ms, table.decision == verdict)
            .where(table.type.in_(PAYMENTS), table.usd > 0)
            .order_by(table.time_ms.desc())
            .limit(AMOUNTS_MOST)
        )
        found += [Amount(usd, risk, verdict) for usd, risk in (await connection.execute(query)).all()]
    return found


async def verdicts_by_rule(connection: AsyncConnection, since_ms: int, until_ms: int) -> dict[str, Verdicts]:
    """Of the cases resolved in the span, the newest `JUDGED_MOST`: by rule."""
    table = tables.cases.c
    query = (
        select(table.record)
        .where(table.resolved_ms >= since_ms, table.resolved_ms < until_ms)
        .order_by(table.opened_ms.desc())
        .limit(JUDGED_MOST)
    )
    found: dict[str, Verdicts] = {}
    for record in (await connection.scalars(query)).all():
        judged = _decode(record)
        for rule_id in dict.fromkeys(judged.rules):
            verdicts = found.setdefault(rule_id, Verdicts())
            verdicts.resolved += 1
            verdicts.false += judged.resolution == "false_positive"
    return found


async def alerts_by_rule(connection: AsyncConnection, since_ms: int, until_ms: int) -> dict[str, Counter[str]]:
    """Alerts of each rule, by mode (`live`, `shadow`)."""
    table = tables.alerts.c
    query = (
        select(table.rule_id, table.mode, func.count())
        .where(table.time_ms >= since_ms, table.time_ms < until_ms)
        .group_by(table.rule_id, table.mode)
    )
    found: dict[str, Counter[str]] = {}
    for rule_id, mode, count in (await connection.execute(query)).all():
        found.setdefault(rule_id, Counter())[mode] = int(count)
    return found


def _part(time: ColumnElement[Any], bucket_ms: int) -> ColumnElement[int]:
    return cast(time - time % bucket_ms, BigInteger)


def _buckets(rows: Any) -> Buckets:
    found: Buckets = {}
    for start, name, total in rows:
        found.setdefault(int(start), {})[name] = float(total)
    return found


_decode: Final = msgspec.json.Decoder(_Judged).decode
