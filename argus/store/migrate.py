"""The database's tables, brought up to this version of Argus by the migrations that come with it."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from argus.store.engine import masked
from argus.store.tables import metadata

MIGRATIONS: Final = Path(__file__).parent / "migrations"
# PostgreSQL's advisory locks are numbers that everybody in a database shares; these are ours.
MIGRATION_LOCK: Final = 0x4152_4755_5301


class NewerSchema(Exception):
    """The database was migrated by a newer Argus."""


def config(connection: Connection | None = None) -> Config:
    """alembic's, for these migrations."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The revision that this version of Argus works with."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found
    return found


async def migrate(engine: AsyncEngine, url: str) -> None:
    """Upgrade to `head` in one transaction, under a lock that other processes wait for."""
    if engine.dialect.name == "postgresql":
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            await connection.run_sync(_upgrade, url)
        return
    with await asyncio.to_thread(_locked, Path(url.removeprefix("sqlite:///"))):
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, url)


def differences(connection: Connection) -> list[Any]:
    """What the tables in the database lack or have too much, compared with `argus.store.tables`."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def _upgrade(connection: Connection, url: str) -> None:
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if present is not None and present not in known:
        raise NewerSchema(f"{masked(url)} was made by a newer Argus (revision {present}): start that one")
    command.upgrade(config(connection), "head")


def _locked(database: Path) -> Any:
    """A lock on a file beside the database, held when this returns; it goes with the process, however that ends."""
    file = database.with_name(f"{database.name}.lock").open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return _closing(file)


@contextmanager
def _closing(file: Any) -> Iterator[None]:
    with file:
        yield
