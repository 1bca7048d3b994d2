"""`argus replay`: the very same detection and response over a file, with no broker.

The file's order is the order of arrival, and users live in the partitions of a real run, each with its own models.
Work goes in blocks of `BLOCK_LINES`; what the sources say in one block is known from the next on. Every clock is the
events', so that two runs give the same bytes.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from agents.placing import Placing
from argus.geo import make_locate
from argus.intelligence import ThreatLists, known_reputations
from argus.progress import bar
from argus.rule_files import compiler, read_rules
from argus.settings import Settings
from core.detect import judge
from core.events import Action, Locate, Rejected, decode_action, nowhere, read_feedback
from core.features import FEATURES
from core.feedback import label_signals
from core.policy import Policy
from core.records import Alert, Decision, Feedback, Lock, encode
from core.reputation import Reputations
from core.respond import expire
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from core.sources import Out, SourceState, judge_sources
from core.state import UserState
from models.ensemble import Ensemble

BLOCK_LINES: Final = 500


class Block(Struct):
    """What came out of one block of lines, in order. rejected: (line's place in the block, why)."""

    decisions: list[Decision] = []
    alerts: list[Alert] = []
    locks: list[Lock] = []
    rejected: list[tuple[int, Rejected]] = []
    duplicates: int = 0


class Partition:
    """One partition's users, models and clock."""

    def __init__(self, seed: int) -> None:
        self.users: dict[str, UserState] = {}
        self.scorer = Ensemble(FEATURES, seed=seed)
        self.clock_ms = 0
        self.due: list[tuple[int, str]] = []

    def expired(self) -> list[Lock]:
        """Locks that are over by the partition's clock, each told once."""
        over = sorted(entry for entry in self.due if entry[0] <= self.clock_ms)
        if not over:
            return []
        self.due = [entry for entry in self.due if entry[0] > self.clock_ms]
        told = (expire(self.users[user_id], user_id, self.clock_ms) for _, user_id in over)
        return [lock for lock in told if lock is not None]


class Engine:
    """Detection and response as a real run has them, in memory."""

    def __init__(
        self,
        *,
        book: RuleBook,
        policy: Policy,
        custom: CustomRules,
        locate: Locate,
        partitions: int,
        seed: int,
        reputations: Reputations | None = None,
    ) -> None:
        self._book = book
        self._policy = policy
        self._custom = custom
        self._locate = locate
        self._place = Placing(partitions)
        self._partitions = [Partition(seed) for _ in range(partitions)]
        self._sources: dict[str, SourceState] = {}
        self._reputations = Reputations() if reputations is None else reputations

    def block(self, lines: Iterable[bytes], labels: Iterable[Feedback] = ()) -> Block:
        """Take some lines, after the labels that came before them."""
        out = Block([], [], [], [])
        signals: Out = {}
        for label in labels:
            users = self._partitions[self._place(label.user_id)].users
            label_signals(label, users.get(label.user_id), signals)
        by_partition: dict[int, list[Action]] = {}
        place = self._place
        for index, line in enumerate(lines):
            try:
                action = decode_action(line, now_ms=None, locate=self._locate)
            except Rejected as rejected:
                out.rejected.append((index, rejected))
                continue
            by_partition.setdefault(place(action.user_id), []).append(action)
        for number in sorted(by_partition):
            self._judge(self._partitions[number], by_partition[number], signals, out)
        judged = judge_sources(
            signals, self._sources, book=self._book, policy=self._policy, custom=self._custom, now_ms=None
        )
        out.alerts += judged.alerts
        for key, reputation in judged.reputations.items():
            self._reputations.learn(key, reputation)
        return out

    def _judge(self, partition: Partition, actions: list[Action], signals: Out, out: Block) -> None:
        judged = judge(
            actions,
            partition.users,
            book=self._book,
            policy=self._policy,
            custom=self._custom,
            scorer=partition.scorer,
            reputation=self._reputations,
            now_ms=None,
        )
        for key, told in judged.signals.items():
            signals.setdefault(key, []).extend(told)
        partition.clock_ms = max(partition.clock_ms, *(action.time_ms for action in actions))
        partition.due += judged.due
        out.decisions += judged.decisions
        out.alerts += judged.alerts
        out.locks += judged.locks
        out.locks += partition.expired()
        out.duplicates += judged.duplicates


def make_engine(settings: Settings, rules: Path | None = None) -> Engine:
    """An engine by the settings; rules: of a file, instead of the settings' user-defined ones."""
    book = RuleBook(settings.thresholds, settings.modes)
    definitions = read_rules(rules or settings.rules_file)
    return Engine(
        book=book,
        policy=settings.policy,
        custom=compiler(book)(definitions.values()),
        locate=make_locate(settings.geo_city_file),
        partitions=settings.partitions,
        seed=settings.seed,
        reputations=known_reputations(ThreatLists(settings.threat_lists) if settings.threat_lists else None),
    )


def run(
    settings: Settings,
    *,
    events: Path,
    alerts: Path,
    decisions: Path,
    locks: Path | None,
    rejected: Path | None,
    feedback: Path | None,
    rules: Path | None,
) -> int:
    """Replay a file; the exit status. The summary goes to stderr."""
    engine = make_engine(settings, rules)
    labels = Labels(feedback) if feedback is not None else None
    totals: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    with ExitStack() as stack:
        source = stack.enter_context(events.open("rb"))
        to_alerts = stack.enter_context(alerts.open("wb"))
        to_decisions = stack.enter_context(decisions.open("wb"))
        to_locks = stack.enter_context(locks.open("wb")) if locks else None
        to_rejected = stack.enter_context(rejected.open("wb")) if rejected else None
        advance = stack.enter_context(bar("replay", events.stat().st_size, "bytes"))
        start = 0
        for lines in blocks(source):
            block = engine.block(lines, labels.until(_first_time(lines)) if labels else ())
            _write(to_decisions, block.decisions)
            _write(to_alerts, block.alerts)
            if to_locks is not None:
                _write(to_locks, block.locks)
            if to_rejected is not None:
                _write(to_rejected, (_rejected_line(lines, start, *entry) for entry in block.rejected))
            start += len(lines)
            totals.update(
                lines=len(lines),
                decisions=len(block.decisions),
                alerts=sum(alert.count == 1 for alert in block.alerts),
                updates=sum(alert.count > 1 for alert in block.alerts),
                locks=sum(lock.state != "unlocked" for lock in block.locks),
                repeats=block.duplicates,
                rejected=len(block.rejected),
            )
            severities.update(alert.severity for alert in block.alerts if alert.count == 1)
            if advance is not None:
                advance(sum(map(len, lines)) + len(lines))
    sys.stderr.write(summary(totals, severities))
    return 0


def blocks(source: IO[bytes]) -> Iterator[list[bytes]]:
    """Blocks of lines without their ends; empty lines are nothing."""
    lines = (line for line in (raw.rstrip(b"\r\n") for raw in source) if line)
    while block := list(islice(lines, BLOCK_LINES)):
        yield block


class Labels:
    """A file of feedback, handed out by its own time."""

    def __init__(self, path: Path) -> None:
        """Raises `Rejected` naming the line where one can't be read: half of the labels would be a wrong result."""
        self._labels: list[Feedback] = []
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
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


def _ms(label: Feedback) -> int:
    assert isinstance(label.time, int)
    return label.time


def _first_time(lines: Iterable[bytes]) -> int:
    """The time of the first line that can be read, 0 for none."""
    for line in lines:
        try:
            return decode_action(line, now_ms=None, locate=nowhere).time_ms
        except Rejected:
            continue
    return 0


def _write(file: IO[bytes], records: Iterable[object]) -> None:
    file.writelines(encode(record) + b"\n" for record in records)


def _rejected_line(lines: list[bytes], start: int, index: int, rejected: Rejected) -> dict[str, object]:
    return {
        "line": start + index + 1,
        "error": rejected.error,
        "reason": rejected.reason,
        "value": lines[index].decode("utf-8", "replace"),
    }


def summary(totals: Counter[str], severities: Counter[str]) -> str:
    """One line for people."""
    by_severity = ", ".join(f"{severities[name]} {name}" for name in ("CRITICAL", "HIGH", "MEDIUM", "LOW"))
    return (
        f"{totals['lines']} lines: {totals['decisions']} decisions, {totals['alerts']} alerts ({by_severity}) with "
        f"{totals['updates']} updates, {totals['locks']} locks and challenges, {totals['repeats']} repeated events, "
        f"{totals['rejected']} rejected\n"
    )
