"""Children that are started again when they die, and that never outlive their parent."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from argus.broker import die_with, private

LOG_LIMIT_BYTES = 4 << 20
TOLD_BYTES = 64 << 10
# A line as `argus.log` writes it, or the one line that a command ends with. Behind an error come a traceback and what
# the process did on its way out.
ERROR = re.compile(r'^\S+ (error|critical) |"level":"(error|critical)"|^argus\b.*: ')

Say = Callable[[str], None]


class Spec(Struct, frozen=True):
    """What to run. It has `NAME.pid` (while it runs) and `NAME.log` in the run directory."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]


class Backoff(Struct, frozen=True):
    """How long to wait before a restart: doubling, bounded, from the start again after a steady run."""

    first_s: float = 0.25
    most_s: float = 10.0
    steady_s: float = 20.0

    def next_s(self, last_s: float, ran_s: float) -> float:
        """last_s: the wait before the run that ended, 0 for the first one. A first death is answered at once."""
        if ran_s >= self.steady_s:
            return 0.0
        return min(self.most_s, max(self.first_s, 2 * last_s))


PATIENT = Backoff()


class Child:
    """One process. It is in a session of its own, so that a Ctrl-C reaches the supervisor alone."""

    def __init__(self, spec: Spec, run_dir: Path) -> None:
        self.spec = spec
        self.pid_file = run_dir / f"{spec.name}.pid"
        self.log = run_dir / f"{spec.name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._logged_bytes = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with open(self.log, "ab", opener=private) as out:  # noqa: ASYNC230 - no waiting on a local file
            self._logged_bytes = out.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.spec.env,
                # It only calls the kernel; the threads that may run here wait for children.
                preexec_fn=partial(die_with, os.getpid()),
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self._process.pid}\n")

    async def wait(self) -> str:
        """How it ended, in words."""
        assert self._process
        status = await self._process.wait()
        self.pid_file.unlink(missing_ok=True)
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"

    async def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL when the time is over. Returns when it is gone."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        finally:
            # Also when this was cancelled, by a second Ctrl-C for instance.
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self.pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Why it ended, by its log since it was started: the last error there, or the last line if there is none."""
        with contextlib.suppress(OSError):
            with self.log.open("rb") as log:
                log.seek(max(self._logged_bytes, self.log.stat().st_size - TOLD_BYTES))
                lines = [line.strip() for line in log.read().decode(errors="replace").split("\n")]
            said = [line for line in lines if line]
            return next((line for line in reversed(said) if ERROR.search(line)), said[-1] if said else "")[:200]
        return ""


async def keep(child: Child, say: Say, backoff: Backoff = PATIENT) -> None:
    """Runs it, and again whenever it ends, until cancelled; then it still runs, for `stop`."""
    waited_s = 0.0
    while True:
        started = time.monotonic()
        await child.start()
        if waited_s:
            say(f"{child.spec.name} runs again, pid {child.pid}")
        how = await child.wait()
        waited_s = max(backoff.next_s(waited_s, time.monotonic() - started), 1e-9)
        words = "" if how.endswith("SIGKILL") else child.last_words()
        say(f"{child.spec.name} ended ({how}) and is started again{': ' + words if words else ''}")
        await asyncio.sleep(waited_s)


async def stop_all(children: Sequence[Child], within_s: float) -> None:
    """All at once. Returns when every one is gone; SIGKILL for those that take longer, and for all if cancelled."""
    await asyncio.gather(*(child.stop(within_s) for child in children), return_exceptions=True)
    for child in children:
        while child.running:
            await child.wait()
