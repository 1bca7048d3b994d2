"""A rule tried on what has happened lately, before it is let loose.

The newest events are read from their topic (`argus.api.lately`): the database has decisions, and of events only what
these tell. They are replayed by `argus replay`, the very same detection as the stream's, in a process of its own, so
that no request waits for it. Users' histories begin with these events; the rule runs in shadow.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from argus.api.lately import Past
from argus.children import environment
from argus.console.rule_text import plain_rule
from argus.settings import Settings
from core.records import Alert, Decision

EVENTS_MOST: Final = 10_000
WITHIN_S: Final = 45.0
SHOWN: Final = 20
TOLD_CHARS: Final = 300


class Tried(Struct, kw_only=True):
    """What a rule would have done. alerts: how many; users: whom they are about; known: those of them of whom another
    rule spoke too; first_ms, last_ms: when the first and the last event came in."""

    events: int
    first_ms: int = 0
    last_ms: int = 0
    alerts: int = 0
    users: int = 0
    known: int = 0
    held: int = 0
    shown: list[Alert] = []


class NotTried(Exception):
    """Why not, in one line."""


class BackTest:
    """One at a time in a process."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, settings: Settings, rule_id: str, text: str, events: Sequence[Past]) -> Tried:
        """text: of a rule that is right. Raises `NotTried`."""
        if self._turn.locked():
            raise NotTried("Another back-test is under way; try again in a moment")
        if not events:
            return Tried(events=0)
        async with self._turn:
            with TemporaryDirectory(prefix="argus-back-test-") as folder:
                return await _replayed(settings, rule_id, text, events, Path(folder))


async def _replayed(settings: Settings, rule_id: str, text: str, events: Sequence[Past], folder: Path) -> Tried:
    rules, lines = folder / "rules.json", folder / "events.jsonl"
    alerts, decisions = folder / "alerts.jsonl", folder / "decisions.jsonl"
    rules.write_bytes(msgspec.json.encode([{**plain_rule(text), "mode": "shadow"}]))
    lines.write_bytes(b"".join(past.raw.replace(b"\n", b" ") + b"\n" for past in events))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "argus", "replay", "--events", str(lines), "--alerts", str(alerts),
        "--decisions", str(decisions),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=environment(replace(settings, rules_file=rules)),
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_S):
            _, said = await process.communicate()
    except TimeoutError:
        raise NotTried(f"The back-test took more than {WITHIN_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise NotTried(said.decode("utf-8", "replace").strip()[-TOLD_CHARS:] or "The back-test failed")
    tried = _summed(rule_id, _read(alerts, Alert), _read(decisions, Decision))
    tried.events, tried.first_ms, tried.last_ms = len(events), events[0].at_ms, events[-1].at_ms
    return tried


def _summed(rule_id: str, alerts: list[Alert], decisions: list[Decision]) -> Tried:
    newest: dict[str, Alert] = {}
    others: set[str] = set()
    for alert in alerts:
        if alert.rule_id == rule_id:
            newest[alert.alert_id] = alert
        elif alert.user_id is not None:
            others.add(alert.user_id)
    users = {alert.user_id for alert in newest.values() if alert.user_id is not None}
    held = sum(decision.decision != "approve" and decision.user_id in users for decision in decisions)
    return Tried(
        events=0,
        alerts=len(newest),
        users=len(users),
        known=len(users & others),
        held=held,
        shown=list(newest.values())[-SHOWN:],
    )


def _read(path: Path, type_: Any) -> list[Any]:
    decode = msgspec.json.Decoder(type_).decode
    return [decode(line) for line in path.read_bytes().splitlines() if line]
