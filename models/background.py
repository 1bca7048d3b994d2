"""Fitting in a process of its own, which the stream's never waits for. `models.fitting` says how it is used."""

import logging
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

import msgspec

from models.fitting import FITS, Error, Job, Outcome
from models.parcel import receive, send
from models.protocol import State

logger = logging.getLogger(__name__)

LIMIT_S: Final = 600.0
CLOSE_WITHIN_S: Final = 5.0


class Background:
    """A `models.fitting.Fitting` that keeps one process for all that is fitted, and a thread that talks to it.

    Jobs wait their turn, one of each name, the newest taking the place of an older one that still waits. A process
    that was killed costs the job at hand, whose outcome says so; the next job begins another. A fit that takes
    longer than `limit_s` is ended, and the process with it. The process begins with the first job, and ends with
    this one however this one ends.
    """

    def __init__(self, fits: Mapping[str, str] = FITS, *, limit_s: float = LIMIT_S) -> None:
        self.restarts = 0
        self._fits = fits
        self._limit_s = limit_s
        self._change = threading.Condition()
        self._waiting: dict[str, tuple[Job, State]] = {}
        self._done: dict[str, tuple[Outcome, State]] = {}
        self._at_work: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """None before the first job."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    def submit(self, job: Job, arrays: State) -> None:
        job = msgspec.structs.replace(job, target=self._fits[job.fit])
        with self._change:
            if self._closed:
                return
            self._waiting.pop(job.name, None)
            self._waiting[job.name] = (job, arrays)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="fitting", daemon=True)
                self._thread.start()
            self._change.notify()

    def poll(self, name: str) -> tuple[Outcome, State] | None:
        with self._change:
            return self._done.pop(name, None)

    def forget(self, name: str) -> None:
        with self._change:
            self._waiting.pop(name, None)
            self._done.pop(name, None)
            if self._at_work == name:
                self._at_work = None

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._waiting.clear()
            self._done.clear()
            self._change.notify()
            process, thread = self._process, self._thread
        if process is not None:
            process.kill()
        if thread is not None:
            thread.join(CLOSE_WITHIN_S)

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    break
                name = next(iter(self._waiting))
                job, arrays = self._waiting.pop(name)
                self._at_work = name
            outcome, fitted = self._fitted(job, arrays)
            if outcome.error and not self._closed:
                logger.warning("fitting %s: %s %s", name, outcome.error, outcome.detail)
            with self._change:
                if self._at_work == name and not self._closed:
                    self._done[name] = (outcome, fitted)
                self._at_work = None
        if self._process is not None:
            _end(self._process)

    def _fitted(self, job: Job, arrays: State) -> tuple[Outcome, State]:
        late = threading.Event()
        error: Error = "died"
        try:
            process = self._running()
        except OSError as failure:
            return Outcome(job, 0.0, error, str(failure)), {}

        def give_up() -> None:
            late.set()
            process.kill()

        limit = threading.Timer(self._limit_s, give_up)
        limit.daemon = True
        limit.start()
        detail = ""
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, job, arrays)
            answer = receive(process.stdout, Outcome)
            if answer is not None:
                return answer
        except (OSError, EOFError, ValueError) as failure:
            detail = str(failure)
        finally:
            limit.cancel()
        _end(process)
        if late.is_set():
            return Outcome(job, self._limit_s, "too_long", f"ended after {self._limit_s:g} s"), {}
        return Outcome(job, 0.0, error, detail or f"the process ended with {process.returncode}"), {}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if self._process is not None:
            _end(self._process)
            self.restarts += 1
        process = subprocess.Popen(  # nosec B603 # our own command line
            (sys.executable, "-m", "models.fitter"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with self._change:
            self._process = process
            closed = self._closed
        if closed:
            process.kill()
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was still to be written has no reader
                logger.debug("a pipe to the fitting process was closed with bytes in it")
