"""A whole `argus up` as a process: broker, worker, sink, API and console, and nobody's traffic."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from tests.argus.api.running import PASSWORD
from tests.kafka.until import until

ARGUS: Final = (sys.executable, "-m", "argus")
STAFF: Final = (("ann", "analyst"), ("root", "admin"))


class House:
    """url: of the console. Logins of `STAFF` are there from the beginning."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._codes = data_dir / "codes.jsonl"
        self.url = ""

    def __enter__(self) -> Self:
        for name, role in STAFF:
            self.account(name, role)
        options = {
            "--data-dir": str(self._data_dir),
            "--broker-port": "0",
            "--api-port": "0",
            "--metrics-port": "0",
        }
        command = [*ARGUS, "up", "--no-simulate", "--no-monitoring", "--json"]
        command += [part for option in options.items() for part in option]
        env = {**os.environ, "ARGUS_OTP_DELIVERY": f"file:{self._codes}", "ARGUS_PARTITIONS": "2"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        assert ready, f"argus up ended with {self._process.wait()}"
        self.url = json.loads(ready)["ready"]["api"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=240)

    def account(self, name: str, role: str, user_id: str | None = None) -> None:
        """By the command: the loop of this thread is the browser's."""
        command = [*ARGUS, "user", "create", name, "--role", role, "--data-dir", str(self._data_dir)]
        if user_id is not None:
            command += ["--user", user_id]
        subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True)

    def code(self, user_id: str, after: int) -> str:
        """The newest one-time password of a user, when more than `after` were delivered."""
        until(lambda: len(self._delivered(user_id)) > after, what="a one-time password")
        return self._delivered(user_id)[-1]

    def _delivered(self, user_id: str) -> list[str]:
        lines = self._codes.read_text().splitlines() if self._codes.exists() else []
        return [told["code"] for told in map(json.loads, lines) if told["user_id"] == user_id]
