import inspect
from typing import Any, get_args

import numpy as np
import pytest

from agents.meters import BatchMeter, Stage
from agents.services import Meter
from agents.shard import Output
from argus.batch_meter import TableMeter
from argus.measure import REJECTED, Metrics
from argus.meter import WorkerMeter
from argus.metric import LATENCY_S
from core.records import Breach
from models.labelled import Heard

AGENTS = {"argus.events": "detect", "argus.signals": "sources"}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics({"rule": ["travel"], "detection": ["travel"], "partition": ["0", "1"]})


@pytest.fixture
def meter(metrics: Metrics) -> WorkerMeter:
    return WorkerMeter(metrics, AGENTS, "argus.")


def value(metrics: Metrics, name: str, *labels: str) -> float:
    return metrics.number(name, *labels).value


def test_it_has_everything_that_agents_report() -> None:
    for name, wanted in (
        *inspect.getmembers(Meter, inspect.isfunction),
        *inspect.getmembers(BatchMeter, inspect.isfunction),
    ):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(WorkerMeter, name)).parameters) == list(
                inspect.signature(wanted).parameters
            )


def test_no_report_ends_up_under_a_label_that_nobody_declared(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.batch("argus.events", 10, 0.1)
    meter.taken_over(["argus.events"], again=True)
    meter.outcomes("argus.events", "duplicate", 2)
    meter.failed("argus.events", ["KeyError('x')"])
    meter.ingest({"login": 3, "payout": 1}, 0)
    meter.rejected("argus.events", "not_json")
    for name in ("duplicates", "late", "forwarded"):
        meter.count(name, 2)
    meter.watermark(0, 1_500)
    meter.rule_hits({"travel": 2})
    meter.rule_errors("travel", 1)
    meter.rules("custom", ["own"], True)
    meter.decisions({"approve": 1, "challenge": 2, "block": 3})
    meter.latencies([100])
    meter.skews([200])
    meter.judging(0.1, 0.2)
    meter.labels(dict.fromkeys(get_args(Heard), 1), [60.0])
    meter.taught(0, {"unknown": 3, "fraud": 1, "legit": 0}, {"random_forest": 0.5})
    meter.alert("travel", "CRITICAL", 0.2, "a1")
    meter.suppressed("grouped", 4)
    meter.suppressed("shadow", 4)
    for state, by in (("locked", "rule"), ("challenged", "rule"), ("unlocked", "expiry"), ("unlocked", "otp")):
        meter.lock(state, by, 0.1)
    meter.scores(["gaussian"], np.array([[0.1], [0.999]]), 0.99)
    meter.learned(("gaussian", "half_space_trees"), 7, 1)
    meter.feedback("fraud")
    for stage in ("decide", "store"):
        meter.stage(stage, 0.01)
    meter.recovering("users", 0, 9)
    meter.recovered("users", 0, 0.5)
    meter.changelog("sources", 1, 100)
    meter.assigned({0, 1})
    meter.snapshot(0, 1_000)
    meter.cases(0, {"HIGH": 1}, {"HIGH": 5.0})
    meter.case_acknowledged("HIGH", 60)
    meter.case_resolved("HIGH", 600)
    for kind in get_args(Breach):
        meter.case_breach(kind, "CRITICAL")
    other = {family.name: [sample.value for sample in family.samples] for family in metrics.collect()}
    assert sum(other.get(REJECTED, other.get(REJECTED.removesuffix("_total"), []))) == 0


REPORTS: list[tuple[str, tuple[Any, ...], str, tuple[str, ...], float]] = [
    ("batch", ("argus.events", 10, 0.1), "argus_agent_events_total", ("detect", "ok"), 10),
    ("outcomes", ("argus.signals", "rejected", 3), "argus_agent_events_total", ("sources", "rejected"), 3),
    ("failed", ("argus.events", ["KeyError('x')"]), "argus_agent_exceptions_total", ("detect", "KeyError"), 1),
    ("failed", ("argus.events", ["KeyError('x')"]), "argus_agent_events_total", ("detect", "error"), 1),
    ("suppressed", ("shadow", 2), "argus_alerts_suppressed_total", ("shadow",), 2),
    ("snapshot", (1, 700), "argus_model_state_bytes", ("1",), 700),
    ("learned", (("gaussian",), 7, 2), "argus_model_swaps_total", ("gaussian",), 2),
    ("rejected", ("argus.events", "invalid"), "argus_ingest_rejected_total", ("invalid",), 1),
    ("rejected", ("argus.events", "invalid"), "argus_dlq_records_total", ("events",), 1),
    ("count", ("forwarded", 3), "argus_ingest_forwarded_total", (), 3),
    ("watermark", (1, 2_500), "argus_watermark_timestamp_seconds", ("1",), 2.5),
    ("alert", ("travel", "HIGH", 1.0, "a"), "argus_alerts_total", ("travel", "high"), 1),
    ("lock", ("challenged", "rule", 0.5), "argus_locks_total", ("challenge", "rule"), 1),
    ("lock", ("unlocked", "expiry", None), "argus_locks_total", ("unlock", "expiry"), 1),
    (
        "scores",
        (["gaussian"], np.array([[0.5], [0.995], [0.999]]), 0.99),
        "argus_model_predictions_total",
        ("gaussian", "anomaly"),
        2,
    ),
    ("rules", ("custom", ["a"], False), "argus_ruleset_last_reload_successful", (), 0),
    ("rules", ("custom", ["a"], False), "argus_ruleset_reloads_total", ("refused",), 1),
    ("rules", ("custom", ["a", "b"], True), "argus_rules_loaded", ("custom",), 2),
    ("case_breach", ("resolve_near", "LOW"), "argus_case_sla_breaches_total", ("resolve_near", "low"), 1),
    ("recovering", ("users", 1, 7), "argus_recovery_remaining_records", ("users", "1"), 7),
    ("recovered", ("users", 1, 7.0), "argus_recovery_remaining_records", ("users", "1"), 0),
]


@pytest.mark.parametrize(("report", "facts", "name", "labels", "wanted"), REPORTS)
def test_a_report_is_found_in_its_series(
    metrics: Metrics,
    meter: WorkerMeter,
    report: str,
    facts: tuple[Any, ...],
    name: str,
    labels: tuple[str, ...],
    wanted: float,
) -> None:
    getattr(meter, report)(*facts)
    assert value(metrics, name, *labels) == wanted


def test_counts_add_up_and_gauges_do_not(metrics: Metrics, meter: WorkerMeter) -> None:
    for ids in (["a", "b", "c"], ["a"]):
        meter.count("late", len(ids))
        meter.rules("custom", ids, True)
    assert value(metrics, "argus_ingest_late_total") == 4
    assert value(metrics, "argus_rules_loaded", "custom") == 1


def test_a_latency_below_zero_counts_as_none_and_carries_the_alert_as_exemplar(
    metrics: Metrics, meter: WorkerMeter
) -> None:
    meter.alert("travel", "LOW", -3.0, "a1")
    spread = metrics.spread("argus_alert_latency_seconds", "low")
    assert (spread.sum, spread.counts[0]) == (0.0, 1)
    assert spread.exemplars[0].labels == {"alert_id": "a1"}


def test_open_cases_are_those_of_all_partitions_and_the_oldest_is_the_oldest_of_all(
    metrics: Metrics, meter: WorkerMeter
) -> None:
    meter.cases(0, {"HIGH": 2, "CRITICAL": 1}, {"HIGH": 30.0})
    meter.cases(1, {"HIGH": 3}, {"HIGH": 70.0})
    assert value(metrics, "argus_cases_open", "high") == 5
    assert value(metrics, "argus_case_oldest_unacked_seconds", "high") == 70
    meter.cases(1, {}, {})
    assert value(metrics, "argus_cases_open", "high") == 2
    assert value(metrics, "argus_case_oldest_unacked_seconds", "high") == 30
    assert value(metrics, "argus_cases_open", "critical") == 1


@pytest.mark.parametrize("count", [1, 100])
def test_milliseconds_are_told_as_seconds(metrics: Metrics, meter: WorkerMeter, count: int) -> None:
    meter.latencies([250] * count)
    spread = metrics.spread("argus_decision_latency_seconds")
    assert spread.sum == pytest.approx(0.25 * count)
    assert spread.counts[LATENCY_S.index(0.25)] == count


def test_what_was_counted_apart_is_not_ok_too(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.outcomes("argus.events", "rejected", 3)
    meter.outcomes("argus.events", "duplicate", 1)
    meter.batch("argus.events", 2, 0.1)
    meter.batch("argus.events", 10, 0.1)
    assert value(metrics, "argus_agent_events_total", "detect", "ok") == 8


def test_rules_that_users_defined_have_series_from_the_start(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.rules("custom", ["own_rule"], True)
    meter.rule_hits({"own_rule": 2})
    meter.alert("own_rule", "HIGH", 0.1, "a1")
    assert value(metrics, "argus_rule_hits_total", "own_rule") == 2
    assert value(metrics, "argus_alerts_total", "own_rule", "high") == 1
    assert value(metrics, REJECTED, "argus_rule_hits_total") == 0


def test_a_score_that_is_none_is_counted_and_left_out(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.scores(["gaussian"], np.array([[0.5], [float("nan")], [1.5], [-0.1]]), 0.99)
    assert value(metrics, "argus_model_invalid_scores_total", "gaussian") == 3
    assert sum(metrics.spread("argus_model_score", "gaussian").counts) == 1


def test_a_view_counts_what_it_takes_and_what_it_cannot(metrics: Metrics) -> None:
    meter = WorkerMeter(metrics, {"argus.rules": "rules"}, "argus.")

    def take(key: bytes, value: bytes | None) -> None:
        if value is None:
            raise ValueError(key)

    taking = meter.counted("argus.rules", take)
    taking(b"a", b"1")
    with pytest.raises(ValueError, match="b"):
        taking(b"b", None)
    assert value(metrics, "argus_agent_events_total", "rules", "ok") == 1
    assert value(metrics, "argus_agent_events_total", "rules", "error") == 1
    assert value(metrics, "argus_agent_exceptions_total", "rules", "ValueError") == 1


def test_locks_that_may_not_have_been_sent_are_failures_and_nothing_else_is(metrics: Metrics) -> None:
    meter = TableMeter(metrics, "users", "argus.locks")
    outputs = [Output(topic, 0, b"u", b"{}") for topic in ("argus.locks", "argus.decisions", "argus.locks")]
    meter.unsent(outputs)
    meter.unsent([])
    assert value(metrics, "argus_lock_failures_total") == 2


def test_only_the_users_table_has_stages_and_each_has_its_writes(metrics: Metrics) -> None:
    for table in ("users", "cases"):
        meter = TableMeter(metrics, table, "argus.locks")
        for stage in get_args(Stage):
            meter.timed(stage, 0.1)
    assert sum(metrics.spread("argus_stage_duration_seconds", "store").counts) == 1
    assert sum(metrics.spread("argus_table_write_duration_seconds", "cases").counts) == 1


def test_what_is_learnt_from_labels_is_told_of_all_partitions_at_once(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.taught(0, {"unknown": 30, "fraud": 1, "legit": 0}, {"random_forest": 0.5})
    meter.taught(1, {"unknown": 10, "fraud": 2, "legit": 1}, {"random_forest": 0.1})
    assert value(metrics, "argus_label_records", "unknown") == 40
    assert value(metrics, "argus_model_trust", "random_forest") == pytest.approx(0.3)
    meter.taught(0, {}, {})
    assert value(metrics, "argus_label_records", "unknown") == 10
    assert value(metrics, "argus_label_records", "fraud") == 2
    meter.taught(1, {"unknown": 10}, {"random_forest": 0.1})
    assert value(metrics, "argus_model_trust", "random_forest") == pytest.approx(0.1)


def test_each_label_is_counted_by_what_became_of_it(metrics: Metrics, meter: WorkerMeter) -> None:
    meter.labels({"joined": 2, "gone": 1}, [3_600.0, 90.0])
    assert value(metrics, "argus_label_outcomes_total", "joined") == 2
    assert value(metrics, "argus_label_outcomes_total", "gone") == 1
    assert sum(metrics.spread("argus_label_delay_seconds").counts) == 2
