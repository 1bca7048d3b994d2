"""Records of the topics for tests, and a way to put them into a database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import func, select

from argus.store.rows import Rows, reader
from argus.store.store import Store
from argus.store.tables import metadata
from core.clock import rfc3339
from core.records import Alert, AuditRecord, Case, Decision, Feedback, Lock, Note, Outcome, Source, encode

NOW_MS = 1_790_000_000_000
Result = TypeVar("Result")


class Raw(NamedTuple):
    """A Kafka record, as far as rows are made from it."""

    value: bytes | None
    timestamp: int = NOW_MS
    key: bytes = b"k"
    topic: str = "argus.alerts"
    partition: int = 0
    offset: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def alert(alert_id: str = "a1", **changed: Any) -> Alert:
    fields: dict[str, Any] = {
        "schema_version": 1, "user_id": "u1", "event_id": "e1", "event_ids": ["e1"], "rule_id": "impossible_travel",
        "kind": "SECURITY", "severity": "HIGH", "risk_score": 81.5, "title": "Impossible travel",
        "summary": "User u1: from Köln to Lima in 2 hours.", "reasons": [], "suggested_actions": [],
        "context": {"ip": "192.0.2.7", "amount": 12.5}, "scores": {}, "contributions": {}, "attack": ["T1078"],
        "time": rfc3339(NOW_MS), "detected_at": rfc3339(NOW_MS + 5), "dedup_key": "k", "count": 1, "mode": "live",
    }  # fmt: skip
    return Alert(alert_id=alert_id, **(fields | changed))


def source_alert(alert_id: str, source: Source, users: list[str], **changed: Any) -> Alert:
    return alert(alert_id, user_id=None, source=source, users=users, **changed)


def decision(event_id: str = "e1", **changed: Any) -> Decision:
    fields: dict[str, Any] = {
        "user_id": "u1", "time": rfc3339(NOW_MS), "risk_score": 12.25, "decision": "approve", "scores": {},
        "rules": [],
    }  # fmt: skip
    return Decision(event_id=event_id, **(fields | changed))


def case(case_id: str = "c1", **changed: Any) -> Case:
    fields: dict[str, Any] = {
        "user_id": "u1", "alert_ids": ["a1"], "severity": "HIGH", "priority": 60, "status": "open",
        "resolution": None, "assignee": None, "notes": [Note("ann", rfc3339(NOW_MS), "Asked the user.")],
        "opened": rfc3339(NOW_MS), "acknowledge_by": rfc3339(NOW_MS + 3_600_000),
        "resolve_by": rfc3339(NOW_MS + 7_200_000), "acknowledged": None, "resolved": None, "version": 1,
        "attack": "takeover", "title": "Impossible travel", "rules": ["impossible_travel"],
    }  # fmt: skip
    return Case(case_id=case_id, **(fields | changed))


def lock(user_id: str = "u1", **changed: Any) -> Lock:
    fields: dict[str, Any] = {
        "state": "locked", "scope": ["payout", "transaction"], "reason": "A payout after a new password",
        "alert_id": "a1", "since": rfc3339(NOW_MS), "until": rfc3339(NOW_MS + 86_400_000), "by": "rule", "version": 1,
    }  # fmt: skip
    return Lock(user_id=user_id, **(fields | changed))


def outcome(command_id: str = "m1", **changed: Any) -> Outcome:
    fields: dict[str, Any] = {"user_id": "u1", "status": "done", "reason": "Unlocked", "time": rfc3339(NOW_MS)}
    return Outcome(command_id=command_id, **(fields | changed))


def feedback(feedback_id: str = "f1", **changed: Any) -> Feedback:
    fields: dict[str, Any] = {
        "event_id": "e1", "user_id": "u1", "label": "fraud", "source": "analyst", "time": rfc3339(NOW_MS)
    }  # fmt: skip
    return Feedback(feedback_id=feedback_id, **(fields | changed))


def audit(hash_: str = "h1", **changed: Any) -> AuditRecord:
    fields: dict[str, Any] = {
        "partition": 0, "sequence": 1, "previous": "", "signature": "", "subject": "u1", "action": "lock",
        "by": "rule", "reason": "", "time": rfc3339(NOW_MS), "recorded": rfc3339(NOW_MS), "details": {},
    }  # fmt: skip
    return AuditRecord(hash=hash_, **(fields | changed))


def raw(record: Any, **where: Any) -> Raw:
    return Raw(encode(record), **where)


def rows(topic: str, records: Iterable[Any], share: float = 1.0, **where: Any) -> list[Rows]:
    read = reader(topic, share)
    return [read(record if isinstance(record, Raw) else raw(record, **where)) for record in records]


def run(url: str, story: Callable[[Store], Awaitable[Result]]) -> Result:
    """The story with the database of that address open."""

    async def told() -> Result:
        store = Store(url)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(told())


async def stored(store: Store, table: str) -> list[Any]:
    """The records of a table, in the order of their keys."""
    columns = metadata.tables[table]
    async with store.reading() as connection:
        query = select(columns.c.record).order_by(*columns.primary_key)
        return [msgspec.json.decode(record) for record in (await connection.scalars(query)).all()]


async def count(store: Store, table: str) -> int:
    async with store.reading() as connection:
        found = await connection.scalar(select(func.count()).select_from(metadata.tables[table]))
        return int(found or 0)
