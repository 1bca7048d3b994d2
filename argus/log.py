"""The log: one line a record on stderr, as text or as JSON, and a brake for what would repeat itself."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from core.clock import rfc3339, to_ms

# Libraries that tell more at `info` than an operator wants to know.
QUIET: Final = ("aiokafka", "faust", "mode", "kafka", "asyncio", "alembic", "sqlalchemy")


class TextLine(logging.Formatter):
    """`2026-03-01T12:00:00.000Z warning agents.detect: what happened`."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLine(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


class Seldom:
    """Lets something through once a period, and tells how often it was held back since."""

    def __init__(self, period_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._clock = clock
        self._held: dict[str, tuple[float, int]] = {}

    def __call__(self, key: str) -> int | None:
        """None where it was let through less than a period ago, else the count of those held back (0 at first).
        key: from a small closed set."""
        now = self._clock()
        since, count = self._held.get(key, (float("-inf"), 0))
        if now - since < self._period_s:
            self._held[key] = (since, count + 1)
            return None
        self._held[key] = (now, 0)
        return count


class Brake(logging.Filter):
    """Lets so many lines of a library's logger through in a period, and then says how many it held back: aiokafka
    writes 250 lines a second while a broker is away, which would fill the disk with what is known already.

    Of Argus's own lines it holds back none."""

    def __init__(self, lines: int = 50, period_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = lines
        self._period_s = period_s
        self._clock = clock
        # By logger, of which a library has a few: since when, and how many.
        self._counts: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in QUIET or record.levelno <= logging.DEBUG:
            return True
        now = self._clock()
        since, count = self._counts.get(record.name, (now, 0))
        if now - since >= self._period_s:
            held = count - self._lines
            since, count = now, 0
            if held > 0:
                record.msg = f"{record.getMessage()} ({held} more lines of {record.name} were held back)"
                record.args = ()
        self._counts[record.name] = since, count + 1
        return count < self._lines


def configure(level: str, form: str) -> None:
    """Set the process's log up; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if form == "json" else TextLine())
    handler.addFilter(Brake())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # aiokafka asks for a debug record at every request; disabled as a whole they cost next to nothing.
    logging.disable(logging.NOTSET if level == "debug" else logging.DEBUG)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    return rfc3339(to_ms(datetime.fromtimestamp(record.created, UTC)))
