"""What is known of a source: how bad, since when, until when, and why.

The sources agent publishes it by source key on a compacted topic, and every worker keeps all of it. It lapses by event
time, so an old record harms nobody; `lapsed` names what can be forgotten.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from core.clock import HOUR

VERSION: Final = 1

# Levels. WATCHED: a MEDIUM finding. BAD: a HIGH finding. LISTED: on a list that somebody keeps; the source is hostile.
CLEAN: Final = 0
WATCHED: Final = 1
BAD: Final = 2
LISTED: Final = 3

FOREVER_MS: Final = 1 << 53
REPUTATIONS_MAX: Final = 200_000


class Reputation(Struct, array_like=True, frozen=True, gc=False):
    """level: 0..3, see above. since_ms, until_ms: event time, until excluded. share: 0..1, of confirmed fraud among a
    merchant's payments, of failures among an address's logins. text: one sentence for people."""

    level: int
    rule_id: str
    since_ms: int
    until_ms: int
    share: float = 0.0
    text: str = ""
    version: int = VERSION

    def in_force(self, time_ms: int) -> bool:
        """Whether it counts for an event of that time."""
        return self.level > CLEAN and self.since_ms <= time_ms < self.until_ms


encode_reputation = msgspec.msgpack.Encoder().encode
decode_reputation = msgspec.msgpack.Decoder(Reputation).decode


class Reputations(Mapping[str, Reputation]):
    """All reputations that a worker knows, by source key, at most `REPUTATIONS_MAX`. Unknown keys raise KeyError."""

    def __init__(self) -> None:
        self._known: dict[str, Reputation] = {}

    def __getitem__(self, key: str) -> Reputation:
        return self._known[key]

    def get(self, key: str, default: Reputation | None = None) -> Reputation | None:  # type: ignore[override]
        return self._known.get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
