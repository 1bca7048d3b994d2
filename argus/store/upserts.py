"""Writing rows so that a repeat changes nothing: one statement for each table and batch, all in one transaction.

Rows are tuples in the order of their table's columns. To PostgreSQL they go as one array for each column, to SQLite
as `executemany`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import Executable

from argus.store import tables

Row = tuple[Any, ...]


class Upsert(Struct, frozen=True, eq=False):
    """How rows of a table meet those that are there. wins: `first` keeps the row that is there, `last` takes the one
    that comes, `higher` the one whose `by` is higher. kept: columns that stay as they were first written."""

    table: Table
    wins: Literal["first", "last", "higher"]
    by: str = ""
    kept: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key)


ALERTS: Final = Upsert(tables.alerts, "higher", "count", kept=("first_ms",))
# A row that stands for no decision but its own (weight 0) gives way to the sink's, which counts.
DECISIONS: Final = Upsert(tables.decisions, "higher", "weight")
CASES: Final = Upsert(tables.cases, "higher", "version")
LOCKS: Final = Upsert(tables.locks, "higher", "version")
LOCK_HISTORY: Final = Upsert(tables.lock_history, "first")
OUTCOMES: Final = Upsert(tables.outcomes, "first")
FEEDBACK: Final = Upsert(tables.feedback, "first")
AUDIT: Final = Upsert(tables.audit, "first")
USERS: Final = Upsert(tables.users, "higher", "last_ms", kept=("first_ms",))
RULES: Final = Upsert(tables.rules, "last")
UPSERTS: Final[Mapping[str, Upsert]] = {
    upsert.name: upsert
    for upsert in (
        ALERTS, DECISIONS, CASES, LOCKS, LOCK_HISTORY, OUTCOMES, FEEDBACK, AUDIT, USERS, RULES,
    )
}  # fmt: skip


def newest(upsert: Upsert, rows: Iterable[Row]) -> list[Row]:
    """One row for each key, the one that would stand after all of them, in the order of keys: two writers that share
    keys then never wait for each other in a circle."""
    columns = upsert.table.columns.keys()
    key_at = [columns.index(name) for name in upsert.keys]
    by = columns.index(upsert.by) if upsert.by else 0
    kept = [columns.index(name) for name in upsert.kept]
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[at] for at in key_at)
        there = found.get(key)
        if there is None or upsert.wins == "last" or (upsert.wins == "higher" and row[by] > there[by]):
            if there is not None and kept:
                row = tuple(there[at] if at in kept else value for at, value in enumerate(row))
            found[key] = row
    return [found[key] for key in sorted(found)]


async def write(connection: AsyncConnection, upsert: Upsert, rows: Sequence[Row]) -> None:
    """The rows of one table, none of them of the same key (see `newest`)."""
    columns = upsert.table.columns.keys()
    if connection.dialect.name == "postgresql":
        await connection.execute(_POSTGRESQL[upsert.name], dict(zip(columns, zip(*rows, strict=True), strict=True)))
    else:
        await connection.execute(_SQLITE[upsert.name], [dict(zip(columns, row, strict=True)) for row in rows])


async def forget_rules(connection: AsyncConnection, rule_ids: Sequence[str]) -> None:
    """User-defined rules that are no more."""
    await connection.execute(delete(tables.rules).where(tables.rules.c.rule_id.in_(rule_ids)))


def _settled(upsert: Upsert, insert: Any) -> Executable:
    """The insert, with what happens where the key is there already."""
    if upsert.wins == "first":
        return insert.on_conflict_do_nothing()
    changed = {
        name: insert.excluded[name]
        for name in upsert.table.columns.keys()  # noqa: SIM118 - a collection of columns iterates over columns
        if name not in upsert.keys and name not in upsert.kept
    }
    where = None
    if upsert.wins == "higher":
        where = insert.excluded[upsert.by] > upsert.table.c[upsert.by]
    return insert.on_conflict_do_update(index_elements=list(upsert.keys), set_=changed, where=where)


def _from_arrays(upsert: Upsert) -> Executable:
    columns = list(upsert.table.columns)
    names = [column.name for column in columns]
    arrays = [bindparam(column.name, type_=ARRAY(column.type)) for column in columns]
    rows = func.unnest(*arrays).table_valued(*names).render_derived(name="given")
    insert = postgresql.insert(upsert.table).from_select(names, select(*(rows.c[name] for name in names)))
    return _settled(upsert, insert)


_SQLITE: Final = {name: _settled(upsert, sqlite.insert(upsert.table)) for name, upsert in UPSERTS.items()}
_POSTGRESQL: Final = {name: _from_arrays(upsert) for name, upsert in UPSERTS.items()}
