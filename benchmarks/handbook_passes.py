"""The Handbook's payments through Argus: every event is judged as in a stream, and labels come days late.

Three passes tell what labels are worth: all that Argus learns from them; only what they say of terminals; none.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from argus.label_plan import label_plan
from argus.settings import Settings
from core.detect import LABEL_FEATURES, judge
from core.events import decode_action, nowhere, read_feedback
from core.features import FEATURES
from core.feedback import label_signals
from core.judged import Case, Scores
from core.records import Feedback, encode
from core.reputation import Reputations
from core.rules.book import RuleBook
from core.signal import Out
from core.sources import SourceState, judge_sources
from core.state import UserState
from models.ensemble import Ensemble
from models.fitting import Awaited
from models.labelled import Labelled
from simulation.handbook import Payments, events, labels

Way = Literal["labels", "reputation", "no labels"]
WAYS: Final[tuple[Way, ...]] = ("labels", "reputation", "no labels")
BLOCK: Final = 500
RISK: Final = "risk_score"

Said = Mapping[str, npt.NDArray[np.float64]]
Rows = npt.NDArray[np.float32]


class Noted:
    """In the place of models that learn from labels: says nothing, and notes the rows that those would see."""

    def __init__(self, count: int) -> None:
        self.rows: Rows = np.zeros((count, len(LABEL_FEATURES)), np.float32)

    def score(self, _rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        return []

    def keep(self, cases: Sequence[Case]) -> None:
        for case in cases:
            if case.fraud_row is not None:
                self.rows[number_of(case.action.event_id)] = case.fraud_row

    def explain(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        return [{} for _ in rows]

    def trusted(self) -> Mapping[str, float]:
        return {}

    def authority(self) -> float:
        return 0.0


def number_of(event_id: str) -> int:
    """The payment that an event is."""
    return int(event_id[1:])


class Pass:
    """One partition of Argus with all customers, from an empty state. rows: of its events, where they were noted."""

    def __init__(self, settings: Settings, way: Way, count: int) -> None:
        self._book = RuleBook(settings.thresholds, settings.modes)
        self._policy = settings.policy
        self._users: dict[str, UserState] = {}
        self._sources: dict[str, SourceState] = {}
        self._reputations = Reputations()
        self._scorer = Ensemble(FEATURES, seed=settings.seed)
        self._learning = (
            Labelled(LABEL_FEATURES, label_plan(settings), Awaited(), seed=settings.seed, name="handbook")
            if way == "labels"
            else None
        )
        self._noted = Noted(count) if way == "reputation" else None
        self.said: dict[str, npt.NDArray[np.float64]] = {RISK: np.zeros(count)}

    @property
    def rows(self) -> Rows | None:
        return None if self._noted is None else self._noted.rows

    def block(self, lines: Sequence[bytes], known: Sequence[Feedback]) -> None:
        """Judge some events, after the labels that came before them."""
        signals: Out = {}
        for label in known:
            state = self._users.get(label.user_id)
            label_signals(label, state, signals)
            if self._learning is not None:
                self._learning.tell(label, state)
        self._hear_sources(signals)
        judged = judge(
            [decode_action(line, now_ms=None, locate=nowhere) for line in lines],
            self._users,
            book=self._book,
            policy=self._policy,
            scorer=self._scorer,
            learner=self._learning or self._noted,
            reputation=self._reputations,
        )
        self._hear_sources(judged.signals)
        if self._learning is not None:
            self._learning.turn()
        for decision in judged.decisions:
            at = number_of(decision.event_id)
            self.said[RISK][at] = decision.risk_score
            for name, score in decision.scores.items():
                scores = self.said.get(name)
                if scores is None:
                    scores = self.said[name] = np.zeros(len(self.said[RISK]))
                scores[at] = score

    def _hear_sources(self, signals: Out) -> None:
        told = judge_sources(signals, self._sources, book=self._book, policy=self._policy)
        for key, reputation in told.reputations.items():
            self._reputations.learn(key, reputation)


def run_pass(settings: Settings, paid: Payments, way: Way, delay_days: float) -> Pass:
    """All payments in order; with labels, each before the first block of events after it."""
    through = Pass(settings, way, len(paid.time_s))
    lines = events(paid)
    known: Iterator[Feedback] = iter(())
    if way != "no labels":
        known = (read_feedback(encode(label), now_ms=None) for label in labels(paid, delay_days))
    waiting = next(known, None)
    times_ms = paid.times_ms()
    for start in range(0, len(times_ms), BLOCK):
        due: list[Feedback] = []
        while waiting is not None and isinstance(waiting.time, int) and waiting.time <= times_ms[start]:
            due.append(waiting)
            waiting = next(known, None)
        through.block(list(itertools.islice(lines, BLOCK)), due)
    return through
