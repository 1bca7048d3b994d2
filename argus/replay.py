"""The very same detection and response as in the stream, in memory: what `argus replay` runs over a file.

The file's order is the order of arrival, and users live in the partitions of a real run, each with its own models.
Work goes in blocks of `BLOCK_LINES`; what the sources say in one block is known from the next on. Every clock is the
events', so that two runs give the same bytes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from agents.placing import Placing
from argus.geo import make_locate
from argus.intelligence import ThreatLists, known_reputations
from argus.rule_files import compiler, read_rules
from argus.settings import Settings
from core.detect import judge
from core.events import Action, Locate, Rejected, decode_action
from core.features import FEATURES
from core.feedback import label_signals
from core.policy import Policy
from core.records import Alert, Decision, Feedback, Lock
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
