"""docker-compose.yml at work, natively: real Apache Kafka with the file's properties, real PostgreSQL with the file's
script, and each process of ours by its own command line, environment and health check. An attack goes in; the alert
must come out of the API and out of the database, for the role of the boards too."""

import asyncio
import datetime as dt
import functools
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from argus import broker
from tests.argus.store.postgres import NoPostgres, Server, binaries
from tests.deploy.compose import ROOT, read
from tests.deploy.native import Container, Places, kafka_properties
from tests.kafka.node import Node, NoKafka
from tests.kafka.until import until

pytestmark = [pytest.mark.kafka, pytest.mark.broker, pytest.mark.slow]

COMPOSE = read(environ={"ARGUS_PARTITIONS": "4"})
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Of a small machine with many tests.
QUICK = {"ARGUS_FETCH_MAX_WAIT_MS": "20"}
# For what hangs, not for what is slow.
WITHIN_S = 240


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("house") / "secrets"
    subprocess.run([str(ROOT / "deploy" / "make-secrets"), str(directory)], check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def kafka_of_compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    written = functools.partial(kafka_properties, SERVICES["kafka"]["environment"])
    try:
        node = Node(tmp_path_factory.mktemp("kafka"), written)
    except NoKafka as reason:
        pytest.skip(str(reason))
    node.start()
    try:
        assert asyncio.run(broker.answers(node.bootstrap, 120)), node.log()[-2_000:]
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def postgres_of_compose(secrets: Path) -> Iterator[Server]:
    try:
        server = Server()
    except NoPostgres as reason:
        pytest.skip(str(reason))
    try:
        server.start()
        asyncio.run(server._execute("CREATE DATABASE argus"))
        environment = {
            **os.environ,
            "PATH": f"{binaries()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "POSTGRES_USER": SERVICES["postgres"]["environment"]["POSTGRES_USER"],
            "POSTGRES_DB": SERVICES["postgres"]["environment"]["POSTGRES_DB"],
            "GRAFANA_PASSWORD_FILE": str(secrets / "grafana_db_password"),
        }
        script = ROOT / "deploy" / "postgres" / "readers.sh"
        done = subprocess.run([str(script)], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        url = secrets / "database_url"
        url.chmod(0o600)
        url.write_text(url.read_text().replace("postgres:5432", f"127.0.0.1:{server.port}"))
        yield server
    finally:
        server.remove()


class House:
    """The services of ours, each where the file has it."""

    def __init__(self, bootstrap: str, secrets: Path, folder: Path) -> None:
        self._bootstrap, self._secrets, self._folder = bootstrap, secrets, folder
        self.running: dict[str, Container] = {}

    def made(self, service: str, number: int = 0) -> Container:
        name = f"{service}-{number}"
        places = Places(self._bootstrap, self._secrets, self._folder / name, self._folder / f"{name}.log")
        return Container(SERVICES[service], places, QUICK)

    def start(self, service: str, number: int = 0) -> Container:
        container = self.made(service, number)
        self.running[f"{service}-{number}"] = container
        container.start()
        return container


@pytest.fixture(scope="module")
def house(
    kafka_of_compose: Node, postgres_of_compose: Server, secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    house = House(kafka_of_compose.bootstrap, secrets, tmp_path_factory.mktemp("volumes"))
    try:
        topics = house.made("topics").run(*SERVICES["topics"]["command"])
        assert topics.returncode == 0, topics.stderr
        # `--scale worker=2`
        started = [house.start("worker", 0), house.start("worker", 1), house.start("sink"), house.start("notify")]
        started.append(house.start("api"))
        for each in started:
            until(lambda each=each: each.healthy, WITHIN_S, "health")  # type: ignore[misc]
        yield house
    finally:
        for each in house.running.values():
            each.stop()


def asked(house: House, token: str, path: str, body: object = None) -> Any:
    api = house.running["api-0"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{api.port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def attack(user: str) -> list[dict[str, object]]:
    """Passwords are guessed until one fits."""
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    return [
        {
            "event_id": f"{user}-{number}",
            "type": "login",
            "user_id": user,
            "time": (begin + dt.timedelta(seconds=number)).isoformat(),
            "outcome": "success" if number == 30 else "failure",
            "ip": "198.51.100.7",
            "device_id": "d-77",
        }
        for number in range(31)
    ]


def test_an_attack_goes_in_and_the_alert_is_at_the_api_and_in_the_database(
    house: House, postgres_of_compose: Server, secrets: Path
) -> None:
    api = house.running["api-0"]
    service = api.run("token", "create", "--role", "service").stdout.strip()
    analyst = api.run("token", "create", "--role", "analyst", "--user", "ann").stdout.strip()
    asked(house, service, "/v1/events", attack("mallory"))
    wanted = {"login_brute_force", "success_after_attack"}

    def rules() -> set[str]:
        found = asked(house, analyst, "/v1/alerts?user=mallory&limit=50")
        return {alert["rule_id"] for alert in found.get("alerts", found.get("items", []))}

    until(lambda: wanted <= rules(), WITHIN_S, "the alerts at the API")

    async def as_grafana() -> tuple[set[str], str]:
        password = (secrets / "grafana_db_password").read_text().strip()
        connection = await asyncpg.connect(
            host="127.0.0.1", port=postgres_of_compose.port, user="grafana", password=password, database="argus"
        )
        try:
            rows = await connection.fetch("SELECT rule_id FROM alerts WHERE user_id = 'mallory'")
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute("DELETE FROM alerts")
            return {row["rule_id"] for row in rows}, str(refused.value)
        finally:
            await connection.close()

    found, refused = asyncio.run(as_grafana())
    assert wanted <= found
    assert "read-only" in refused or "permission denied" in refused


def test_the_database_and_the_audit_are_backed_up_as_the_page_says(
    house: House, postgres_of_compose: Server, secrets: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    url = (secrets / "database_url").read_text().strip()
    environment = {**os.environ, "PATH": f"{binaries()}:{os.environ['PATH']}", "DATABASE_URL": url}

    def typed(begin: str) -> str:
        (line,) = (line.strip() for line in page.splitlines() if line.strip().startswith(begin))
        return line

    def run(line: str) -> None:
        done = subprocess.run(
            line, shell=True, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    async def alerts(name: str) -> int:
        connection = await asyncpg.connect(postgres_of_compose.url(name))
        try:
            return int(await connection.fetchval("SELECT count(*) FROM alerts"))
        finally:
            await connection.close()

    run(typed("pg_dump"))
    asyncio.run(postgres_of_compose._execute("CREATE DATABASE again"))
    environment["DATABASE_URL"] = postgres_of_compose.url("again")
    run(typed("pg_restore"))
    assert 0 < asyncio.run(alerts("again")) <= asyncio.run(alerts("argus"))
    run(typed("psql"))

    worker = house.running["worker-0"]
    for line in (typed("argus audit export"), typed("argus audit verify --file")):
        words = line.replace("audit.jsonl", str(tmp_path / "audit.jsonl")).split()
        done = worker.run(*words[1:])
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_worker_that_is_taken_away_leaves_its_partitions_to_the_other(house: House) -> None:
    """`--scale worker=1`, and back to two: what stops gives its partitions up in good order."""
    assert house.running["worker-1"].stop() == 0
    api = house.running["api-0"]
    token = api.run("token", "create", "--role", "service").stdout.strip()
    scored = {"event_id": "s-1", "type": "login", "user_id": "eve", "time": dt.datetime.now(dt.UTC).isoformat()}

    def decided() -> bool:
        try:
            return bool(asked(house, token, "/v1/score", scored)["decision"])
        except urllib.error.HTTPError as error:
            assert error.code == 503
            return False

    until(decided, WITHIN_S, "a decision")
    # The one event's partition may have come before others.
    until(lambda: house.running["worker-0"].healthy, WITHIN_S, "health")


def test_no_log_has_a_secret(house: House, secrets: Path) -> None:
    hidden = {
        path.name: path.read_text().strip()
        for path in secrets.iterdir()
        if path.name.endswith(("_secret", "_password", "_url"))
    }
    for name, container in house.running.items():
        for secret, text in hidden.items():
            assert text not in container.log(), f"{secret} is in the log of {name}"
