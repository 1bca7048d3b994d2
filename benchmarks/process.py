"""Child processes of a benchmark: started, watched through /proc, and gone when it ends."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from argus.broker import die_with

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
STOP_WITHIN_S: Final = 20.0


class BenchError(Exception):
    """A measurement could not be taken; the message says what happened."""


class Child:
    """A running process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises `BenchError` with its last words if it has ended badly."""
        status = self.process.poll()
        if status:
            tail = self._log.read_bytes()[-1_500:].decode(errors="replace").strip()
            raise BenchError(f"the {self.name} ended with status {status}: {tail}")


@contextmanager
def child(name: str, argv: Sequence[str], env: Mapping[str, str], directory: Path) -> Iterator[Child]:
    """Run a process while the block runs. It is in a session of its own, and dies with this process."""
    log = directory / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # nosec B603 # our own command line
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env),
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - no thread that forks is running
            start_new_session=True,
        )
    try:
        yield Child(name, process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], within_s: float = STOP_WITHIN_S) -> None:
    """SIGTERM, then SIGKILL; returns when it is gone."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used, in user mode and in the kernel, all threads, to 10 ms."""
    # The name is in parentheses and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mib(pid: int, field: str = "VmRSS") -> float:
    """Resident memory now (VmRSS) or at its most (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise BenchError(f"/proc has no {field} of process {pid}")


class Deadline:
    """A bound on a wait, moved on by progress."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self.moved()

    def moved(self) -> None:
        self._at = time.monotonic() + self._within_s

    def check(self, what: str) -> None:
        """Raises `BenchError` once it is over."""
        if time.monotonic() > self._at:
            raise BenchError(f"{what}: nothing for {self._within_s:.0f} s")
