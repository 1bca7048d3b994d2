"""What Argus says about a batch of events: the one place that the stream, a replay, the bench and tests all call.

The first pass (`core.watch`) depends on each user's own events alone. Then all rows are scored at once, and the
second pass (`core.settle`) asks the rules that read models or reputation, and answers. The models learn last, and
only from events that look like their user; those that learn from labels take note of all.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from core.events import Action
from core.fraud_features import FRAUD_FEATURES
from core.judged import NO_SCORES, Book, Case, Judged, Learner, OwnRules, Scorer, Scores
from core.policy import Policy
from core.reputation import Reputation
from core.risk import clear_of_hits
from core.settle import Bench
from core.state import UserState
from core.watch import Rowing, watch

__all__ = ["LABEL_FEATURES", "Hearing", "Judged", "hear", "judge"]


# What is known of an event where models that learn from labels are asked.
LABEL_FEATURES: Final = (*FRAUD_FEATURES, "rules_risk")


def rules_risk(case: Case) -> float:
    """0..1: what live rules on the user's own events say, and what the user's last hours bring along."""
    return 1.0 - case.clear * clear_of_hits(case.hits or ())


class Hearing:
    """A batch that has been watched and scored, and waits to be settled: each case once, in order of arrival within
    its user. What settles one case may use what another, settled before it, told the sources."""

    def __init__(
        self,
        cases: list[Case],
        judged: Judged,
        bench: Bench,
        scorer: Scorer | None,
        learner: Learner | None,
        scored: Sequence[Scores],
        known: Sequence[Scores],
    ) -> None:
        """scored, known: what `scorer` and `learner` said of the cases that have rows; empty if they said nothing."""
        self.cases = cases
        self.judged = judged
        self._bench = bench
        self._scorer = scorer
        self._learner = learner
        self._scored = scored
        self._known = known

    def settle(self, case: Case) -> None:
        """All that follows from one event, down to its decision."""
        unusual = NO_SCORES if case.row is None or not self._scored else self._scored[case.at]
        scores = unusual if case.fraud_row is None or not self._known else unusual | self._known[case.at]
        bench = self._bench
        try:
            bench.settle(case, scores, unusual)
        except Exception as error:  # noqa: BLE001 - a rule that raises costs its event only
            judged = self.judged
            if all(case.action is not action for action, _ in judged.failed):
                judged.failed.append((case.action, repr(error)))
            case.tainted = True
            bench.decide(case, bench.fusion.risk(1.0, scores), scores, [])

    def learn(self) -> None:
        """Let the models explain the alerts, and learn from what looks like its user. Call it once, when all cases
        are settled; before, alerts have no contributions."""
        self._bench.explain()
        rows = [case.row for case in self.cases if case.row is not None]
        if self._scorer is not None and rows:
            mask = [not (case.tainted or case.robbed) for case in self.cases if case.row is not None]
            self._scorer.learn(rows, mask)
            self.judged.learned = sum(mask)
        if self._learner is not None:
            self._learner.keep(self.cases)


def hear(
    actions: Sequence[Action],
    users: dict[str, UserState],
    *,
    book: Book,
    policy: Policy,
    custom: OwnRules | None = None,
    scorer: Scorer | None = None,
    learner: Learner | None = None,
    reputation: Mapping[str, Reputation] | None = None,
    now_ms: int | None = None,
) -> Hearing:
    """The first half of `judge`: place the events in their users' states, ask the users' own rules, score."""
    judged = Judged()
    known = {} if reputation is None else reputation
    rowing = Rowing(scorer is not None, learner is not None, known)
    cases = watch(actions, users, book, policy, custom, rowing, judged)
    rows: list[Sequence[float]] = []
    fraud_rows: list[Sequence[float]] = []
    for case in cases:
        if case.row is not None:
            case.at = len(rows)
            rows.append(case.row)
        if case.fraud_row is not None:
            case.at = len(fraud_rows)
            case.fraud_row.append(rules_risk(case))
            fraud_rows.append(case.fraud_row)
    scored = scorer.score(rows) if scorer is not None and rows else []
    told = learner.score(fraud_rows) if learner is not None and fraud_rows else []
    bench = Bench(book, policy, scorer, learner, known, now_ms, judged)
    return Hearing(cases, judged, bench, scorer, learner, scored, told)


def judge(
    actions: Sequence[Action],
    users: dict[str, UserState],
    *,
    book: Book,
    policy: Policy,
    custom: OwnRules | None = None,
    scorer: Scorer | None = None,
    learner: Learner | None = None,
    reputation: Mapping[str, Reputation] | None = None,
    now_ms: int | None = None,
) -> Judged:
    """Judge events in order of arrival. A repeated event gets nothing, every other exactly one decision.

    users: states of at least the users who were here before, changed in place; new ones are added. now_ms: the wall
    clock for `detected_at`, None to go by each event's own time.
    """
    hearing = hear(
        actions,
        users,
        book=book,
        policy=policy,
        custom=custom,
        scorer=scorer,
        learner=learner,
        reputation=reputation,
        now_ms=now_ms,
    )
    for case in hearing.cases:
        hearing.settle(case)
    hearing.learn()
    return hearing.judged
