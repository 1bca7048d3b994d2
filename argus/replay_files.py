"""`argus replay`: a file of events in; files of decisions, alerts, locks and rejected lines out."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Final

from argus.progress import bar
from argus.replay import BLOCK_LINES, Block, make_engine
from argus.settings import Settings
from core.events import Rejected, decode_action, nowhere, read_feedback
from core.records import Alert, Feedback, encode

# A line's number in the file, from 1, and the line without its end.
Line = tuple[int, bytes]
FOREVER_MS: Final = 1 << 62


def run(
    settings: Settings,
    *,
    events: Path,
    alerts: Path,
    decisions: Path,
    locks: Path | None = None,
    rejected: Path | None = None,
    feedback: Path | None = None,
    rules: Path | None = None,
) -> int:
    """Replay a file; the exit status. The summary goes to stderr. rules: user-defined ones instead of those in force,
    which then run beside them, to tell what becomes of the alerts."""
    engine = make_engine(settings, rules)
    in_force = make_engine(settings) if rules is not None else None
    found, before = Found(), Found()
    labels = Labels(feedback)
    totals: Counter[str] = Counter()
    with ExitStack() as stack:
        source = stack.enter_context(events.open("rb"))
        to_alerts = stack.enter_context(alerts.open("wb"))
        to_decisions = stack.enter_context(decisions.open("wb"))
        to_locks = stack.enter_context(locks.open("wb")) if locks else None
        to_rejected = stack.enter_context(rejected.open("wb")) if rejected else None
        advance = stack.enter_context(bar("replay", events.stat().st_size, "bytes"))
        for lines in blocks(source):
            # The block behind the last event holds the labels that came after it.
            come = labels.until(_first_time(lines) if lines else FOREVER_MS)
            values = [line for _, line in lines]
            block = engine.block(values, come)
            if in_force is not None:
                before.add(in_force.block(values, come).alerts)
            _write(to_decisions, block.decisions)
            _write(to_alerts, block.alerts)
            if to_locks is not None:
                _write(to_locks, block.locks)
            if to_rejected is not None:
                _write(to_rejected, (_rejected_line(lines[index], why) for index, why in block.rejected))
            found.add(block.alerts)
            totals.update(_counts(lines, block))
            if advance is not None:
                advance(sum(map(len, values)) + len(values))
    sys.stderr.write(summary(totals, found))
    if in_force is not None:
        sys.stderr.write(comparison(before, found))
    return 0


def blocks(source: IO[bytes]) -> Iterator[list[Line]]:
    """Blocks of lines, and an empty one behind them. Empty lines are nothing, but count."""
    lines = ((number, line) for number, raw in enumerate(source, 1) if (line := raw.rstrip(b"\r\n")))
    while block := list(islice(lines, BLOCK_LINES)):
        yield block
    yield []


class Labels:
    """A file of feedback, handed out by its own time. None: no labels."""

    def __init__(self, path: Path | None) -> None:
        """Raises `Rejected` naming the line where one can't be read: half of the labels would be a wrong result."""
        self._labels: list[Feedback] = []
        for number, line in enumerate(path.read_bytes().splitlines() if path is not None else (), 1):
            if line.strip():
                try:
                    self._labels.append(read_feedback(line))
                except Rejected as rejected:
                    raise Rejected(rejected.error, f"{path}, line {number}: {rejected.reason}") from None
        self._labels.sort(key=lambda label: (label.time, label.feedback_id), reverse=True)

    def until(self, time_ms: int) -> list[Feedback]:
        """Those that had come by then and were not handed out before."""
        come = []
        while self._labels and _ms(self._labels[-1]) <= time_ms:
            come.append(self._labels.pop())
        return come


class Found:
    """What a run found: each alert's rule, severity and count as its latest record has them."""

    def __init__(self) -> None:
        self.alerts: dict[str, tuple[str, str, int]] = {}

    def add(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self.alerts[alert.alert_id] = (alert.rule_id, alert.severity, alert.count)


def _ms(label: Feedback) -> int:
    assert isinstance(label.time, int)
    return label.time


def _first_time(lines: Iterable[Line]) -> int:
    """The time of the first line that can be read, 0 for none."""
    for _, line in lines:
        try:
            return decode_action(line, now_ms=None, locate=nowhere).time_ms
        except Rejected:
            continue
    return 0


def _write(file: IO[bytes], records: Iterable[object]) -> None:
    file.writelines(encode(record) + b"\n" for record in records)


def _rejected_line(line: Line, rejected: Rejected) -> dict[str, object]:
    number, value = line
    return {
        "line": number,
        "error": rejected.error,
        "reason": rejected.reason,
        "value": value.decode("utf-8", "replace"),
    }


def _counts(lines: list[Line], block: Block) -> dict[str, int]:
    return {
        "lines": len(lines),
        "decisions": len(block.decisions),
        "updates": sum(alert.count > 1 for alert in block.alerts),
        "locks": sum(lock.state != "unlocked" for lock in block.locks),
        "repeats": block.duplicates,
        "rejected": len(block.rejected),
    }


def summary(totals: Counter[str], found: Found) -> str:
    """One line for people. An alert counts once, with the severity that it rose to."""
    severities = Counter(severity for _, severity, _ in found.alerts.values())
    by_severity = ", ".join(f"{severities[name]} {name}" for name in ("CRITICAL", "HIGH", "MEDIUM", "LOW"))
    return (
        f"{totals['lines']} lines: {totals['decisions']} decisions, {len(found.alerts)} alerts ({by_severity}) with "
        f"{totals['updates']} updates, {totals['locks']} locks and challenges, {totals['repeats']} repeated events, "
        f"{totals['rejected']} rejected\n"
    )


def comparison(before: Found, after: Found) -> str:
    """What other rules make of the alerts: a line in all, and one for each rule that it is about."""
    by_rule: dict[str, Counter[str]] = {}
    for alert_id in before.alerts.keys() | after.alerts.keys():
        was, is_now = before.alerts.get(alert_id), after.alerts.get(alert_id)
        if was == is_now:
            continue
        what = "new" if was is None else "lost" if is_now is None else "changed"
        rule_id = (is_now or was or ("",))[0]
        by_rule.setdefault(rule_id, Counter())[what] += 1
    totals = sum(by_rule.values(), Counter[str]())
    lines = [f"against the rules in force: {_changes(totals)}"]
    lines += [f"  {rule_id}: {_changes(by_rule[rule_id])}" for rule_id in sorted(by_rule)]
    return "\n".join(lines) + "\n"


def _changes(counts: Counter[str]) -> str:
    return f"{counts['new']} new, {counts['lost']} lost, {counts['changed']} changed alerts"
