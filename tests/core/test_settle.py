from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from core.clock import DAY
from core.detect import judge
from core.events import Action, event_key
from core.judged import Case, Scores
from core.policy import Policy
from core.reputation import BAD, CLEAN, WATCHED, FraudRecord, Reputation
from core.rules.book import RuleBook

NOW_MS = 1_772_442_000_000
RULE = "payment_at_compromised_merchant"


def record(run: int, *after_d: int) -> FraudRecord:
    """Frauds in a row up to a week ago, with labels a week late, and payments so many days ago since then."""
    after = tuple(NOW_MS - days * DAY for days in after_d)
    return FraudRecord(0.5, 0.5, 0.5, run, NOW_MS - 14 * DAY, NOW_MS - 8 * DAY, 5 * DAY, after)


class Kept:
    """In the place of models that learn from labels: keeps what it is given."""

    def __init__(self, earned: float = 0.0) -> None:
        self.cases: list[Case] = []
        self._earned = earned

    def score(self, _rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        return []

    def keep(self, cases: Sequence[Case]) -> None:
        self.cases += cases

    def explain(self, rows: Sequence[Sequence[float]]) -> Sequence[Scores]:
        return [{} for _ in rows]

    def trusted(self) -> Mapping[str, float]:
        return {}

    def authority(self) -> float:
        return self._earned


def decided(
    level: int,
    told: FraudRecord | None,
    kept: Kept | None = None,
    also: Mapping[str, Reputation] | None = None,
    **fields: Any,
) -> tuple[float, list[str]]:
    """The risk of a payment at a merchant of that standing, and the rules that spoke."""
    standing = Reputation(level, "r", NOW_MS - DAY, NOW_MS + DAY, 0.5, "Frauds", record=told)
    action = Action(
        event_id="e1", key=event_key("e1"), type="transaction", user_id="u1", time_ms=NOW_MS, amount=20.0,
        currency="USD", merchant_id="m1", **fields,
    )  # fmt: skip
    known = {"merchant:m1": standing, **(also or {})}
    judged = judge([action], {}, book=RuleBook(), policy=Policy(), reputation=known, learner=kept)
    (decision,) = judged.decisions
    return decision.risk_score, decision.rules


def test_the_risk_grows_with_the_run_of_frauds_at_the_merchant_though_nobody_accuses_it() -> None:
    risks = [decided(CLEAN, record(run))[0] for run in (0, 1, 2, 8)]
    assert risks[0] == 0
    assert risks == sorted(set(risks))
    assert risks[-1] < Policy().fraud_score_threshold


def test_where_payments_turned_out_clean_since_the_rule_is_silent() -> None:
    assert decided(BAD, record(8))[1] == [RULE]
    risk, rules = decided(BAD, record(8, 7, 6, 6))
    assert rules == []
    assert risk < decided(BAD, record(8))[0] / 4


@pytest.mark.parametrize(("level", "least"), [(WATCHED, 35), (BAD, 65)])
def test_a_merchant_without_labels_counts_by_its_level(level: int, least: float) -> None:
    risk, rules = decided(level, None)
    assert rules == [RULE]
    assert risk > least


def test_a_customer_of_a_robbed_merchant_is_not_suspect_for_it() -> None:
    kept = Kept()
    decided(BAD, record(8), kept)
    decided(BAD, None, kept)
    decided(BAD, record(8), kept, {"device:d1": Reputation(BAD, "r", NOW_MS - DAY, NOW_MS + DAY)}, device_id="d1")
    assert [(case.robbed, case.tainted) for case in kept.cases] == [(True, False), (False, True), (True, True)]


def test_what_labels_told_of_a_merchant_yields_to_models_that_know_it_as_well() -> None:
    for level, told in ((CLEAN, record(8)), (BAD, record(8))):
        risks = [decided(level, told, Kept(earned))[0] for earned in (0.0, 0.5, 1.0)]
        assert risks[0] == decided(level, told)[0]
        assert risks[0] > risks[1] > risks[2] == 0.0


@pytest.mark.parametrize(
    ("told", "fields"), [(None, {}), (record(8), {"device_id": "d1"}), (record(8), {"network": "10.0.0.0/24"})]
)
def test_what_no_label_told_and_a_payment_that_names_a_place_yield_to_nobody(
    told: FraudRecord | None, fields: dict[str, str]
) -> None:
    risks = [decided(BAD, told, Kept(earned), **fields) for earned in (0.0, 1.0)]
    assert risks[0] == risks[1] == decided(BAD, told, **fields)
    assert risks[0][0] > 30
