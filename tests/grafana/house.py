"""A whole Argus under attack, with everything that watches it: what the boards are tried on."""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Final

import pytest

import argus
from argus.api.tokens import Tokens
from argus.broker import die_with
from argus.ports import LOOPBACK, pick
from argus.settings import EMBEDDED
from tests.argus.api.asking import Asking
from tests.argus.notify.receivers import Alertmanager, Receiver
from tests.grafana.reading import SCRAPE_S
from tests.kafka.until import until

RULES: Final = Path(argus.__file__).parent.parent / "prometheus" / "rules"
SECRET: Final = "a secret that is long enough for tests"
PARTITIONS: Final = 2
CHANNELS: Final = """
channels:
  - name: soc-chat
    url: "URL/soc"
    secret: "sixteen characters at least"
    about: [alerts, cases, locks]
    severities: []
  - {name: on-call-log, url: "URL/log", secret: "sixteen characters at least", about: [cases], severities: [CRITICAL]}
"""


class House(Asking):
    """Its processes, while it runs. `asked` asks its Prometheus."""

    def __init__(self, directory: Path, bootstrap: str, database_url: str, inbox: Receiver) -> None:
        prometheus = shutil.which("prometheus")
        if prometheus is None:
            pytest.skip("needs Prometheus (Debian: apt-get install prometheus)")
        self.database_url = database_url
        self._directory, self._since = directory, time.monotonic()
        self._started: list[subprocess.Popen[bytes]] = []
        self.inbox = inbox
        self.alertmanager = Alertmanager(directory, inbox.url)
        self.prefix = f"b{uuid.uuid4().hex[:12]}."
        self.broker, self.port = bootstrap, pick()
        self.passwords = directory / "passwords"
        channels = directory / "channels.yaml"
        channels.write_text(CHANNELS.replace("URL", inbox.url))
        settings: dict[str, Any] = {
            **EMBEDDED,
            "topic_prefix": self.prefix, "app_id": self.prefix.strip("."), "partitions": PARTITIONS,
            "broker": bootstrap, "secret": SECRET, "database_url": database_url, "sink_approve_share": 0.2,
            "alertmanager_url": self.alertmanager.url, "alertmanager_interval_s": 2, "notify_file": channels,
            "otp_delivery": f"file:{self.passwords}", "simulate_users": 300, "simulate_rate": 60,
            "canary_interval_s": 2, "memory_max_mb": 16_000,
        }  # fmt: skip
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
        self._environment |= {f"ARGUS_{name.upper()}": str(value) for name, value in settings.items()}
        self._ports: dict[str, list[int]] = {}
        self._prometheus = f"http://{LOOPBACK}:{pick()}"
        self._watcher = prometheus

    def begin(self) -> None:
        """Returns when all of it works; it is to be ended in any case."""
        self._run("topics", "create")
        self.worker()
        for name in ("sink", "notify"):
            self._stream(name)
        self._start("serve", "--port", str(self.port))
        self._ports["api"] = [self.port]
        self._watch(self._watcher)
        until(lambda: self._answers(f"http://{LOOPBACK}:{self.port}/ready"), 150, "the API")

    def worker(self) -> None:
        """One worker more."""
        self._stream("worker")

    def simulate(self, *options: str) -> None:
        """Normal life with attacks, until the house ends."""
        self._start("simulate", *options)

    def age_s(self) -> float:
        """How long it stands."""
        return time.monotonic() - self._since

    def token(self, role: str, user: str | None = None) -> str:
        return Tokens(SECRET).create(role, user or role, 600)  # type: ignore[arg-type]

    def asked(self, path: str, **parameters: object) -> Any:
        """What Prometheus answers; a query that it refuses is an error that says why."""
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self._prometheus}/api/v1/{path}", body or None, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()[:500]}: {parameters}") from None

    def logs(self) -> str:
        """The last words of each process."""
        return "\n".join(f"{log.name}: {log.read_text()[-1_500:]}" for log in self._directory.glob("*.log"))

    def end(self) -> None:
        for process in reversed(self._started):
            process.terminate()
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        self.alertmanager.stop()

    def _stream(self, command: str) -> None:
        ports = self._ports.setdefault(command, [])
        ports.append(pick())
        directory = self._directory / f"{command}-{len(ports)}"
        self._start(command, "--data-dir", str(directory), "--metrics-port", str(ports[-1]))
        self._targets()

    def _start(self, *command: str) -> None:
        with (self._directory / f"{command[0]}-{len(self._started)}.log").open("wb") as log:
            self._started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "argus", *command],
                    env=self._environment, cwd=self._directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=functools.partial(die_with, os.getpid()),
                )
            )  # fmt: skip

    def _run(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "argus", *command],
            env=self._environment, cwd=self._directory, check=True, timeout=300, capture_output=True,
        )  # fmt: skip

    def _targets(self) -> None:
        """Tells Prometheus where to scrape; it looks at the file by itself."""
        jobs = [
            {"labels": {"job": f"argus-{name}"}, "targets": [f"{LOOPBACK}:{port}" for port in ports]}
            for name, ports in self._ports.items()
        ]
        for name, url in (("alertmanager", self.alertmanager.url), ("prometheus", self._prometheus)):
            jobs.append({"labels": {"job": name}, "targets": [url.removeprefix("http://")]})
        partial = self._directory / "targets.json.new"
        partial.write_text(json.dumps(jobs))
        partial.rename(self._directory / "targets.json")

    def _watch(self, executable: str) -> None:
        """The shipped rules, worked on every second; their waits (`for`) and windows are as they are."""
        for path in RULES.glob("*.yml"):
            text = re.sub(r"(?m)^(\s*interval:).*$", rf"\1 {SCRAPE_S}s", path.read_text())
            (self._directory / path.name).write_text(text)
        self._targets()
        scrape = {"job_name": "house", "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}]}
        every = f"{SCRAPE_S}s"
        config = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [path.name for path in RULES.glob("*.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager.url[7:]]}]}]},
            "scrape_configs": [scrape],
        }  # fmt: skip
        (self._directory / "prometheus.yml").write_text(json.dumps(config))
        with (self._directory / "prometheus.log").open("wb") as log:
            command = [
                executable, "--enable-feature=exemplar-storage",
                f"--config.file={self._directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._directory / 'samples'}", f"--web.listen-address={self._prometheus[7:]}",
            ]  # fmt: skip
            self._started.append(
                subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=functools.partial(die_with, os.getpid()))
            )
        until(lambda: self._answers(f"{self._prometheus}/-/ready"), 240, "Prometheus")

    def _answers(self, url: str) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False
