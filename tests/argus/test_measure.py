import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from argus.measure import MANY, REJECTED, Metrics
from argus.metrics import BY_NAME, CONFIGURED, FAULTS, LABELS, METRICS, Metric, exposition, markdown, served_by
from argus.metrics_server import MetricsServer
from argus.settings import LABEL_MODELS
from argus.topics import TOPICS
from core.audited import READERS
from models.modes import MODES

# What a worker's agents read.
READ = (
    ("detect", "events"),
    ("learn", "feedback"),
    ("respond", "commands"),
    ("sources", "signals"),
    *(("cases", topic) for topic in ("alerts", "commands")),
    *(("audit", topic) for topic in READERS),
)
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
    assert {*MODES, *LABEL_MODELS} == set(LABELS["model"])
    assert set(LABELS["learner"]) == set(LABEL_MODELS)


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


def test_a_worker_has_fewer_than_5000_series_with_all_rules_and_partitions_it_may_have() -> None:
    rules = [f"r{n}" for n in range(CONFIGURED["rule"])]
    numbers = [str(n) for n in range(CONFIGURED["partition"])]
    metrics = Metrics({"rule": rules, "detection": rules}, "worker")
    metrics.own_partitions(range(CONFIGURED["partition"]))
    for metric in served_by("worker"):
        if metric.kind != "gauge":
            continue
        sets = [LABELS.get(name) or numbers for name in metric.label_sets]
        if metric.label_sets == ("agent", "topic", "partition"):
            for (agent, topic), partition in product(READ, numbers):
                metrics.number(metric.name, agent, topic, partition)
        else:
            tables = {"table"} & set(metric.label_sets)
            for labels in product(*sets):
                if not tables or labels[0] != "notices":
                    metrics.number(metric.name, *labels)
    assert metrics.number(REJECTED, "any").value == 0
    assert len([line for line in text_of(metrics).splitlines() if not line.startswith("#")]) < 5_000


def test_a_wrong_name_or_count_of_labels_is_an_error_at_once() -> None:
    with pytest.raises(KeyError):
        Metrics().number("argus_no_such_total")
    with pytest.raises(ValueError, match="labels"):
        Metrics().number("argus_locks_total", "lock")


def test_many_observations_count_like_single_ones() -> None:
    one, many = Metrics(), Metrics()
    values = [0.0, 0.1, 0.10001, 0.5, 0.98, 1.0, 7.0] * MANY
    for value in values:
        one.spread("argus_model_score", "gaussian").observe(value)
    many.spread("argus_model_score", "gaussian").observe_many(values)
    few = Metrics().spread("argus_model_score", "gaussian")
    few.observe_many(values[:7])
    assert many.spread("argus_model_score", "gaussian").counts == one.spread("argus_model_score", "gaussian").counts
    assert many.spread("argus_model_score", "gaussian").sum == pytest.approx(sum(values))
    assert [count * MANY for count in few.counts] == one.spread("argus_model_score", "gaussian").counts


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


def test_a_partition_that_went_away_is_forgotten_and_no_other() -> None:
    metrics = Metrics({"partition": ["0", "1"], "watched": ["0"]})
    for partition in ("0", "1"):
        metrics.number("argus_watermark_timestamp_seconds", partition).set(5)
        metrics.number("argus_consumer_lag_seconds", "detect", "events", partition).set(5)
    metrics.number("argus_canary_last_seen_timestamp_seconds", "0").set(5)
    metrics.own_partitions([1, 7])
    metrics.number("argus_watermark_timestamp_seconds", "7").set(6)
    assert value_of(metrics, "argus_watermark_timestamp_seconds", partition="7") == 6
    assert value_of(metrics, "argus_watermark_timestamp_seconds", partition="0") is None
    assert value_of(metrics, "argus_watermark_timestamp_seconds", partition="1") == 5
    lag = {"agent": "detect", "topic": "events"}
    assert value_of(metrics, "argus_consumer_lag_seconds", **lag, partition="0") is None
    assert value_of(metrics, "argus_consumer_lag_seconds", **lag, partition="1") == 5
    # The canaries of all partitions are sent by one process, whatever partitions it reads.
    assert value_of(metrics, "argus_canary_last_seen_timestamp_seconds", partition="0") == 5


def test_a_process_has_its_own_metrics_and_no_others() -> None:
    metrics = Metrics(process="serve")
    assert value_of(metrics, "argus_http_events_total") == 0
    with pytest.raises(KeyError):
        metrics.number("argus_decisions_total", "approve")
    assert "argus_decisions_total" not in text_of(metrics)


def test_what_needs_a_fault_is_declared() -> None:
    assert FAULTS.keys() <= BY_NAME.keys()


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
    assert b'# {alert_id="a1"} 0.3 1' in body  # and when that was


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
