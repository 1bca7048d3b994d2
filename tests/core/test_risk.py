import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.grouping import SHADOW
from core.policy import CHALLENGE_SCOPE, MODEL_WEIGHTS, Policy
from core.records import LockState
from core.respond import LockFacts
from core.risk import Fusion, clear_of_hits, rule_weight, with_weight
from core.rules.book import RuleBook
from core.rules.entry import Hit, Severity
from models.trust import FRAUDS_KEPT, PRIOR_FRAUDS

BOOK = RuleBook()
FUSION = Fusion(Policy())
unit = st.floats(0, 1)


def all_at(score: float) -> dict[str, float]:
    return dict.fromkeys(MODEL_WEIGHTS, score)


def test_a_rule_weighs_more_with_each_step_above_its_own_severity_and_half_with_each_below() -> None:
    assert rule_weight(0.5, 0) == 0.5
    assert rule_weight(0.5, -1) == 0.25
    assert rule_weight(0.6, -2) == 0.15
    assert rule_weight(0.5, 1) == 0.75
    assert rule_weight(0.5, 3) == 0.9375


def test_one_more_reason_raises_the_risk_and_never_passes_a_hundred() -> None:
    assert with_weight(0.0, 0.3) == pytest.approx(30)
    assert with_weight(50.0, 0.5) == 75.0
    assert with_weight(100.0, 0.5) == 100.0


def test_nothing_known_is_no_risk() -> None:
    assert FUSION.risk(1.0, None) == 0.0
    assert FUSION.risk(1.0, {}) == 0.0


def test_rules_alone_are_their_noisy_or() -> None:
    assert FUSION.risk(0.5 * 0.4, {}) == pytest.approx(80.0)


def test_where_nothing_speaks_events_are_ranked_by_the_models_mean() -> None:
    risks = [FUSION.risk(1.0, all_at(step / 1000)) for step in range(980)]
    assert risks == sorted(risks)
    assert len(set(risks)) == 980
    assert risks[-1] < 10


def test_a_model_that_joins_and_says_what_the_others_say_shifts_no_risk() -> None:
    early = FUSION.risk(1.0, {"half_space_trees": 0.6, "one_class_svm": 0.6})
    assert FUSION.risk(1.0, {"half_space_trees": 0.6, "one_class_svm": 0.6, "gaussian": 0.6}) == pytest.approx(early)
    assert early == pytest.approx(100 * Policy().rank_weight * 0.6)


def test_models_alone_never_reach_the_threshold_of_a_challenge() -> None:
    assert 30 < FUSION.risk(1.0, all_at(1.0)) < Policy().fraud_score_threshold


def test_models_that_have_earned_the_most_trust_reach_high_risk_by_themselves_and_others_do_not() -> None:
    usual = dict.fromkeys(("half_space_trees", "one_class_svm", "gaussian"), 1.0)
    taught = ("logistic_regression", "random_forest", "gradient_boosting")
    most = FRAUDS_KEPT / (FRAUDS_KEPT + PRIOR_FRAUDS)
    earned = Fusion(Policy(), dict.fromkeys(taught, most)).risk(1.0, usual | dict.fromkeys(taught, 1.0))
    alone = FUSION.risk(1.0, usual)
    assert (round(alone), round(earned)) == (38, 68)
    assert alone < BOOK.by_id["high_risk"].t["risk_0_100"] < earned < Policy().fraud_score_threshold


def test_the_tail_is_complete_before_a_score_of_one() -> None:
    assert FUSION.risk(1.0, {"gaussian": 0.99995}) == pytest.approx(FUSION.risk(1.0, {"gaussian": 1.0}), abs=0.01)


def test_a_model_that_learns_from_labels_weighs_as_much_as_it_has_earned() -> None:
    scores = {"random_forest": 1.0, "gaussian": 0.5}
    risks = [Fusion(Policy(), {"random_forest": trust}).risk(1.0, scores) for trust in (0.0, 0.5, 1.0)]
    assert risks[0] == FUSION.risk(1.0, {"gaussian": 0.5})
    assert risks[0] < risks[1] < risks[2] == FUSION.risk(1.0, scores)


@pytest.mark.parametrize(
    ("authority", "risk"),
    [(0.0, 100 - 100 * 0.5 * 0.16), (0.5, 100 - 100 * 0.5 * 0.4), (1.0, 50.0)],
)
def test_what_yields_weighs_less_with_the_authority_of_models_that_learn_from_labels_and_rules_do_not(
    authority: float, risk: float
) -> None:
    fusion = Fusion(Policy(), {}, authority)
    assert fusion.risk(0.5 * 0.16, {}, 0.16) == pytest.approx(risk)
    assert fusion.risk(0.5, {}, 1.0) == 50.0
    assert fusion.risk(0.5 * 0.16, {}) == pytest.approx(100 - 100 * 0.5 * 0.16)


