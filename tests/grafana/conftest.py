"""The house that the boards are tried on; it stands for as long as a file of tests asks for it."""

from collections.abc import Iterator

import pytest

from tests.argus.notify.receivers import receiver
from tests.argus.store.postgres import NoPostgres, Server
from tests.grafana.house import House


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """A real PostgreSQL."""
    try:
        server = Server()
    except NoPostgres as reason:
        pytest.skip(str(reason))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tansu: str, database: Server) -> Iterator[House]:
    """Workers, sink, notify, API, Alertmanager and Prometheus; nothing happens in it yet."""
    with receiver() as inbox:
        running = House(tmp_path_factory.mktemp("house"), tansu, database.database(), inbox)
        try:
            running.begin()
            yield running
        finally:
            running.end()
