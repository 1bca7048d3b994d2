from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from argus.measure import Metrics
from argus.sink_figures import DatabaseFigures
from argus.store.quality import Labelled, qualities, quality
from argus.store.store import Store
from core.records import Decision, Verdict
from tests.argus.store import records as make

LABELS = ((1, "fraud"), (2, "legit"))


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
        Labelled(True, decision(1, 90, 0.995, "block"), 1.0),
        Labelled(True, decision(2, 10, 0.5), 20.0),
        Labelled(False, decision(3, 80, 0.999, "challenge"), 1.0),
        Labelled(False, decision(4, 5, 0.1), 20.0),
    ]
    found = qualities(labelled, 0.99)
    for ranking in ("risk", "gaussian"):
        assert found[ranking].precision == 0.5
        assert found[ranking].recall == pytest.approx(1 / 21)


def test_labels_of_one_kind_say_nothing() -> None:
    assert qualities([], 0.99) == {}
    assert qualities([Labelled(True, decision(1, 90, 0.9), 1.0)], 0.99) == {}


def test_the_sink_tells_who_is_held_up_and_how_good_scores_were(tmp_path: Path) -> None:
    metrics = Metrics(process="sink")

    async def story(store: Store) -> None:
        await store.migrate()
        made = [decision(1, 90, 0.995, "block"), decision(2, 10, 0.2)]
        await store.write(make.rows("decisions", made))
        said = [make.feedback(f"f{at}", event_id=f"e{at}", user_id="ada", label=label) for at, label in LABELS]
        await store.write(make.rows("feedback", said))
        await store.write(make.rows("locks", [make.lock("ada", until=None)]))
        await DatabaseFigures(metrics, store, 0.99).take()

    make.run(f"sqlite:///{tmp_path}/db.sqlite", story)
    assert metrics.number("argus_active_locks", "locked").value == 1
    assert metrics.number("argus_model_labelled_events", "fraud").value == 1
    assert metrics.number("argus_model_labelled_events", "legit").value == 1
    assert metrics.number("argus_model_quality", "risk", "auc").value == 1
    assert metrics.number("argus_model_quality", "gaussian", "recall").value == 1
