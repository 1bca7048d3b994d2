"""What Argus says about a batch of events: the one place that the stream, a replay, the bench and tests all call.

The first pass (`core.watch`) depends on each user's own events alone. Then all rows are scored at once, and the
second pass (`core.settle`) asks the rules that read models or reputation, and answers. The models learn last, and
only from events that look like their user.
"""

from collections.abc import Mapping, Sequence

from core.events import Action
from core.judged import NO_SCORES, Book, Case, Judged, OwnRules, Scorer, Scores
from core.policy import Policy
from core.reputation import Reputation
from core.settle import Bench
from core.state import UserState
from core.watch import watch

__all__ = ["Hearing", "Judged", "hear", "judge"]


class Hearing:
    """A batch that has been watched and scored, and waits to be settled: each case once, in order of arrival within
    its user. What settles one case may use what another, settled before it, told the sources."""

    def __init__(
        self, cases: list[Case], judged: Judged, bench: Bench, scorer: Scorer | None, scored: Sequence[Scores]
    ) -> None:
        self.cases = cases
        self.judged = judged
        self._bench = bench
        self._scorer = scorer
        self._scored = scored

    def settle(self, case: Case) -> None:
        """All that follows from one event, down to its decision."""
        scores = NO_SCORES if case.row is None or not self._scored else self._scored[case.at]
        bench = self._bench
        try:
            bench.settle(case, scores)
        except Exception as error:  # noqa: BLE001 - a rule that raises costs its event only
            judged = self.judged
            if all(case.action is not action for action, _ in judged.failed):
                judged.failed.append((case.action, repr(error)))
            case.tainted = True
            bench.decide(case, bench.fusion.risk(1.0, scores), scores, [])

    def learn(self) -> None:
        """Let the models learn from what looks like its user. Call it once, when all cases are settled."""
        rows = [case.row for case in self.cases if case.row is not None]
        if self._scorer is not None and rows:
            mask = [not case.tainted for case in self.cases if case.row is not None]
            self._scorer.learn(rows, mask)
            self.judged.learned = sum(mask)


def hear(
    actions: Sequence[Action],
    users: dict[str, UserState],
    *,
    book: Book,
    policy: Policy,
    custom: OwnRules | None = None,
    scorer: Scorer | None = None,
    reputation: Mapping[str, Reputation] | None = None,
    now_ms: int | None = None,
) -> Hearing:
    """The first half of `judge`: place the events in their users' states, ask the users' own rules, score."""
    judged = Judged()
    cases = watch(actions, users, book, policy, custom, scorer is not None, judged)
    rows: list[Sequence[float]] = []
    for case in cases:
        if case.row is not None:
            case.at = len(rows)
            rows.append(case.row)
    scored = scorer.score(rows) if scorer is not None and rows else []
    bench = Bench(book, policy, scorer, {} if reputation is None else reputation, now_ms, judged)
    return Hearing(cases, judged, bench, scorer, scored)


def judge(
    actions: Sequence[Action],
    users: dict[str, UserState],
    *,
    book: Book,
    policy: Policy,
    custom: OwnRules | None = None,
    scorer: Scorer | None = None,
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
        reputation=reputation,
        now_ms=now_ms,
    )
    for case in hearing.cases:
        hearing.settle(case)
    hearing.learn()
    return hearing.judged
