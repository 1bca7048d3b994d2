"""All of Argus as a user starts it: `argus up` in a process, spoken to from outside only."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Self

from tests.argus.api.asking import Asking

# A busy machine takes its time; a start that hangs is a failure all the same.
READY_WITHIN_S = 240.0


class Whole(Asking):
    """Broker, worker, sink, API and notifier while the context is open; no simulated traffic."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.codes = data_dir / "codes.jsonl"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
        self.env = {
            **kept,
            "ARGUS_DATA_DIR": str(data_dir),
            "ARGUS_OTP_DELIVERY": f"file:{self.codes}",
            **{f"ARGUS_{name.upper()}": value for name, value in settings.items()},
        }
        self._tokens: dict[tuple[str, str | None], str] = {}

    def __enter__(self) -> Self:
        ports = ("--broker-port", "0", "--api-port", "0", "--metrics-port", "0")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "argus", "up", "--no-simulate", "--json", *ports],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read()[-2_000:])
        told = json.loads(first)["ready"]
        self.url, self.broker = told["api"], told["broker"]
        self.port = int(self.url.rpartition(":")[2])
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=240)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._ready():
            assert time.monotonic() < deadline, (self.data_dir / "run" / "api.log").read_text()[-2_000:]
            time.sleep(0.05)

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/ready").status == 200
        return False

    def token(self, role: str, user: str | None = None) -> str:
        """Made once by `argus token create`; a member's is ada's unless it says whose."""
        key = (role, user)
        if key not in self._tokens:
            self._tokens[key] = self.argus(
                "token", "create", "--role", role, *(("--user", user or "ada") if user or role == "member" else ())
            ).strip()
        return self._tokens[key]

    def argus(self, *args: str) -> str:
        """The standard output of a command that must work."""
        return subprocess.run(
            [sys.executable, "-m", "argus", *args],
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        ).stdout


def event(user_id: str, type_: str = "login", **fields: Any) -> dict[str, Any]:
    """An event of now."""
    now_ms = time.time_ns() // 1_000_000
    return {"event_id": uuid.uuid4().hex, "type": type_, "user_id": user_id, "time": now_ms, **fields}
