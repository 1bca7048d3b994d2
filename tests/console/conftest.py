"""The console on a real broker and SQLite, with a stand-in for the workers and a few records in its database."""

import uuid
from collections.abc import Iterator

import pytest

from argus.api import accounts
from argus.store.store import Store
from tests.argus.api.conftest import seeded
from tests.argus.api.running import MEMBER, PASSWORD, Running, settings_for
from tests.argus.store.records import case


async def with_an_admin(store: Store) -> None:
    await seeded(store)
    await accounts.create(store, "root", "admin", None, PASSWORD, replace=True)


@pytest.fixture(scope="module")
def served(tansu: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Logins: ann (analyst), root (admin), ada@home (the member ada), all with `PASSWORD`."""
    prefix = f"console-{uuid.uuid4().hex[:8]}."
    settings = settings_for(tansu, tmp_path_factory.mktemp("console"), prefix, console_simulator=True)
    with Running(settings, with_an_admin) as running:
        running.stream.cases = {name: case(name, user_id=user) for name, user in (("c1", MEMBER), ("c2", "bob"))}
        yield running
