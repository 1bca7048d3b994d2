"""Workers as processes that a test can kill, freeze and thaw."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from argus.settings import EMBEDDED

STOP_WITHIN_S = 240.0
SECRET = "for tests only"


@dataclass
class Worker:
    """One `argus worker` (or another command that takes the same options) with a data directory of its own, which
    outlives the process."""

    bootstrap: str
    prefix: str
    data_dir: Path
    log: Path
    command: str = "worker"
    settings: dict[str, str] = field(default_factory=dict)
    # What the command is a part of, `setpriv` with its options for example.
    within: tuple[str, ...] = ()
    # Where the packages are; None for those under test.
    code: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    statuses: list[int] = field(default_factory=list)
    _noted: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")},
            **{f"ARGUS_{name.upper()}": str(value) for name, value in EMBEDDED.items()},
            "ARGUS_TOPIC_PREFIX": self.prefix,
            "ARGUS_APP_ID": self.prefix.strip("."),
            "ARGUS_SECRET": SECRET,
            **self.settings,
        }
        command = [*self.within, sys.executable, "-m", "argus", self.command, "--broker", self.bootstrap]
        command += ["--datadir", str(self.data_dir), "--metrics-port", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.code,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """As a power cut would."""
        if self.alive:
            self.signal(signal.SIGKILL)
        self.wait()

    def leave(self) -> None:
        """As an operator would have it."""
        self.signal(signal.SIGTERM)
        self.wait()

    def wait(self) -> int:
        """Wait for its end, which is noted once however often it is waited for."""
        assert self.process is not None
        status = self.process.wait(STOP_WITHIN_S)
        if self.process is not self._noted:
            self.statuses.append(status)
            self._noted = self.process
        return status

    def said(self, pattern: str) -> list[str]:
        """The lines of its log, of all its lives, that have this."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if re.search(pattern, line)]

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of a metric's samples with these labels; None where it does not answer."""
        urls = re.findall(r"metrics at (http://\S+)", self.log.read_text(errors="replace"))
        try:
            with urllib.request.urlopen(urls[-1], timeout=5) as answer:
                text = answer.read().decode()
        except (OSError, IndexError):
            return None
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def end(self) -> None:
        """Whatever state it is in."""
        if self.alive:
            self.signal(signal.SIGKILL)
            self.wait()
