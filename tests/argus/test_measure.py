import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from argus.measure import INITIALISED_MAX, Metrics
from argus.metrics import BY_NAME, CONFIGURED, LABELS, METRICS, Metric, exposition, markdown
from argus.metrics_server import MetricsServer
from argus.topics import TOPICS
from core.rules.book import RuleBook
from models.ensemble import MODEL_NAMES

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


def text_of(metrics: Metrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def value_of(metrics: Metrics, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(text_of(metrics)):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def test_the_documented_metrics_are_those_there_are() -> None:
    assert DOCS.read_text("utf-8") == markdown(), "run `make docs`"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_by_the_rules(metric: Metric) -> None:
    assert metric.name.startswith("argus_")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_info") == (metric.kind == "info")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.meaning
    assert all(name in LABELS or name in CONFIGURED or name == "metric" for name in metric.label_sets)


def test_no_label_tells_of_a_user_or_an_address() -> None:
    names = {name for metric in METRICS for name in metric.label_names}
    assert not names & {"user", "user_id", "ip", "session", "session_id", "case", "alert", "alert_id", "device"}


def test_names_are_unique_and_partitions_label_gauges_only() -> None:
    assert len(BY_NAME) == len(METRICS)
    assert {m.kind for m in METRICS if "partition" in m.label_names} == {"gauge"}


def test_every_topic_and_model_may_be_a_label() -> None:
    assert {topic.name for topic in TOPICS} == set(LABELS["topic"])
    assert set(MODEL_NAMES) == set(LABELS["model"])


def test_the_latency_objective_is_a_bucket() -> None:
    metrics = Metrics()
    metrics.spread("argus_alert_latency_seconds", "high").observe(3)
    assert value_of(metrics, "argus_alert_latency_seconds_bucket", severity="high", le="10.0") == 1


def test_counters_of_closed_sets_stand_at_zero_from_the_start() -> None:
    assert value_of(Metrics(), "argus_locks_total", action="lock", reason="rule") == 0
    metrics = Metrics({"rule": ["velocity"]})
    assert value_of(metrics, "argus_rule_hits_total", rule="velocity") == 0


def test_a_value_outside_its_set_becomes_other_and_is_counted() -> None:
    metrics = Metrics({"rule": ["velocity"]})
    metrics.number("argus_rule_hits_total", "made_up_1").inc()
    metrics.number("argus_rule_hits_total", "made_up_2").inc(2)
    assert value_of(metrics, "argus_rule_hits_total", rule="other") == 3
    assert value_of(metrics, "argus_metric_series_rejected_total", metric="argus_rule_hits_total") == 2


def test_a_configured_set_is_bounded() -> None:
    metrics = Metrics()
    metrics.allow("rule", (f"r{n}" for n in range(10_000)))
    for n in range(10_000):
        metrics.number("argus_rule_hits_total", f"r{n}").inc()
    lines = [line for line in text_of(metrics).splitlines() if line.startswith("argus_rule_hits_total")]
    assert len(lines) == CONFIGURED["rule"] + 1
    assert sum(float(line.split()[-1]) for line in lines) == 10_000


def test_a_worker_has_fewer_than_5000_series() -> None:
    rules = list(RuleBook().by_id)
    metrics = Metrics({"rule": rules, "detection": rules, "partition": map(str, range(8))})
    for metric in METRICS:
        if metric.kind == "gauge" and "partition" in metric.label_names:
            for partition in range(8):
                for table in LABELS.get(metric.label_sets[0], ("",)):
                    labels = [str(partition) if n == "partition" else table for n in metric.label_names]
                    if len(labels) <= 2:
                        metrics.number(metric.name, *labels)
    assert INITIALISED_MAX <= 200
    assert len([line for line in text_of(metrics).splitlines() if not line.startswith("#")]) < 5_000


def test_a_wrong_name_or_count_of_labels_is_an_error_at_once() -> None:
    with pytest.raises(KeyError):
        Metrics().number("argus_no_such_total")
    with pytest.raises(ValueError, match="labels"):
        Metrics().number("argus_locks_total", "lock")


def test_many_observations_count_like_single_ones() -> None:
    one, many = Metrics(), Metrics()
    values = [0.0, 0.1, 0.10001, 0.5, 0.98, 1.0, 7.0]
    for value in values:
        one.spread("argus_model_score", "gaussian").observe(value)
    many.spread("argus_model_score", "gaussian").observe_many(values)
    assert text_of(one) == text_of(many)


def test_a_fact_replaces_the_one_before() -> None:
    metrics = Metrics()
    metrics.info("argus_ruleset_info", "v1")
    metrics.info("argus_ruleset_info", "v2")
    assert value_of(metrics, "argus_ruleset_info", version="v1") is None
    assert value_of(metrics, "argus_ruleset_info", version="v2") == 1


def test_facts_about_several_models_stand_beside_each_other() -> None:
    metrics = Metrics()
    metrics.info("argus_model_info", "a", "1", "x")
    metrics.info("argus_model_info", "b", "1", "y")
    metrics.info("argus_model_info", "a", "2", "x")
    assert value_of(metrics, "argus_model_info", model="a", version="1", algorithm="x") is None
    assert value_of(metrics, "argus_model_info", model="b", version="1", algorithm="y") == 1


def test_a_partition_that_went_away_is_forgotten() -> None:
    metrics = Metrics({"partition": ["0"]})
    metrics.number("argus_watermark_timestamp_seconds", "0").set(5)
    metrics.forget("argus_watermark_timestamp_seconds", "0")
    assert value_of(metrics, "argus_watermark_timestamp_seconds", partition="0") is None


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    metrics = Metrics()
    metrics.spread("argus_alert_latency_seconds", "high").observe(0.3, {"alert_id": "a1"})
    server = MetricsServer(metrics, "127.0.0.1", 0, lambda: (False, {"lag": 7}))
    yield server
    server.close()


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_metrics_are_served_on_the_port_that_was_found_free(server: MetricsServer) -> None:
    status, body = fetch(server.url)
    assert status == 200
    assert b"argus_decisions_total" in body
    assert b"process_resident_memory_bytes" in body


def test_the_exemplar_leads_to_the_alert(server: MetricsServer) -> None:
    _, body = fetch(server.url, Accept="application/openmetrics-text; version=1.0.0")
    assert b'# {alert_id="a1"} 0.3' in body


def test_health_tells_what_is_wrong(server: MetricsServer) -> None:
    status, body = fetch(server.url.replace("/metrics", "/health"))
    assert (status, json.loads(body)) == (503, {"status": "failing", "lag": 7})
    assert fetch(server.url.replace("/metrics", "/elsewhere"))[0] == 404


def test_the_server_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    MetricsServer(Metrics(), "127.0.0.1", 0).close()
    assert threading.active_count() == before


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
