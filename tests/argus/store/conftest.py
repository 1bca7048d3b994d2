"""A database of each kind for each test."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus.store.store import Store
from tests.argus.store.postgres import NoPostgres, Server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL shared by the session: make databases of your own. Skips where it can't run."""
    try:
        server = Server()
    except NoPostgres as reason:
        pytest.skip(str(reason))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'argus.db'}"
    server: Server = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def url(empty: str) -> str:
    """The address of a migrated one."""

    async def migrate() -> None:
        store = Store(empty)
        await store.migrate()
        await store.close()

    asyncio.run(migrate())
    return empty
