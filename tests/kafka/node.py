"""One real Apache Kafka node (KRaft, broker and controller in one process) for the tests, on free loopback ports."""

import functools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from argus.broker import die_with
from argus.ports import LOOPBACK, pick

HERE = Path(__file__).parent
HEAP = "-Xmx512m"


class NoKafka(Exception):
    """Kafka can't run here; the message says what to install or run."""


def version() -> str:
    found = re.search(r"<kafka.version>(.+)</kafka.version>", (HERE / "pom.xml").read_text())
    assert found
    return found[1]


def jars() -> Path:
    """The directory of the jars; `NoKafka` where they or Java are missing."""
    if not shutil.which("java"):
        raise NoKafka("no Java: install default-jre-headless (17 or newer), then run `make kafka-jars`")
    directory = Path(os.environ.get("KAFKA_JARS", Path.home() / ".cache" / "argus-kafka"))
    if not (directory / f"{version()}.complete").exists():
        raise NoKafka(f"no jars of Apache Kafka {version()} in {directory}: run `make kafka-jars` (it needs Maven)")
    return directory


def properties(directory: Path, port: int, controller_port: int) -> str:
    """A single node with everything replicated once. Rebalances begin at once; a missing topic stays missing."""
    return "\n".join(
        [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@{LOOPBACK}:{controller_port}",
            f"listeners=PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
            f"advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={directory / 'log'}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
            "auto.create.topics.enable=false",
            "log.cleaner.dedupe.buffer.size=8388608",
            "",
        ]
    )


class Node:
    """A started node. Its data is kept across `stop` and `start`, on the same ports."""

    def __init__(
        self,
        directory: Path,
        written: Callable[[Path, int, int], str] = properties,
        format_options: Sequence[str] = (),
    ) -> None:
        """written: its properties, from its directory, its port and that of its controller."""
        self.directory = directory
        self._jars = jars()
        port, controller_port = pick(), pick()
        self.bootstrap = f"{LOOPBACK}:{port}"
        self._config = directory / "server.properties"
        self._config.write_text(written(directory, port, controller_port))
        self._process: subprocess.Popen[bytes] | None = None
        format_ = ("format", "-t", "YXJndXMtdGVzdHMtMDAwMQ", "-c", str(self._config), *format_options)
        self._java("kafka.tools.StorageTool", *format_)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return (self.directory / "output.log").read_text(errors="replace")

    def start(self) -> None:
        """Returns at once."""
        with (self.directory / "output.log").open("ab") as out:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._config)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                preexec_fn=functools.partial(die_with, os.getpid()),
            )

    def stop(self, within_s: float = 20.0) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def _command(self, main: str, *args: str) -> list[str]:
        return ["java", HEAP, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{self._jars}/*", main, *args]

    def _java(self, main: str, *args: str) -> None:
        started = time.monotonic()
        done = subprocess.run(self._command(main, *args), capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, f"{main} after {time.monotonic() - started:.0f} s: {done.stderr or done.stdout}"
