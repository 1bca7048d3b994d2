"""Every process on a Kafka that asks for names, passwords and certificates."""

import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus import broker
from tests.deploy.native import Container, Places
from tests.kafka.certificates import KEY_PASSWORD
from tests.kafka.node import NoKafka
from tests.kafka.secured import PASSWORD, USER, SecuredNode
from tests.kafka.until import until

pytestmark = [pytest.mark.kafka, pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredNode]:
    try:
        node = SecuredNode(tmp_path_factory.mktemp("secured"))
    except NoKafka as reason:
        pytest.skip(str(reason))
    node.start()
    try:
        assert asyncio.run(broker.answers(node.bootstrap, 120)), node.log()[-2_000:]
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def environment(secured: SecuredNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    password = tmp_path_factory.mktemp("secret") / "password"
    password.write_text(PASSWORD + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
    return kept | {
        "ARGUS_BROKER": secured.named,
        "ARGUS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ARGUS_KAFKA_USERNAME": USER,
        "ARGUS_KAFKA_PASSWORD_FILE": str(password),
        "ARGUS_KAFKA_CA_FILE": str(secured.pem.authority),
        "ARGUS_PARTITIONS": "2",
        "ARGUS_SECRET": "a secret that is long enough for tests",
        "ARGUS_FETCH_MAX_WAIT_MS": "20",
        "ARGUS_API_PORT": "0",
        "ARGUS_METRICS_PORT": "0",
    }


def argus(environment: dict[str, str], *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "argus", *command],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


HEALTH = {"healthcheck": {"test": ["CMD", "argus", "health"]}}
SERVICES = {
    "worker": {"command": ["worker"], **HEALTH},
    "sink": {"command": ["sink"], **HEALTH},
    "notify": {"command": ["notify"], **HEALTH},
    "api": {"command": ["serve"], "healthcheck": {"test": ["CMD", "argus", "health", "--api"]}},
}


def test_an_attack_goes_all_the_way(environment: dict[str, str], tmp_path: Path) -> None:
    """ingest, worker, sink, notify, serve, tail and audit, all by name, password and TLS."""
    created = argus(environment, "topics", "create")
    assert created.returncode == 0, created.stderr
    running = {}
    for name, service in SERVICES.items():
        port = "ARGUS_API_PORT" if name == "api" else "ARGUS_METRICS_PORT"
        own = {**environment, port: "0", "ARGUS_DATA_DIR": str(tmp_path / name)}
        if name != "api":
            own.pop("ARGUS_API_PORT")
        database = {"ARGUS_DATABASE_URL": f"sqlite:///{tmp_path / 'argus.db'}"}
        places = Places("", tmp_path, tmp_path / name, tmp_path / f"{name}.log")
        running[name] = Container({"environment": own | database, **service}, places)
    try:
        for each in running.values():
            each.start()
        for name, each in running.items():
            until(lambda each=each: each.healthy, 240, f"health of {name}")  # type: ignore[misc]
        begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        events = [
            {
                "event_id": f"m-{number}",
                "type": "login",
                "user_id": "mallory",
                "time": (begin + dt.timedelta(seconds=number)).isoformat(),
                "outcome": "failure",
            }
            for number in range(20)
        ]
        lines = "".join(json.dumps(event) + "\n" for event in events)
        sent = argus(environment, "ingest", "--file", "-", "--format", "json", text=lines)
        assert sent.returncode == 0, sent.stderr
        seen = argus(environment, "tail", "--from-start", "--count", "1", "--json")
        assert json.loads(seen.stdout.splitlines()[0])["user_id"] == "mallory", seen.stderr
        audited = argus(environment | {"ARGUS_DATA_DIR": str(tmp_path / "worker")}, "audit", "verify")
        assert audited.returncode == 0, audited.stdout + audited.stderr
    finally:
        statuses = {name: each.stop() for name, each in running.items()}
    assert set(statuses.values()) == {0}
    assert not [name for name, each in running.items() if PASSWORD in each.log()]


def test_other_ways_of_saying_who_one_is(secured: SecuredNode, environment: dict[str, str]) -> None:
    plain = {
        "ARGUS_BROKER": secured.open_named,
        "ARGUS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ARGUS_KAFKA_SASL_MECHANISM": "PLAIN",
    }
    certified = {
        "ARGUS_BROKER": secured.certified,
        "ARGUS_KAFKA_SECURITY_PROTOCOL": "SSL",
        "ARGUS_KAFKA_CERT_FILE": str(secured.pem.client),
        "ARGUS_KAFKA_KEY_FILE": str(secured.pem.client_key),
        "ARGUS_KAFKA_KEY_PASSWORD": KEY_PASSWORD,
    }
    for way in (plain, certified):
        done = argus(
            environment | way | {"ARGUS_TOPIC_PREFIX": f"{way['ARGUS_KAFKA_SECURITY_PROTOCOL']}."}, "topics", "create"
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", ["password", "authority", "open"])
def test_whoever_is_not_let_in_is_told_in_one_line(
    wrong: str, secured: SecuredNode, environment: dict[str, str]
) -> None:
    changed = {
        "password": {"ARGUS_KAFKA_PASSWORD": "another", "ARGUS_KAFKA_PASSWORD_FILE": None},
        "authority": {"ARGUS_KAFKA_CA_FILE": str(secured.pem.stranger)},
        "open": {"ARGUS_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
    }[wrong]
    merged = {name: value for name, value in (environment | changed).items() if value is not None}
    done = argus(merged, "topics", "create")
    assert done.returncode == 1
    assert "cannot declare topics" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "another" not in done.stderr
