"""docker-compose.yml against the schema of Compose files and against what Argus asks of it."""

import json
import re
import shlex
import stat
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from argus.cli import COMMANDS
from argus.settings import load_settings
from tests.deploy.compose import FILE, ROOT, argus_services, fill, read
from tests.kafka.node import version

COMPOSE = read()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Those that end by themselves, or only send, have no health.
ENDING = {"topics", "simulator"}
OVERRIDE = ROOT / "deploy" / "compose" / "kafka-outside.yml"
MADE_UP = {"argus_secret", "postgres_password", "grafana_admin_password", "grafana_secret_key", "grafana_db_password",
           "database_url", "otp_delivery", "channels"}  # fmt: skip


@pytest.mark.parametrize("path", [FILE, OVERRIDE], ids=lambda path: path.name)
def test_it_is_a_compose_file(path: Path) -> None:
    # Of the package only the file is wanted: to import it starts a command line.
    bundled = distribution("check-jsonschema").locate_file(
        "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    schema = json.loads(Path(str(bundled)).read_text())
    jsonschema.Draft7Validator(schema).validate(read(path))


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert service["pids_limit"] <= 1024
    limits = service["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory"}
    assert service["restart"] == ("no" if name == "topics" else "unless-stopped")
    assert service["logging"]["options"]["max-size"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "only loopback: what is in front has TLS"
    for volume in service.get("volumes", []):
        if volume.startswith("./"):
            assert volume.endswith(":ro")
            assert (ROOT / volume.split(":")[0]).exists(), f"{volume} is not there"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_full_version_and_no_registry(name: str) -> None:
    assert re.fullmatch(r"([a-z]+/)?[a-z]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])


def test_kafka_is_the_version_that_the_tests_run() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version()}"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ENDING))
def test_every_service_that_stays_tells_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert not SERVICES[name]["healthcheck"].get("disable")


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_the_health_of_what_it_needs(name: str) -> None:
    for other, needed in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ENDING else "service_healthy"
        assert needed["condition"] == wanted
        assert not SERVICES[other].get("profiles")


def test_nothing_secret_is_written_down_and_every_secret_is_a_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL|DELIVERY", variable) and "SAMESITE" not in variable:
                assert "/run/secrets/" in value, f"{name}: {variable}"
        for secret in service.get("secrets", []):
            assert COMPOSE["secrets"][secret] == {"file": f"./secrets/{secret}"}
        said = json.dumps(service)
        assert set(re.findall(r"/run/secrets/(\w+)", said)) <= set(service.get("secrets", []))
    asked = re.findall(r"/run/secrets/(\w+)", (ROOT / "prometheus" / "alertmanager.yml").read_text())
    assert set(asked) == set(SERVICES["alertmanager"]["secrets"])


@pytest.mark.parametrize("name", argus_services(COMPOSE))
def test_argus_takes_its_environment_and_knows_its_command(name: str, tmp_path: Path) -> None:
    service = SERVICES[name]
    environment = {key: str(value) for key, value in service["environment"].items()}
    for key, value in environment.items():
        if key.endswith("_FILE") and key != "ARGUS_NOTIFY_FILE":
            file = tmp_path / Path(value).name
            file.write_text("postgresql://argus:hush@postgres/argus")
            environment[key] = str(file)
    settings = load_settings(environment)
    assert settings.secret
    assert settings.broker == "kafka:9092"
    assert service["command"][0] in COMMANDS


def test_workers_that_are_scaled_share_no_volume_and_no_port() -> None:
    worker = SERVICES["worker"]
    assert worker["volumes"] == ["/var/lib/argus"], "an anonymous volume is each container's own"
    assert "ports" not in worker
    assert "container_name" not in worker


def test_prometheus_runs_the_shipped_configuration_with_targets_by_name() -> None:
    shipped = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    ours = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text())
    assert ours.pop("rule_files") == ["/etc/argus/rules/*.yml"]
    shipped.pop("rule_files")
    assert _without_targets(ours) == _without_targets(shipped)
    for job in ours["scrape_configs"]:
        (target,) = job["dns_sd_configs"]
        (name,) = target["names"]
        assert job["job_name"].removeprefix("argus-") == name
        assert name in SERVICES


def test_grafana_is_given_every_variable_that_its_provisioning_asks_for() -> None:
    asked = {
        name
        for path in (ROOT / "grafana" / "provisioning").rglob("*.y*ml")
        for name in re.findall(r"\$\{(\w+)\}", path.read_text().replace("$$", ""))
        if name != "__value"
    }
    assert asked <= set(SERVICES["grafana"]["environment"])


def _without_targets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_targets(child) for key, child in value.items() if not key.endswith("_sd_configs")}
    return [_without_targets(child) for child in value] if isinstance(value, list) else value


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    command = [str(ROOT / "deploy" / "make-secrets"), str(directory)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    made = {path.name: path.read_text() for path in directory.iterdir()}
    assert set(made) == MADE_UP
    assert set(re.findall(r"to be filled by you: \S+/(\w+)", said)) == set(COMPOSE["secrets"]) - MADE_UP
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert len({made[name] for name in MADE_UP}) == len(MADE_UP)
    assert made["postgres_password"].strip() in made["database_url"]
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert not re.search("^made", again, re.MULTILINE)
    assert {path.name: path.read_text() for path in directory.iterdir()} == made


def test_the_image_is_built_from_the_lock_without_root_and_with_all_that_is_copied() -> None:
    lines = re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text()).splitlines()
    steps = [shlex.split(line, comments=True) for line in lines if line and not line.startswith("#")]
    images = [step[1] for step in steps if step[0] == "FROM"]
    assert len(images) == 2
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in images)
    assert ["USER", "10001:10001"] in steps
    (locked,) = (step for step in steps if "requirements.lock" in step and step[0] == "RUN")
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(locked)
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for step in steps if step[0] == "COPY" and not step[1].startswith("--") for name in step[1:-1]}
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


def test_variables_are_filled_in_as_compose_does() -> None:
    assert fill("${A:-b} $${A} ${A:-}", {}) == "b ${A} "
    assert fill(["${A:?say it}"], {"A": "x"}) == ["x"]
    with pytest.raises(AssertionError):
        fill("${A:?say it}", {})