def test_models_of_what_is_usual_yield_too_and_those_that_earned_it_do_not() -> None:
    usual, learnt = {"gaussian": 1.0}, {"random_forest": 1.0}
    told = [Fusion(Policy(), {"random_forest": 1.0}, authority) for authority in (0.0, 0.5, 1.0)]
    risks = [fusion.risk(1.0, usual, 1.0) for fusion in told]
    assert {fusion.risk(1.0, usual) for fusion in told} == {risks[0]}
    assert risks[0] == FUSION.risk(1.0, usual) > risks[1] > risks[2] == 0.0
    assert {fusion.risk(1.0, learnt) for fusion in told} == {FUSION.risk(1.0, learnt)}
    taught = [fusion.risk(1.0, learnt, 1.0) for fusion in told]
    assert taught[0] == FUSION.risk(1.0, learnt) < taught[1] < taught[2]


def test_what_others_give_up_models_that_learn_from_labels_get() -> None:
    """Where they have all authority, they rank alone, as far as their odds go, and may challenge by themselves."""
    known = dict.fromkeys(("random_forest", "gradient_boosting", "logistic_regression"), 1.0)
    fusion = Fusion(Policy(), known, 1.0)
    odds = [fusion.risk(0.2, {**dict.fromkeys(known, 1.0 - far), "gaussian": 1.0}, 0.2) for far in (1e-3, 1e-5, 1e-6)]
    assert odds == sorted(set(odds))
    assert odds == [fusion.risk(1.0, dict.fromkeys(known, 1.0 - far), 1.0) for far in (1e-3, 1e-5, 1e-6)]
    assert odds[0] < Policy().fraud_score_threshold < odds[-1] < Policy().block_score_threshold


def test_a_forest_ranks_what_lies_in_no_tail_more_than_its_weight() -> None:
    policy = Policy(model_weights={"random_forest": 0.2, "gradient_boosting": 0.2})
    risk = Fusion(policy).risk(1.0, {"random_forest": 0.9, "gradient_boosting": 0.1})
    assert risk == pytest.approx(100 * policy.rank_weight * (3 * 0.9 + 0.1) / 4)


def test_a_model_without_a_weight_only_shadows() -> None:
    assert FUSION.risk(1.0, {"unknown": 1.0}) == 0.0
    assert Fusion(Policy(model_weights={"gaussian": 0.0})).risk(1.0, {"gaussian": 1.0}) == 0.0


@settings(derandomize=True, max_examples=200)
@given(
    unit, st.dictionaries(st.sampled_from(sorted(MODEL_WEIGHTS)), unit), st.sampled_from(sorted(MODEL_WEIGHTS)), unit
)
def test_risk_is_in_range_and_grows_with_every_score_and_every_rule(
    clear: float, scores: dict[str, float], name: str, score: float
) -> None:
    scores = {name: score, **scores}
    risk = FUSION.risk(clear, scores)
    assert 0.0 <= risk <= 100.0
    assert FUSION.risk(clear, {**scores, name: max(score, scores[name])}) >= risk - 1e-9
    assert FUSION.risk(clear * 0.9, scores) >= risk - 1e-9


def test_reports_rank_an_event_and_by_themselves_challenge_nobody() -> None:
    assert FUSION.with_reports(20.0, 0.5) == pytest.approx(60.0)
    assert FUSION.with_reports(70.0, 0.1) < Policy().fraud_score_threshold
    assert FUSION.with_reports(90.0, 0.1) == 90.0


def a_lock(state: LockState = "locked", scope: tuple[str, ...] = CHALLENGE_SCOPE) -> LockFacts:
    return LockFacts(state, scope, "why", "a", 1_000, 2_000, "rule")


@pytest.mark.parametrize(
    ("risk", "lock", "type_", "time_ms", "verdict"),
    [
        (10.0, None, "login", 0, "approve"),
        (75.0, None, "login", 0, "challenge"),
        (99.0, None, "login", 0, "challenge"),
        (99.0, None, "page_view", 0, "approve"),
        (95.0, None, "payout", 0, "block"),
        (0.0, a_lock(), "payout", 999, "approve"),
        (0.0, a_lock(), "payout", 1_000, "block"),
        (0.0, a_lock(), "payout", 1_999, "block"),
        (0.0, a_lock(), "payout", 2_000, "approve"),
        (0.0, a_lock(), "page_view", 1_500, "approve"),
        (0.0, a_lock("challenged"), "login", 1_500, "challenge"),
        (99.0, a_lock("challenged"), "payout", 1_500, "block"),
        (0.0, a_lock("challenged", ("login",)), "payout", 1_500, "approve"),
        (80.0, a_lock("unlocked", ()), "payout", 1_500, "challenge"),
    ],
)
def test_the_stricter_of_lock_and_score_decides(
    risk: float, lock: LockFacts | None, type_: str, time_ms: int, verdict: str
) -> None:
    assert FUSION.decide(type_, risk, lock, time_ms) == verdict


def test_hits_leave_what_live_rules_that_act_do_not_say() -> None:
    guessing, reporting = BOOK.by_id["login_brute_force"].rule, BOOK.by_id["aml_threshold"].rule
    hit = Hit(guessing.severity, "")
    louder = Hit(Severity(guessing.severity + 1), "")
    once, twice = 1 - guessing.weight, 1 - rule_weight(guessing.weight, 1)
    assert clear_of_hits(()) == 1.0
    assert clear_of_hits([(guessing, hit, 0), (guessing, louder, 0)]) == once * twice
    assert clear_of_hits([(guessing, hit, SHADOW), (reporting, Hit(reporting.severity, ""), 0)]) == 1.0
