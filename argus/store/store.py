"""The database as the sink and the API use it: opened once, migrated, written a batch at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from argus.store.engine import open_engine
from argus.store.migrate import migrate
from argus.store.rows import DELETED, Rows, storable
from argus.store.upserts import UPSERTS, Row, forget_rules, newest, write


class Store:
    """One engine on one database. url: from `argus.store.engine.database_url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        self._migrating = asyncio.Lock()
        self._migrated = False
        # SQLite has one writer: who waits here does so without a thread, and without a time-out.
        self._turn = asyncio.Semaphore(1 if url.startswith("sqlite:") else 1_000)

    async def migrate(self) -> None:
        """Bring the tables up to this version of Argus; one process at a time, the others wait. Raises what the
        database raises, and `argus.store.migrate.NewerSchema`."""
        async with self._migrating:
            if not self._migrated:
                await migrate(self.engine, self.url)
                self._migrated = True

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for `argus.store.reads`."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: whole when this ends, or not at all if it raises."""
        async with self._turn, self.engine.begin() as connection:
            yield connection

    async def write(self, batches: Iterable[Rows]) -> None:
        """The rows of some records, in the order of the records, as one transaction."""
        by_table, deleted = _sorted(batches)
        if not by_table and not deleted:
            return
        async with self.writing() as connection:
            for name, rows in by_table.items():
                await write(connection, UPSERTS[name], rows)
            if deleted:
                await forget_rules(connection, deleted)

    async def close(self) -> None:
        await self.engine.dispose()


def _sorted(batches: Iterable[Rows]) -> tuple[dict[str, list[Row]], list[str]]:
    """Rows by table, always in the same order of tables, and the rules to delete."""
    found: dict[str, list[Row]] = {}
    deleted: dict[str, None] = {}
    for rows in batches:
        for name, row in rows:
            row = storable(row)
            if name == DELETED:
                deleted[row[0]] = None
            else:
                if name == "rules":
                    deleted.pop(row[0], None)
                found.setdefault(name, []).append(row)
    by_table = {name: newest(UPSERTS[name], found[name]) for name in UPSERTS if name in found}
    if deleted and "rules" in by_table:
        by_table["rules"] = [row for row in by_table["rules"] if row[0] not in deleted]
        if not by_table["rules"]:
            del by_table["rules"]
    return by_table, list(deleted)
