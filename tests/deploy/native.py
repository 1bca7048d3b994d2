"""The processes of docker-compose.yml without containers: its command lines, its environment, its health checks, with
the names and paths that only containers have put in place."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argus.broker import die_with
from argus.ports import LOOPBACK, pick
from tests.deploy.compose import ROOT

STOP_WITHIN_S = 240.0
# What a container has by its image, so that nothing of it comes from the developer's shell.
IMAGE = ("PATH", "LANG", "HOME", "TMPDIR")


@dataclass
class Places:
    """Where a container's names and paths are on this machine."""

    broker: str
    secrets: Path
    data: Path
    log: Path
    alertmanager: str = f"http://{LOOPBACK}:9"
    ports: dict[str, int] = field(default_factory=dict)

    def native(self, text: str) -> str:
        return (
            text.replace("kafka:9092", self.broker)
            .replace("/run/secrets", str(self.secrets))
            .replace("/var/lib/argus", str(self.data))
            .replace("0.0.0.0", LOOPBACK)
            .replace("http://alertmanager:9093", self.alertmanager)
        )


class Container:
    """One replica of a service."""

    def __init__(self, service: Mapping[str, Any], places: Places, more: Mapping[str, str] | None = None) -> None:
        self._service = service
        self._places = places
        self.port = pick()
        environment = {name: places.native(str(value)) for name, value in service["environment"].items()}
        for name in ("ARGUS_METRICS_PORT", "ARGUS_API_PORT"):
            if name in environment:
                environment[name] = str(self.port)
        if "ARGUS_API_PORT" in environment:
            del environment["ARGUS_METRICS_PORT"]
        self.environment = {name: os.environ[name] for name in IMAGE if name in os.environ} | environment
        self.environment.update(more or {})
        self._process: subprocess.Popen[bytes] | None = None
        places.data.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        with self._places.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "argus", *map(str, self._service["command"])],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=functools.partial(die_with, os.getpid()),
            )

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """As `docker compose exec` would, or `run` with another command."""
        return subprocess.run(
            [sys.executable, "-m", "argus", *command],
            env=self.environment,
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    @property
    def healthy(self) -> bool:
        """By its own health check."""
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-3_000:]
        kind, program, *arguments = self._service["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "argus")
        return self.run(*arguments).returncode == 0

    def log(self) -> str:
        return self._places.log.read_text(errors="replace")

    def stop(self) -> int | None:
        """As `docker compose stop`: SIGTERM, and time. None if it was never started."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def kafka_properties(environment: Mapping[str, str], directory: Path, port: int, controller_port: int) -> str:
    """server.properties as the official image writes it from KAFKA_ variables, on this machine's ports."""
    lines = []
    for name, value in environment.items():
        if not name.startswith("KAFKA_") or name == "KAFKA_HEAP_OPTS":
            continue
        key = name.removeprefix("KAFKA_").lower().replace("_", ".")
        text = (
            str(value)
            .replace("kafka:9093", f"{LOOPBACK}:{controller_port}")
            .replace("kafka:9092", f"{LOOPBACK}:{port}")
            .replace("://:9092", f"://{LOOPBACK}:{port}")
            .replace("://:9093", f"://{LOOPBACK}:{controller_port}")
            .replace("/var/lib/kafka/data", str(directory / "log"))
        )
        lines.append(f"{key}={text}")
    # The first rebalance of the tests need not wait for others.
    return "\n".join([*lines, "log.cleaner.dedupe.buffer.size=8388608", ""])
