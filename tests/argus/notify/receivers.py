"""What notify talks to in tests: an HTTP server that keeps what it is sent, and a real Alertmanager."""

import contextlib
import json
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from argus.ports import LOOPBACK, pick
from tests.kafka.until import until

# The routes of a real installation, at a test's speed.
CONFIG = """
route:
  receiver: none
  routes:
    - matchers: [category = security]
      receiver: triage
      group_by: [alertname, detection]
      group_wait: 1s
      group_interval: 1s
      routes:
        - matchers: [severity = critical, alertname != SecurityStorm]
          receiver: page
          group_by: [alertname, detection, case]
          group_wait: 3s
          group_interval: 1s
          repeat_interval: 1h
        - {matchers: [alertname = SecurityStorm], receiver: page, group_by: [detection], group_wait: 0s}
inhibit_rules:
  - source_matchers: [alertname = SecurityStorm]
    target_matchers: [category = security, alertname != SecurityStorm]
    equal: [detection]
receivers:
  - {name: none}
  - {name: triage, webhook_configs: [{url: 'URL/triage'}]}
  - {name: page, webhook_configs: [{url: 'URL/page', max_alerts: 50}]}
"""


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps what is posted, and answers with `status`; `stall` holds every answer back until it is set. moved: where
    a redirect leads. Whatever is asked by GET is there."""

    requests: list[Request] = field(default_factory=list)
    status: int = 200
    url: str = ""
    stall: threading.Event | None = None
    moved: str = ""

    def at(self, path: str) -> list[Request]:
        return [request for request in list(self.requests) if request.path == path]


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Runs one on a free port."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append(Request(self.path, dict(self.headers), body))
            if kept.stall is not None:
                kept.stall.wait(30)
            with contextlib.suppress(OSError):
                self.send_response(kept.status)
                if kept.moved:
                    self.send_header("Location", kept.moved)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://{LOOPBACK}:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


class Alertmanager:
    """A real one, with its data in a directory that outlives it."""

    def __init__(self, directory: Path, receiver_url: str) -> None:
        executable = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if executable is None:
            pytest.skip("needs Alertmanager (Debian: apt-get install prometheus-alertmanager)")
        self.url = f"http://{LOOPBACK}:{pick()}"
        self._directory = directory
        config = directory / "alertmanager.yml"
        config.write_text(CONFIG.replace("URL", receiver_url))
        self._command = [
            executable,
            f"--config.file={config}",
            f"--storage.path={directory / 'data'}",
            "--cluster.listen-address=",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            f"--web.external-url={self.url}",
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(self._ready, what="Alertmanager")

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(20)

    def alerts(self, state: str = "active") -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?{state}=true") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def _ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready") as answer:
            return bool(answer.status == 200)
        return False


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as kept:
        yield kept


@pytest.fixture
def alertmanager(tmp_path: Path, inbox: Receiver) -> Iterator[Alertmanager]:
    running = Alertmanager(tmp_path, inbox.url)
    yield running
    running.stop()


def pages(inbox: Receiver, status: str = "firing", path: str = "/page") -> list[dict[str, Any]]:
    """Notifications in which something fires, or (resolved) nothing does any more."""
    return [request.json for request in inbox.at(path) if request.json["status"] == status]


Until = Callable[..., None]
