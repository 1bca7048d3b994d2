"""What the models said, by the decisions that are kept, and what labels said of it."""

from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from argus.store import tables

DECISIONS_MOST: Final = 4_000
LABELS_MOST: Final = 2_000
SNAPSHOT: Final = "model.snapshot"


class Scored(Struct, frozen=True):
    """One decision. weight: for how many it stands; scores: model to 0..1; fraud: whether a label says so."""

    user_id: str
    time_ms: int
    weight: float
    risk_score: float
    scores: dict[str, float]
    fraud: bool = False


class Version(Struct, frozen=True):
    """The newest snapshot of a partition's models. count: how many there were; learned: from how many events."""

    partition: str
    time_ms: int
    models: str
    learned: int
    snapshot: str
    count: int


class _Scores(Struct):
    scores: dict[str, float] = {}


class _Details(Struct):
    learned: int = 0
    snapshot: str = ""


class _Link(Struct):
    reason: str
    details: _Details


async def newest(connection: AsyncConnection, since_ms: int, until_ms: int) -> list[Scored]:
    """The newest decisions of the span that count, `DECISIONS_MOST` at most, the newest first."""
    table = tables.decisions.c
    query = (
        select(table.user_id, table.time_ms, table.weight, table.risk_score, table.record)
        .where(table.time_ms >= since_ms, table.time_ms < until_ms, table.weight > 0)
        .order_by(table.time_ms.desc())
        .limit(DECISIONS_MOST)
    )
    return [_scored(row) for row in (await connection.execute(query)).all()]


async def labelled_fraud(connection: AsyncConnection, since_ms: int) -> list[Scored]:
    """Decisions about events that a label since then calls fraud, each once."""
    table, labels = tables.decisions.c, tables.feedback.c
    query = (
        select(table.event_id, table.user_id, table.time_ms, table.weight, table.risk_score, table.record)
        .join_from(
            tables.feedback,
            tables.decisions,
            (table.event_id == labels.event_id) & (table.user_id == labels.user_id),
        )
        .where(labels.label == "fraud", labels.time_ms >= since_ms)
        .distinct()
        .limit(LABELS_MOST)
    )
    return [_scored(row, fraud=True) for row in (await connection.execute(query)).all()]


async def versions(connection: AsyncConnection) -> list[Version]:
    """By partition. None of a database that has no copy of the audit."""
    table = tables.audit.c
    newest_of = (
        select(table.subject, func.max(table.time_ms).label("time_ms"), func.count().label("count"))
        .where(table.action == SNAPSHOT)
        .group_by(table.subject)
        .subquery()
    )
    query = (
        select(table.subject, table.time_ms, table.record, newest_of.c.count)
        .join_from(
            tables.audit, newest_of, (table.subject == newest_of.c.subject) & (table.time_ms == newest_of.c.time_ms)
        )
        .where(table.action == SNAPSHOT)
    )
    found = {}
    for subject, time_ms, record, count in (await connection.execute(query)).all():
        link, partition = _link(record), subject.removeprefix("models:")
        found[partition] = Version(
            partition, time_ms, link.reason, link.details.learned, link.details.snapshot, int(count)
        )
    return sorted(found.values(), key=lambda one: (len(one.partition), one.partition))


def _scored(row: Any, *, fraud: bool = False) -> Scored:
    scores = _scores(row.record).scores
    return Scored(row.user_id, row.time_ms, row.weight or 1.0, row.risk_score, scores, fraud)


_scores: Final = msgspec.json.Decoder(_Scores).decode
_link: Final = msgspec.json.Decoder(_Link).decode
