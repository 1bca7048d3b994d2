"""`argus replay`: a file of events in; files of decisions, alerts, locks and rejected lines out."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from argus.back_test import Comparing, Comparison, Run
from argus.label_plan import label_plan
from argus.progress import bar
from argus.replay import BLOCK_LINES, Block, make_engine
from argus.settings import Settings
from core.events import Rejected, decode_action, nowhere, read_feedback
from core.records import Feedback, encode

if TYPE_CHECKING:
    from argus.back_test_truth import Truth
    from argus.replay_labels import LabelLedger, Told

# A line's number in the file, from 1, and the line without its end.
Line = tuple[int, bytes]
FOREVER_MS: Final = 1 << 62
COUNTED: Final = ("lines", "decisions", "updates", "locks", "repeats", "rejected")


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
    other: Settings | None = None,
    truth: "Truth | None" = None,
    as_json: bool = False,
) -> int:
    """Replay a file; the exit status. The summary goes to stderr, as_json: to stdout as one object. rules:
    user-defined ones instead of those in force, other: settings with other models; what is in force then runs beside
    them, to tell what becomes of alerts and locks. truth: about the events, to tell what that is worth."""
    labelled = feedback is not None
    engine = make_engine(settings if other is None else other, rules, labels=labelled)
    trying = " and ".join(
        name for name, tried in (("rules", rules is not None), ("models", other is not None)) if tried
    )
    in_force = make_engine(settings, labels=labelled) if trying else None
    found = Run()
    comparing = Comparing(keep_live=truth is not None) if trying else None
    labels = Labels(feedback)
    ledger = _ledger(labels, settings) if labelled else None
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
            found.add(block)
            if ledger is not None:
                ledger.heard.update(block.heard)
                ledger.add(block.decisions)
            if in_force is not None and comparing is not None:
                before = in_force.block(values, come)
                comparing.add(before, block)
                if truth is not None:
                    truth.add(before.decisions, block.decisions)
            _write(to_decisions, block.decisions)
            _write(to_alerts, block.alerts)
            if to_locks is not None:
                _write(to_locks, block.locks)
            if to_rejected is not None:
                _write(to_rejected, (_rejected_line(lines[index], why) for index, why in block.rejected))
            totals.update(_counts(lines, block))
            if advance is not None:
                advance(sum(map(len, values)) + len(values))
    compared = None
    if comparing is not None:
        judged = truth.judge(comparing.before, comparing.after) if truth is not None else None
        compared = comparing.result(judged, trying)
    told = ledger.told(engine.clock_ms, settings.policy.tail_quantile) if ledger is not None else None
    _tell(totals, found, compared, told, as_json=as_json)
    return 0


def _ledger(labels: "Labels", settings: Settings) -> "LabelLedger":
    from argus.replay_labels import LabelLedger

    return LabelLedger(labels.all, label_plan(settings).delay_ms)


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
                    self._labels.append(read_feedback(line, now_ms=None))
                except Rejected as rejected:
                    raise Rejected(rejected.error, f"{path}, line {number}: {rejected.reason}") from None
        self.all = tuple(self._labels)
        self._labels.sort(key=lambda label: (label.time, label.feedback_id), reverse=True)

    def until(self, time_ms: int) -> list[Feedback]:
        """Those that had come by then and were not handed out before."""
        come = []
        while self._labels and _ms(self._labels[-1]) <= time_ms:
            come.append(self._labels.pop())
        return come


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


def _tell(
    totals: Counter[str], found: Run, compared: Comparison | None, labels: "Told | None", *, as_json: bool
) -> None:
    if as_json:
        severities = _severities(found)
        told = {**{name: totals[name] for name in COUNTED}, "alerts": len(found.alerts), "severities": severities}
        sys.stdout.buffer.write(encode({**told, "against": compared, "labels": labels}) + b"\n")
        return
    sys.stderr.write(summary(totals, found))
    if labels is not None:
        from argus.replay_labels import lines as lines_of_labels

        sys.stderr.writelines(f"{line}\n" for line in lines_of_labels(labels))
    if compared is not None:
        from argus.back_test_view import lines

        sys.stderr.writelines(f"{line}\n" for line in lines(compared))


def summary(totals: Counter[str], found: Run) -> str:
    """One line for people. An alert counts once, with the severity that it rose to."""
    by_severity = ", ".join(f"{count} {name}" for name, count in _severities(found).items())
    return (
        f"{totals['lines']} lines: {totals['decisions']} decisions, {len(found.alerts)} alerts ({by_severity}) with "
        f"{totals['updates']} updates, {totals['locks']} locks and challenges, {totals['repeats']} repeated events, "
        f"{totals['rejected']} rejected\n"
    )


def _severities(found: Run) -> dict[str, int]:
    counts = Counter(told.severity for told in found.alerts.values())
    return {name: counts[name] for name in ("CRITICAL", "HIGH", "MEDIUM", "LOW")}
