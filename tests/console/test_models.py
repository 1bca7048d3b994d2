"""The models page: for whatever models there are."""

import asyncio
import random

import pytest

from argus.console.model_figures import auc, models, psi, shares
from argus.console.model_state import groups, states
from argus.console.worker_metrics import Said, Worker, workers
from argus.measure import Metrics
from argus.metrics_server import MetricsServer
from argus.ports import pick
from argus.store.scores import Scored
from core.audit import Detail
from core.clock import rfc3339
from core.records import AuditRecord
from tests.argus.api.running import Running
from tests.argus.store import records as make
from tests.argus.store.records import rows
from tests.console.surfing import Surfer

EVIL = "<b>model</b>"


def scored(number: int, **scores: float) -> Scored:
    return Scored(f"u{number}", number, 1.0, 100 * scores.get("a", 0.0), scores)


def test_the_auc_is_the_chance_to_rank_a_fraud_above_another() -> None:
    assert auc([0.9, 0.8], [(0.1, 1.0), (0.2, 5.0)]) == 1.0
    assert auc([0.1], [(0.9, 1.0)]) == 0.0
    assert auc([0.5], [(0.5, 3.0)]) == 0.5
    assert auc([0.5], [(0.4, 1.0), (0.6, 3.0)]) == 0.25


def test_drift_is_nothing_where_nothing_changes_and_much_where_all_does() -> None:
    rng = random.Random(1)
    low = shares([(rng.random() * 0.5, 1.0) for _ in range(500)])
    high = shares([(0.5 + rng.random() * 0.5, 1.0) for _ in range(500)])
    assert psi(low, low) == 0.0
    assert psi(low, high) > 1


def test_any_model_that_decisions_name_is_described() -> None:
    rng = random.Random(2)
    found = [scored(at, a=rng.random(), new_one=0.5 + rng.random() / 2) for at in range(200)]
    fraud = [scored(at, a=0.99, new_one=0.1) for at in range(10)]
    a, new_one, risk = models(found, fraud, 0.95)
    assert (a.name, new_one.name, risk.name) == ("a", "new_one", "risk_score")
    assert a.auc is not None
    assert a.auc > 0.9
    assert new_one.auc == 0.0
    assert a.tail == pytest.approx(0.05, abs=0.04)
    assert models([], [], 0.95) == []
    assert models(found[:5], fraud[:1], 0.95)[0].auc is None


def test_workers_are_asked_what_they_say_and_one_that_is_away_costs_nothing() -> None:
    metrics = Metrics()
    metrics.number("argus_model_learned_total", "gaussian").set(42)
    server = MetricsServer(metrics, "127.0.0.1", 0)
    nobody = f"http://127.0.0.1:{pick()}/metrics"
    try:
        good, away, lost = asyncio.run(workers([server.url, nobody, server.url.replace("/metrics", "/x")]))
    finally:
        server.close()
    assert ("gaussian", "learned", 42.0) in [(one.model, one.figure, one.value) for one in good.said]
    assert not [one for one in good.said if one.figure.endswith("bucket")]
    assert (away.said, lost.said) == ([], [])
    assert "does not answer" in away.trouble
    assert "404" in lost.trouble


@pytest.mark.broker
def test_the_page_has_versions_by_partition_and_shows_names_as_text(served: Running) -> None:
    def link(sequence: int, at_ms: int) -> AuditRecord:
        details: dict[str, Detail] = {"learned": 100 * sequence, "snapshot": f"{sequence:064x}"}
        return AuditRecord(
            partition=0, sequence=sequence, previous="", hash=f"h{sequence}", signature="", subject="models:1",
            action="model.snapshot", by="argus", reason=EVIL, time=rfc3339(at_ms), recorded=rfc3339(at_ms),
            details=details,
        )  # fmt: skip

    async def now() -> int:
        return served.services.now_ms()

    now_ms = served.call(now)
    told = [
        make.decision(
            f"m{at}", time=rfc3339(now_ms - at), user_id=f"u{at}", scores={EVIL: at / 100}, decision="block"
        )
        for at in range(100)
    ]
    served.write([*rows("decisions", told), *rows("audit", [link(1, now_ms - 2), link(2, now_ms - 1)])])
    ann = Surfer(served).log_in("ann")
    assert ann.get("/models").status == 200
    assert "200 events 2" in ann.text
    assert EVIL not in ann.html
    assert "&lt;b&gt;model&lt;/b&gt;" in ann.html


def test_a_model_that_warms_up_or_drifts_is_told_as_that_of_all_workers_together() -> None:
    told = [
        ("gaussian", "warm_ratio", "", 1.0),
        ("gaussian", "drifting", "", 2.0),
        ("random_forest", "warm_ratio", "", 0.25),
        ("all", "feature_stability_index", "group device", 0.3),
    ]
    one = Worker("a", [Said(*facts) for facts in told])
    other = Worker("b", [Said("gaussian", "warm_ratio", "", 0.5), Said("gaussian", "drifting", "", 1.0)])
    gaussian, forest = states([one, other, Worker("c", [], "does not answer")])
    assert (gaussian.model, gaussian.warm, gaussian.drifting, gaussian.misses) == ("gaussian", 0.5, 3, None)
    assert (forest.model, forest.warm, forest.drifting) == ("random_forest", 0.25, None)
    (device,) = groups([one, other])
    assert (device.name, device.index, device.state) == ("device", 0.3, "block")
    assert states([]) == groups([]) == []


@pytest.mark.broker
def test_the_page_has_models_and_rules_by_the_labels_that_came(served: Running) -> None:
    async def now() -> int:
        return served.services.now_ms()

    now_ms = served.call(now)
    told = [
        make.decision(
            f"q{at}", time=rfc3339(now_ms - 7_200_000), user_id=f"q{at}",
            scores={"gaussian": 0.995 if at < 4 else 0.2},
            decision="block" if at < 4 else "approve", rules=["spotted"] if at < 2 else [],
        )
        for at in range(8)
    ]  # fmt: skip
    said = [
        make.feedback(
            f"q{at}", event_id=f"q{at}", user_id=f"q{at}", label="fraud" if at < 4 else "legit",
            time=rfc3339(now_ms),
        )
        for at in range(8)
    ]  # fmt: skip
    served.write([*rows("decisions", told), *rows("feedback", said)])
    ann = Surfer(served).log_in("ann")
    assert ann.get("/models").status == 200
    assert "By labels" in ann.text
    assert "spotted" in ann.text
    assert "2.0 h" in ann.text
