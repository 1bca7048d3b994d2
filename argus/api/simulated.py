"""What the stream says of made-up users, for who watches a simulation from the console."""

from collections import deque
from typing import Any, Final

import msgspec
from msgspec import Struct

from core.records import Decision

# Whoever is called so does not exist.
PREFIX: Final = "sim-"
KEPT: Final = 5_000
RUNS_KEPT: Final = 50

_decode = msgspec.json.Decoder(Decision).decode


class Run(Struct):
    """An attack on its way, or done. sent, total: its events; failed: why it ended early."""

    run_id: str
    attack: str
    intensity: str
    seed: int
    by: str
    started_ms: int
    total: int = 0
    sent: int = 0
    ended: bool = False
    failed: str = ""

    @property
    def prefix(self) -> str:
        return f"{PREFIX}{self.run_id}-"


class Simulated:
    """The newest `KEPT` decisions about made-up users, whoever sent their events, and the runs of this process."""

    def __init__(self) -> None:
        self._told: deque[Decision] = deque(maxlen=KEPT)
        self._runs: dict[str, Run] = {}
        self._key = PREFIX.encode()

    def take(self, record: Any) -> None:
        """A record of the decisions topic."""
        if record.key is not None and record.key.startswith(self._key) and record.value is not None:
            self._told.append(_decode(record.value))

    def about(self, prefix: str) -> list[Decision]:
        """Decisions about users of that prefix, in order."""
        return [decision for decision in self._told if decision.user_id.startswith(prefix)]

    def begin(self, run: Run) -> None:
        while len(self._runs) >= RUNS_KEPT:
            del self._runs[next(iter(self._runs))]
        self._runs[run.run_id] = run

    def run(self, run_id: str) -> Run | None:
        """None too for a run of another process."""
        return self._runs.get(run_id)

    def runs(self) -> list[Run]:
        """The newest first."""
        return list(reversed(self._runs.values()))

    def under_way(self) -> int:
        return sum(not run.ended for run in self._runs.values())
