"""What is kept for how long. Old rows go a few at a time, so that no reader and no writer waits for long."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from sqlalchemy import Delete, Table, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from argus.settings import Settings
from argus.store import tables
from argus.store.store import Store
from core.clock import DAY

ROWS_AT_ONCE: Final = 1_000
# A round ends after so many rows of a table; the rest is for the next one.
ROWS_A_ROUND: Final = 100_000
RETENTION_LOCK: Final = 0x4152_4755_5302


class Keep(Struct, frozen=True, eq=False):
    """How long rows of a table are kept, counted from when Argus sent them. only: those that may go at all."""

    table: Table
    days: float
    only: ColumnElement[bool] | None = None


def kept(settings: Settings) -> tuple[Keep, ...]:
    """Every table that forgets. Locks are not among them: their versions never begin again. Nor are open cases."""
    return (
        Keep(tables.alerts, settings.retention_days_alerts),
        Keep(tables.decisions, settings.retention_days_decisions),
        Keep(tables.cases, settings.retention_days_cases, tables.cases.c.status == "resolved"),
        Keep(tables.lock_history, settings.retention_days_locks),
        Keep(tables.outcomes, settings.retention_days_outcomes),
        Keep(tables.feedback, settings.retention_days_feedback),
        Keep(tables.audit, settings.retention_days_audit),
        Keep(tables.users, settings.retention_days_users),
    )


async def forget(store: Store, keeps: tuple[Keep, ...], now_ms: int) -> Mapping[str, int]:
    """Delete what is too old; how many rows of each table went. Where another sink is at it, nothing happens."""
    deleted = {}
    for keep in keeps:
        if keep.days > 0:
            count = await _forget(store, keep, now_ms - int(keep.days * DAY))
            if count:
                deleted[keep.table.name] = count
    return deleted


async def _forget(store: Store, keep: Keep, before_ms: int) -> int:
    total = 0
    while total < ROWS_A_ROUND:
        async with store.writing() as connection:
            if not await _alone(connection):
                return total
            gone = (await connection.execute(_statement(keep, before_ms))).rowcount
        total += gone
        if gone < ROWS_AT_ONCE:
            break
    return total


def _statement(keep: Keep, before_ms: int) -> Delete:
    table = keep.table
    old = table.c.recorded_ms < before_ms
    if keep.only is not None:
        old = old & keep.only
    keys = list(table.primary_key)
    some = select(*keys).where(old).order_by(table.c.recorded_ms).limit(ROWS_AT_ONCE)
    return delete(table).where(tuple_(*keys).in_(some) if len(keys) > 1 else keys[0].in_(some))


async def _alone(connection: AsyncConnection) -> bool:
    """Whether this transaction is the only one that deletes, until it ends. SQLite has one writer as it is."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(await connection.scalar(select(func.pg_try_advisory_xact_lock(RETENTION_LOCK))))
