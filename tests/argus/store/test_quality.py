from pathlib import Path

import msgspec
from sqlalchemy import delete

from argus.measure import Metrics
from argus.sink_figures import DatabaseFigures
from argus.store import tables
from argus.store.store import Store
from core.records import Decision, Verdict
from tests.argus.store import records as make

LABELS = ((1, "fraud"), (2, "legit"))


def decision(at: int, risk: float, score: float, verdict: Verdict = "approve") -> Decision:
    return make.decision(
        event_id=f"e{at}", user_id="ada", risk_score=risk, decision=verdict, scores={"gaussian": score}
    )


def test_the_sink_tells_who_is_held_up_and_how_good_scores_were(tmp_path: Path) -> None:
    metrics = Metrics(process="sink")

    async def story(store: Store) -> None:
        await store.migrate()
        made = [decision(1, 90, 0.995, "block"), decision(2, 10, 0.2)]
        made[0] = msgspec.structs.replace(made[0], rules=["stolen"])
        await store.write(make.rows("decisions", made))
        said = [make.feedback(f"f{at}", event_id=f"e{at}", user_id="ada", label=label) for at, label in LABELS]
        await store.write(make.rows("feedback", said))
        await store.write(make.rows("locks", [make.lock("ada", until=None)]))
        figures = DatabaseFigures(metrics, store, 0.99)
        await figures.take()
        assert metrics.number("argus_rule_quality", "stolen", "precision").value == 1
        assert metrics.number("argus_rule_alert_ratio", "stolen").value > 0
        assert metrics.number("argus_rule_label_delay_seconds", "stolen").value >= 0
        assert metrics.number("argus_model_alert_ratio", "risk").value > 0
        assert metrics.number("argus_model_labelled_events", "fraud").value == 1
        assert metrics.number("argus_model_labelled_events", "legit").value == 1
        assert metrics.number("argus_model_quality", "risk", "auc").value == 1
        assert metrics.number("argus_model_quality", "gaussian", "recall").value == 1
        async with store.writing() as connection:
            await connection.execute(delete(tables.feedback))
        await figures.take()
        told = [sample.name for family in metrics.collect() for sample in family.samples]
        assert "argus_rule_quality" not in told
        assert "argus_rule_alert_ratio" in told

    make.run(f"sqlite:///{tmp_path}/db.sqlite", story)
    assert metrics.number("argus_active_locks", "locked").value == 1
    assert metrics.number("argus_model_labelled_events", "fraud").value == 0
