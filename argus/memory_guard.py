"""Ends a process in good order before the kernel ends it in the middle of something."""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argus.measure import Metrics

logger = logging.getLogger(__name__)

MIB: Final = 1 << 20
# EX_TEMPFAIL: whatever supervises it is to start it again.
OVER_STATUS: Final = 75


def resident_bytes() -> int:
    """Physical memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ask_to_stop() -> None:
    """As an operator would."""
    os.kill(os.getpid(), signal.SIGTERM)


class MemoryGuard:
    """Compares what the process has with what it may have, each time it is asked but the first: then nobody listens
    to signals yet, and one would end it at once. max_mb: 0 for no bound."""

    def __init__(
        self,
        metrics: Metrics,
        max_mb: int,
        resident: Callable[[], int] = resident_bytes,
        stop: Callable[[], None] = ask_to_stop,
    ) -> None:
        self.over = False
        self._listens = False
        self._metrics = metrics
        self._max_mb = max_mb
        self._resident = resident
        self._stop = stop
        metrics.number("argus_memory_max_bytes").set(max_mb * MIB)

    def sample(self) -> None:
        listens, self._listens = self._listens, True
        if not self._max_mb or self.over or not listens:
            return
        size = self._resident()
        if size > self._max_mb * MIB:
            self.over = True
            self._metrics.number("argus_memory_exceeded_total").inc()
            logger.critical(
                "%d MiB of memory are more than the %d of ARGUS_MEMORY_MAX_MB: the process gives its partitions up "
                "and ends, to be started again",
                size // MIB,
                self._max_mb,
            )
            self._stop()

    def status(self, status: int) -> int:
        """The exit status, from what it would be otherwise."""
        return OVER_STATUS if self.over and status == 0 else status
