"""The very same detection and response as in the stream, in memory: what `argus replay` runs over a file.

The file's order is the order of arrival, and users live in the partitions of a real run, each with its own models.
Work goes in blocks of `BLOCK_LINES`, whose events are scored together. Within a block events are settled in the order
of the lines, and what the sources say after each `SLICE_LINES` is known from the next slice on: about the moment that
it takes in a stream. Every clock is the events', so that two runs give the same bytes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from agents.placing import Placing
from argus.geo import make_locate
from argus.intelligence import ThreatLists, known_reputations
from argus.label_plan import label_plan
from argus.model_plan import model_plan, policy_of
from argus.rule_files import compiler, read_rules
from argus.settings import Settings
from core.detect import LABEL_FEATURES, Hearing, hear
from core.events import Action, Locate, Rejected, decode_action
from core.features import FEATURES
from core.feedback import label_signals
from core.judged import Case
from core.policy import Policy
from core.records import Alert, Decision, Feedback, Lock
from core.reputation import Reputations
from core.respond import expire
from core.ring_labels import tie_signals
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from core.signal import Signal
from core.sources import Out, SourceState, judge_sources
from core.state import UserState
from models.ensemble import Ensemble
from models.fitting import Awaited
from models.labelled import Heard, Labelled, Plan
from models.plan import ModelPlan

BLOCK_LINES: Final = 500
SLICE_LINES: Final = 25
ALL_DEFAULTS: Final = ModelPlan()


class Block(Struct):
    """What came out of one block of lines, in order. rejected: (line's place in the block, why); heard: what became
    of each label that came before them."""

    decisions: list[Decision] = []
    alerts: list[Alert] = []
    locks: list[Lock] = []
    rejected: list[tuple[int, Rejected]] = []
    duplicates: int = 0
    heard: list[Heard] = []


class Partition:
    """One partition's users, models and clock."""

    def __init__(self, seed: int, models: ModelPlan, learner: Labelled | None) -> None:
        self.users: dict[str, UserState] = {}
        self.scorer = Ensemble(FEATURES, seed, models.names, deciding=models.deciding)
        self.learner = learner
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
        models: ModelPlan = ALL_DEFAULTS,
        plan: Plan | None = None,
    ) -> None:
        """models: that learn what is usual; plan: of the models that learn from labels, None for none."""
        self._book = book
        self._policy = policy
        self._custom = custom
        self._locate = locate
        self._place = Placing(partitions)
        fitting = Awaited()
        self._partitions = [
            Partition(
                seed,
                models,
                Labelled(LABEL_FEATURES, plan, fitting, seed=seed, name=str(number))
                if plan is not None and plan.names
                else None,
            )
            for number in range(partitions)
        ]
        self._sources: dict[str, SourceState] = {}
        self._reputations = Reputations() if reputations is None else reputations

    @property
    def clock_ms(self) -> int:
        """Time of the newest event, 0 before the first."""
        return max(partition.clock_ms for partition in self._partitions)

    def block(self, lines: Iterable[bytes], labels: Iterable[Feedback] = ()) -> Block:
        """Take some lines, after the labels that came before them."""
        out = Block([], [], [], [])
        signals: Out = {}
        for label in labels:
            partition = self._partitions[self._place(label.user_id)]
            state = partition.users.get(label.user_id)
            label_signals(label, state, signals)
            tie_signals(label, state, signals)
            if partition.learner is not None:
                out.heard.append(partition.learner.tell(label, state))
        by_partition: dict[int, list[Action]] = {}
        lines_of: dict[int, int] = {}
        place = self._place
        for index, line in enumerate(lines):
            try:
                action = decode_action(line, now_ms=None, locate=self._locate)
            except Rejected as rejected:
                out.rejected.append((index, rejected))
                continue
            by_partition.setdefault(place(action.user_id), []).append(action)
            lines_of[id(action)] = index
        hearings = {number: self._hear(number, by_partition[number]) for number in sorted(by_partition)}
        told = self._settle(hearings.values(), lines_of, signals)
        for number, hearing in hearings.items():
            hearing.learn()
            judged, partition = hearing.judged, self._partitions[number]
            if partition.learner is not None:
                partition.learner.turn()
            partition.clock_ms = max(partition.clock_ms, *(action.time_ms for action in by_partition[number]))
            partition.due += judged.due
            out.decisions += judged.decisions
            out.alerts += judged.alerts
            out.locks += judged.locks
            out.locks += partition.expired()
            out.duplicates += judged.duplicates
        out.alerts += told
        return out

    def _hear(self, number: int, actions: list[Action]) -> Hearing:
        partition = self._partitions[number]
        return hear(
            actions,
            partition.users,
            book=self._book,
            policy=self._policy,
            custom=self._custom,
            scorer=partition.scorer,
            learner=partition.learner,
            reputation=self._reputations,
            now_ms=None,
        )

    def _settle(self, hearings: Iterable[Hearing], lines_of: dict[int, int], signals: Out) -> list[Alert]:
        """Settle a block's cases slice by slice, and let the sources hear of each slice before the next. Answers the
        alerts about sources. lines_of: the place in the block of an action, by its identity."""
        cases: list[tuple[int, Hearing, Case]] = []
        told: list[tuple[int, str, Signal]] = []
        for hearing in hearings:
            cases += [(lines_of[id(case.action)], hearing, case) for case in hearing.cases]
            at = {case.action.event_id: lines_of[id(case.action)] for case in hearing.cases}
            told += [
                (at[sign.event_id], key, sign) for key, signs in hearing.judged.signals.items() for sign in signs
            ]
            hearing.judged.signals = {}
        cases.sort(key=_first)
        told.sort(key=_first)
        alerts: list[Alert] = []
        taken = 0
        for start in range(0, max(len(cases), 1), SLICE_LINES):
            part = cases[start : start + SLICE_LINES]
            for _, hearing, case in part:
                hearing.settle(case)
                if hearing.judged.signals:
                    _join(signals, hearing.judged.signals)
                    hearing.judged.signals = {}
            last = part[-1][0] if part else 0
            while taken < len(told) and told[taken][0] <= last:
                signals.setdefault(told[taken][1], []).append(told[taken][2])
                taken += 1
            if signals:
                alerts += self._ask_sources(signals)
                signals = {}
        return alerts

    def _ask_sources(self, signals: Out) -> list[Alert]:
        judged = judge_sources(
            signals, self._sources, book=self._book, policy=self._policy, custom=self._custom, now_ms=None
        )
        for key, reputation in judged.reputations.items():
            self._reputations.learn(key, reputation)
        return judged.alerts


def _first(entry: tuple[Any, ...]) -> int:
    line: int = entry[0]
    return line


def _join(signals: Out, more: Out) -> None:
    for key, told in more.items():
        signals.setdefault(key, []).extend(told)


def make_engine(settings: Settings, rules: Path | None = None, *, labels: bool = True) -> Engine:
    """An engine by the settings; rules: of a file, instead of the settings' user-defined ones. labels: whether any
    will come; where none do, models that learn from them would never speak, and are left out."""
    book = RuleBook(settings.thresholds, settings.modes)
    definitions = read_rules(rules or settings.rules_file)
    return Engine(
        book=book,
        policy=policy_of(settings),
        custom=compiler(book)(definitions.values()),
        locate=make_locate(settings.geo_city_file),
        partitions=settings.partitions,
        seed=settings.seed,
        reputations=known_reputations(ThreatLists(settings.threat_lists) if settings.threat_lists else None),
        models=model_plan(settings),
        plan=label_plan(settings) if labels else None,
    )
