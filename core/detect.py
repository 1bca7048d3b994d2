"""What Argus says about a batch of events: the one place that the stream, a replay, the bench and tests all call.

The first pass (`core.watch`) depends on each user's own events alone. Then all rows are scored at once, and the
second pass (`core.settle`) asks the rules that read models or reputation, and answers. The models learn last, and
only from events that look like their user.
"""

from collections.abc import Mapping, Sequence

from core.events import Action
from core.judged import NO_SCORES, Book, Judged, OwnRules, Scorer
from core.policy import Policy
from core.reputation import Reputation
from core.settle import Bench
from core.state import UserState
from core.watch import watch

__all__ = ["Judged", "judge"]


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
    judged = Judged()
    cases = watch(actions, users, book, policy, custom, scorer is not None, judged)
    rows: list[Sequence[float]] = []
    for case in cases:
        if case.row is not None:
            case.at = len(rows)
            rows.append(case.row)
    scored = scorer.score(rows) if scorer is not None and rows else []
    bench = Bench(book, policy, scorer, reputation or {}, now_ms, judged)
    for case in cases:
        scores = NO_SCORES if case.row is None else scored[case.at]
        try:
            bench.settle(case, scores)
        except Exception as error:  # noqa: BLE001 - a rule that raises costs its event only
            if all(case.action is not action for action, _ in judged.failed):
                judged.failed.append((case.action, repr(error)))
            case.tainted = True
            bench.decide(case, bench.fusion.risk(1.0, scores), scores, [])
    if scorer is not None and rows:
        mask = [not case.tainted for case in cases if case.row is not None]
        scorer.learn(rows, mask)
        judged.learned = sum(mask)
    return judged
