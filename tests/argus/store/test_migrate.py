import asyncio
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from argus.store.migrate import MIGRATIONS, NewerSchema, config, differences, head
from argus.store.store import Store
from argus.store.tables import metadata
from tests.argus.store.records import run


def tables_of(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    async def story(store: Store) -> None:
        async with store.reading() as connection:
            assert await connection.run_sync(differences) == []
            assert await connection.run_sync(tables_of) == {*metadata.tables, "alembic_version"}

    run(url, story)


def test_migrating_again_and_many_at_once_changes_nothing(empty: str) -> None:
    async def story(store: Store) -> None:
        others = [Store(empty) for _ in range(4)]
        await asyncio.gather(*(one.migrate() for one in others))
        await store.migrate()
        await asyncio.gather(*(one.close() for one in others))
        async with store.reading() as connection:
            assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == head()

    run(empty, story)


def test_a_database_of_a_newer_argus_is_left_alone(url: str) -> None:
    async def story(store: Store) -> None:
        async with store.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(NewerSchema, match="made by a newer Argus"):
            await store.migrate()

    run(url, story)


def test_every_migration_leads_from_the_first_to_the_head_in_one_line() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert len(scripts.get_heads()) == 1
    assert len(list(scripts.walk_revisions())) == len(list((MIGRATIONS / "versions").glob("v*.py")))


def test_the_migrations_are_packages_so_that_a_wheel_has_them() -> None:
    assert MIGRATIONS.is_relative_to(Path(__file__).parents[3] / "argus")
    assert all((directory / "__init__.py").exists() for directory in (MIGRATIONS, MIGRATIONS / "versions"))
