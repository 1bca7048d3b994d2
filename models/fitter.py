"""The process in which models are fitted: jobs come on standard input, outcomes go to standard output, one at a time.

It is as nice as can be, has one thread for arithmetic, and ends when its parent does, even in the midst of a fit.
"""

import os
import select
import signal
import sys
import threading
from typing import IO, Final

from models.fitting import Job, run
from models.parcel import receive, send

NICENESS: Final = 19


def serve(jobs: IO[bytes], outcomes: IO[bytes]) -> None:
    """Until there are no more jobs."""
    while (received := receive(jobs, Job)) is not None:
        job, arrays = received
        outcome, fitted = run(job, arrays)
        send(outcomes, outcome, fitted)


def _leave_with_parent(descriptor: int) -> None:
    watch = select.poll()
    watch.register(descriptor, 0)  # that the other end has gone is told unasked
    watch.poll()
    os._exit(0)


def main() -> None:
    os.nice(NICENESS)
    # Ctrl-C goes to all of a terminal's processes; it is the parent that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is for the log
    threading.Thread(target=_leave_with_parent, args=(0,), daemon=True).start()
    try:
        serve(sys.stdin.buffer, outcomes)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
