"""The events of a benchmark: simulated life with attacks, the same ones for everybody who is measured."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from core.clock import to_ms
from simulation.config import Config
from simulation.stream import write

SEED: Final = 7
USERS: Final = 5_000
# A Monday of the past: a worker refuses events from the future.
START_MS: Final = to_ms(datetime(2024, 1, 1, tzinfo=UTC))


class Head(Struct):
    """What a benchmark needs to know of an event."""

    event_id: str
    user_id: str


read_head = msgspec.json.Decoder(Head).decode


class Events:
    """A file of events, one JSON object a line, in order of arrival."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, count: int | None = None) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            yield from islice((line.rstrip(b"\n") for line in file), count)

    def heads(self, count: int | None = None) -> Iterator[Head]:
        for line in self.lines(count):
            yield read_head(line)

    def ids(self, count: int | None = None) -> set[str]:
        """The distinct events: each is to be decided once, however often it comes."""
        return {head.event_id for head in self.heads(count)}


def simulated(path: Path, events: int, users: int = USERS) -> Events:
    """Write `events` events of `users` users to `path`, once."""
    if not path.exists():
        with path.open("w", encoding="utf-8") as out:
            write(Config(users=users, events=events, seed=SEED, start_ms=START_MS), out)
    return Events(path)
