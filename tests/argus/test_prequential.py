import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from argus.prequential import Labelled, models_judged, quality, rules_judged
from core.records import Decision, Verdict
from tests.argus.store import records as make


def decision(at: int, risk: float, score: float, verdict: Verdict = "approve") -> Decision:
    return make.decision(
        event_id=f"e{at}", user_id="ada", risk_score=risk, decision=verdict, scores={"gaussian": score}
    )


def test_it_is_what_scikit_learn_says_with_weights_and_ties() -> None:
    source = np.random.default_rng(5)
    for _ in range(5):
        fraud = source.random(300) < 0.2
        scores = np.round(source.random(300) + 0.3 * fraud, 1).astype(np.float64)
        weights = source.choice([1.0, 20.0], 300)
        found = quality(fraud, scores, scores > 0.8, weights)
        assert found.auc == pytest.approx(roc_auc_score(fraud, scores, sample_weight=weights))
        assert found.average_precision == pytest.approx(average_precision_score(fraud, scores, sample_weight=weights))


def test_precision_and_recall_are_of_what_was_held_up_or_in_the_tail() -> None:
    labelled = [
        Labelled(True, decision(1, 90, 0.995, "block"), 1.0, 90.0),
        Labelled(True, decision(2, 10, 0.5), 20.0, 5.0),
        Labelled(False, decision(3, 80, 0.999, "challenge"), 1.0, 30.0),
        Labelled(False, decision(4, 5, 0.1), 20.0),
    ]
    found = models_judged(labelled, [(each.decision, each.weight) for each in labelled], 0.99)
    for ranking in ("risk", "gaussian"):
        judged = found[ranking].quality
        assert judged is not None
        assert judged.precision == 0.5
        assert judged.recall == pytest.approx(1 / 21)
        assert found[ranking].alert_ratio == pytest.approx(2 / 42)
        assert found[ranking].delay_s == 60.0


def test_labels_of_one_kind_say_nothing() -> None:
    empty = models_judged([], [], 0.99)
    assert [(name, one.quality, one.delay_s, one.alert_ratio) for name, one in empty.items()] == [
        ("risk", None, None, None)
    ]
    one = models_judged([Labelled(True, decision(1, 90, 0.9), 1.0)], [], 0.99)
    assert one["risk"].quality is None


def test_a_rule_is_judged_by_what_it_hit() -> None:
    hit, miss = make.decision("e1", rules=["stolen"]), make.decision("e2", rules=[])
    labelled = [
        Labelled(True, hit, 1.0, 100.0),
        Labelled(True, miss, 1.0, 9.0),
        Labelled(False, hit, 1.0, 300.0),
        Labelled(False, miss, 5.0, 9.0),
    ]
    judged = rules_judged(labelled, [(hit, 1.0), (miss, 9.0)])["stolen"]
    assert judged.quality is not None
    assert (judged.quality.precision, judged.quality.recall) == (0.5, 0.5)
    assert judged.quality.average_precision == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 8)
    assert (judged.delay_s, judged.alert_ratio) == (200.0, 0.1)


def test_what_a_model_said_while_it_warmed_up_is_not_held_against_it() -> None:
    warm = [Labelled(True, decision(1, 90, 0.995, "block"), 1.0), Labelled(False, decision(2, 5, 0.1), 1.0)]
    cold = [Labelled(True, decision(at, 0, 0.0), 1.0) for at in range(3, 9)]
    judged = models_judged([*warm, *cold], [(each.decision, 1.0) for each in cold], 0.99)
    assert judged["gaussian"].quality is not None
    assert judged["gaussian"].quality.recall == 1.0
    assert judged["gaussian"].alert_ratio is None
    assert judged["risk"].quality is not None
    assert judged["risk"].quality.recall == pytest.approx(1 / 7)
