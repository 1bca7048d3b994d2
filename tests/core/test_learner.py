"""What detection does with models that learn from labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from core.detect import LABEL_FEATURES, hear, judge
from core.events import Action
from core.judged import Case, Judged, Scores
from core.policy import Policy
from core.rules.entry import Answer, Hit, Severity
from tests.core.test_detect import ABook, AScorer, Bound, always, paid

POLICY = Policy()


class ALearner:
    """Knows every row as told; remembers what it was given to keep."""

    def __init__(self, score: float = 0.99999, trust: float = 1.0) -> None:
        self.answer, self.earned = score, trust
        self.rows: list[Sequence[float]] = []
        self.kept: list[tuple[str, bool, int]] = []

    def score(self, rows: Sequence[Sequence[float]]) -> list[Scores]:
        self.rows.extend(rows)
        return [{"random_forest": self.answer} for _ in rows]

    def keep(self, cases: Sequence[Case]) -> None:
        self.kept += [(case.action.event_id, case.tainted, case.at) for case in cases]

    def explain(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        return [{"merchant_run": 0.5, "amount": 0.5} if self.answer > 0.99 else {} for _ in rows]

    def trusted(self) -> Mapping[str, float]:
        return {"random_forest": self.earned}

    def authority(self) -> float:
        return 0.0


def run(actions: Sequence[Action], *rules: Bound, **more: Any) -> Judged:
    return judge(actions, {}, book=ABook(*rules), policy=POLICY, **more)


def test_its_scores_stand_beside_the_others_and_raise_the_risk_as_far_as_they_earned_it() -> None:
    risks = []
    for trust in (0.0, 0.5, 1.0):
        (decision,) = run([paid(1)], scorer=AScorer(), learner=ALearner(trust=trust)).decisions
        assert decision.scores == {"gaussian": 0.5, "random_forest": 0.99999}
        risks.append(decision.risk_score)
    assert risks == sorted(set(risks))
    assert risks[0] == run([paid(1)], scorer=AScorer()).decisions[0].risk_score


def test_it_alone_never_reaches_a_challenge() -> None:
    (decision,) = run([paid(1)], learner=ALearner(1.0)).decisions
    assert 10 < decision.risk_score < POLICY.fraud_score_threshold
    assert decision.decision == "approve"


def test_rows_have_every_feature_and_what_rules_say_of_the_event() -> None:
    learner = ALearner()
    run([paid(1), paid(2, 1_000)], learner=learner)
    quiet = learner.rows[1]
    assert [len(row) for row in learner.rows] == [len(LABEL_FEATURES)] * 2
    learner = ALearner()
    run([paid(1), paid(2, 1_000)], Bound("loud", always(Severity.LOW)), learner=learner)
    assert learner.rows[1][-1] > quiet[-1]
    assert all(0.0 <= value <= 1.0 for row in learner.rows for value in row)


def test_what_a_shadow_rule_says_is_no_part_of_a_row() -> None:
    rows = []
    for rules in ((), (Bound("shadow", always(Severity.HIGH), mode="shadow"),)):
        learner = ALearner()
        run([paid(1)], *rules, learner=learner)
        rows.append(list(learner.rows[0]))
    assert rows[0] == rows[1]


def test_it_is_given_all_events_to_keep_once_they_are_settled_with_their_taint() -> None:
    def large(action: Action, *_: Any) -> Answer:
        return Hit(Severity.MEDIUM, "large") if (action.amount or 0) > 100 else None

    learner = ALearner()
    hearing = hear(
        [paid(1), paid(1), paid(2, 1_000, 500.0), paid(3, 2_000)],
        {},
        book=ABook(Bound("large", large)),
        policy=POLICY,
        learner=learner,
    )
    for case in hearing.cases:
        hearing.settle(case)
    assert not learner.kept
    hearing.learn()
    assert learner.kept == [("e1", False, 0), ("e2", True, 1), ("e3", False, 2)]


def test_rules_that_read_models_are_asked_about_what_is_unusual_alone() -> None:
    asked: list[Scores] = []

    def remember(_action: Action, _state: Any, _seen: Any, _t: Any, scores: Scores) -> Answer:
        asked.append(dict(scores))
        return None

    rule = Bound("model", remember, inputs=("model",))
    run([paid(1)], rule, scorer=AScorer(), learner=ALearner())
    run([paid(1)], rule, learner=ALearner())
    assert asked == [{"gaussian": 0.5}]


@pytest.mark.parametrize(
    ("score", "shares"),
    [(0.99999, {"amount": 0.75, "merchant_run": 0.25}), (0.5, {"amount": 1.0})],
)
def test_an_alert_is_explained_by_both_where_labels_speak_too(score: float, shares: Scores) -> None:
    judged = run([paid(1)], Bound("loud", always(Severity.LOW)), scorer=AScorer(), learner=ALearner(score))
    assert judged.alerts[0].contributions == shares
