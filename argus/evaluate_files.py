"""What `argus evaluate` reads: the decisions, alerts and locks of a run, and the truth about its events."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.clock import to_ms
from core.records import LockState, SeverityName, Verdict

Time = Annotated[datetime, Meta(tz=True)]


class BadInput(Exception):
    """Files that do not hold what they should; the message says which, at what line, and what is wanted."""


class Label(Struct, frozen=True):
    """The truth about an event."""

    event_id: str
    user_id: str
    label: Literal["fraud", "legit"]
    attack: str | None = None
    campaign: str | None = None
    intensity: str | None = None
    trap: str | None = None


class Decided(Struct, frozen=True):
    """What is read of a decision."""

    event_id: str
    user_id: str
    time: Time
    risk_score: float
    decision: Verdict


class Alerted(Struct, frozen=True):
    """What is read of an alert or an update."""

    alert_id: str
    time: Time
    event_id: str
    event_ids: list[str]
    severity: SeverityName
    mode: str = "live"
    rule_id: str = "unnamed"
    kind: str = "SECURITY"
    user_id: str | None = None
    users: list[str] = []

    @property
    def time_ms(self) -> int:
        """Of the event that it is about, in ms."""
        return to_ms(self.time)


class Locked(Struct, frozen=True):
    """What is read of a lock."""

    user_id: str
    state: LockState
    since: Time
    until: Time | None = None
    by: str = "rule"


# What a line of each file is, for whoever gave the wrong one.
_NOUNS: Final[Mapping[type, str]] = {
    Label: "label of an event",
    Decided: "decision",
    Alerted: "alert",
    Locked: "lock",
}


def read_decisions(path: Path) -> Iterable[Decided]:
    """One JSON object a line, as in the other files. All raise `BadInput` naming the line."""
    return _read(path, Decided)


def read_alerts(path: Path) -> Iterable[Alerted]:
    """Alerts and updates of them, live or not."""
    return _read(path, Alerted)


def read_locks(path: Path) -> Iterable[Locked]:
    """Every change of a lock."""
    return _read(path, Locked)


def read_labels(path: Path) -> Iterable[Label]:
    """The truth."""
    return _read(path, Label)


def _read(path: Path, type_: type[Any]) -> Iterable[Any]:
    decode = msgspec.json.Decoder(type_).decode
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise BadInput(f"{path}, line {number}: no {_NOUNS[type_]}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = str(error).replace("Object missing required field", "it has no").replace("`", "")
    return text[:1].lower() + text[1:] if not text.startswith("JSON") else text
