"""Every metric, declared once: its name with the unit, its kind, what it means, its labels.

Labels come from closed sets; none ever holds a user, an address, a session or an alert. A value outside its set
becomes `other` and counts in `argus_metric_series_rejected_total`. Sets that depend on the configuration (rules,
tables, partitions) are given to `argus.measure.Metrics` when it is made.
"""

import sys
from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

from core.commands import COMMAND_TYPES
from core.events import ERRORS
from core.records import EVENT_TYPES, Breach

Kind = Literal["counter", "gauge", "histogram", "info"]

# Bounds equal the objectives that alerts are written for (10 s) and what is asked of the stream (25 and 100 ms).
LATENCY_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
WORK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
# The deadlines of cases by default: 15 minutes to a day for the acknowledgement, four times that for the resolution.
CASE_S: Final = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0, 345_600.0)
SKEW_S: Final = (0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0)
COUNTS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 200.0, 500.0, 1_000.0, 5_000.0)
SCORES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)

LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "action": ("lock", "challenge", "unlock"),
    "agent": ("detect", "sources", "learn", "respond", "cases", "audit", "reputation", "rules"),
    "answered": ("1xx", "2xx", "3xx", "4xx", "5xx"),
    "breach": get_args(Breach),
    "by": ("rule", "admin", "otp", "expiry"),
    "challenge": ("sent", "limited", "passed", "wrong", "void", "expired", "none", "refused"),
    "class": (
        "TimeoutError",
        "ConnectionError",
        "KafkaError",
        "ValueError",
        "TypeError",
        "KeyError",
        "OSError",
        "MemoryError",
        "RuntimeError",
    ),
    "command": COMMAND_TYPES,
    "decision": ("approve", "challenge", "block"),
    "forgotten": (
        "alerts",
        "decisions",
        "cases",
        "lock_history",
        "outcomes",
        "feedback",
        "audit",
        "users",
    ),
    "label": ("fraud", "legit"),
    "measure": ("average_precision", "precision", "recall", "auc"),
    "model": ("half_space_trees", "one_class_svm", "gaussian"),
    "notice": ("sent", "retried", "dead", "digested", "expired"),
    "operation": ("get", "put", "delete"),
    "origin": ("builtin", "custom"),
    "outcome": ("ok", "duplicate", "rejected", "forwarded", "error"),
    "push": ("ok", "failed"),
    "reason": ERRORS,
    "reload": ("ok", "refused"),
    "sink": ("stored", "skipped", "rejected"),
    "sunk": ("locks", "alerts", "cases", "outcomes", "rules", "feedback", "decisions", "audit"),
    "severity": ("low", "medium", "high", "critical"),
    "stage": ("decode", "load", "decide", "changelog", "store", "send", "commit"),
    "state": ("locked", "challenged"),
    "status": ("done", "refused"),
    "suppressed": ("grouped", "shadow", "off"),
    "table": ("users", "sources", "cases", "audit", "models", "reputation", "rules"),
    "topic": (
        "events",
        "feedback",
        "commands",
        "alerts",
        "locks",
        "decisions",
        "rules",
        "outcomes",
        "cases",
        "audit",
        "rejected",
        "signals",
        "deliveries",
        "notices",
        "undelivered",
        "reputation",
        "users-changelog",
        "sources-changelog",
        "cases-changelog",
        "notices-changelog",
        "audit-notes",
        "audit-changelog",
    ),
    "turned_away": ("no_token", "bad_token", "login", "role", "rate", "csrf", "too_large", "too_slow"),
    "type": EVENT_TYPES,
    "verdict": ("normal", "anomaly"),
    "way": ("log", "file", "apprise"),
}
# Sets that only a running worker knows, and how many values each may take.
CONFIGURED: Final[Mapping[str, int]] = {
    "channel": 32,
    "rule": 300,
    "detection": 300,
    "route": 100,
    "partition": 128,
    "version": 4,
    "algorithm": 16,
}


class Metric(Struct, frozen=True):
    """One row. labels: names in `LABELS` or `CONFIGURED`, where `a=b` is a label `a` with the values of `b`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.partition("=")[0] for label in self.labels)

    @property
    def label_sets(self) -> tuple[str, ...]:
        return tuple(label.partition("=")[2] or label for label in self.labels)


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "gauge", meaning, labels)


def _histogram(name: str, buckets: tuple[float, ...], meaning: str, *labels: str) -> Metric:
    return Metric(name, "histogram", meaning, labels, buckets)


METRICS: Final = (
    # What comes in.
    _counter("argus_ingest_events_total", "Events read and understood, by type", "type"),
    _counter("argus_ingest_rejected_total", "Records that could not be read, by error", "reason"),
    _counter("argus_ingest_bytes_total", "Bytes of records read"),
    _counter("argus_ingest_duplicates_total", "Events seen before among the user's last 256"),
    _counter("argus_ingest_late_total", "Events too late to be remembered, which are only decided"),
    _counter("argus_ingest_forwarded_total", "Events that lay on another partition than their user's"),
    _histogram("argus_event_skew_seconds", SKEW_S, "How long ago an event had happened when it was read"),
    _gauge("argus_watermark_timestamp_seconds", "Time of the newest event of a partition", "partition"),
    # Agents.
    _counter(
        "argus_agent_events_total", "Records that an agent worked on, by what became of them", "agent", "outcome"
    ),
    _histogram("argus_agent_duration_seconds", WORK_S, "Time an agent takes for a batch", "agent"),
    _histogram("argus_agent_batch_records", COUNTS, "Records in a batch", "agent"),
    _gauge("argus_agent_in_flight_records", "Records that an agent works on right now", "agent"),
    _gauge("argus_agent_last_success_timestamp_seconds", "When an agent last finished a batch", "agent"),
    _gauge("argus_agent_state", "0 stopped, 1 running, 2 recovering", "agent"),
    _counter("argus_agent_restarts_total", "Starts of an agent after its first", "agent"),
    _counter("argus_agent_exceptions_total", "Exceptions in an agent, by class", "agent", "class"),
    _histogram("argus_event_loop_lag_seconds", WORK_S, "How late a timer of the event loop fires"),
    _histogram("argus_stage_duration_seconds", WORK_S, "Time that one stage of a batch takes", "stage"),
    # Kafka.
    _gauge("argus_consumer_lag_records", "Records not yet worked on", "agent", "topic", "partition"),
    _gauge("argus_consumer_lag_seconds", "Age of the oldest record not yet worked on", "agent", "topic", "partition"),
    _histogram("argus_commit_duration_seconds", WORK_S, "Time a commit of source offsets takes"),
    _counter("argus_commit_failures_total", "Commits of source offsets that failed"),
    _gauge("argus_assigned_partitions", "Partitions of the events topic that this worker has"),
    _counter("argus_rebalances_total", "Rebalances that this worker took part in"),
    _histogram("argus_rebalance_duration_seconds", LATENCY_S, "Time from losing partitions to working again"),
    _histogram("argus_producer_send_duration_seconds", WORK_S, "Time from sending to the acknowledgement", "topic"),
    _counter("argus_producer_errors_total", "Records that the broker did not take", "topic"),
    # Tables.
    _gauge("argus_table_keys", "Keys in a table (estimated by RocksDB)", "table", "partition"),
    _gauge("argus_table_bytes", "Bytes of a table on disk", "table", "partition"),
    _counter("argus_table_operations_total", "Reads and writes of a table", "table", "operation"),
    _histogram("argus_table_write_duration_seconds", WORK_S, "Time one write of a batch takes", "table"),
    _gauge("argus_rocksdb_memtable_bytes", "Bytes in RocksDB's memtables", "table"),
    _gauge("argus_rocksdb_block_cache_bytes", "Bytes in RocksDB's block cache", "table"),
    _gauge("argus_rocksdb_pending_compaction_bytes", "Bytes that RocksDB has yet to compact", "table"),
    _counter("argus_rocksdb_write_stall_seconds_total", "Time that RocksDB held writes back", "table"),
    _gauge("argus_data_dir_free_bytes", "Free bytes where the data directory is"),
    _counter("argus_changelog_records_total", "Records written to a table's changelog", "table"),
    _counter("argus_changelog_bytes_total", "Bytes written to a table's changelog, before compression", "table"),
    _gauge("argus_recovery_remaining_records", "Changelog records yet to be read before work", "table", "partition"),
    _histogram("argus_recovery_duration_seconds", LATENCY_S, "Time that the recovery of a partition took", "table"),
    # Rules.
    Metric("argus_ruleset_info", "info", "The rule set in force", ("version",)),
    _gauge("argus_rules_loaded", "Rules in force", "origin"),
    _counter("argus_rule_hits_total", "Hits of a rule, grouped ones too", "rule"),
    _counter("argus_rule_errors_total", "Failures of a rule's own check", "rule"),
    _histogram("argus_rule_duration_seconds", WORK_S, "Time that all rules take for a batch"),
    _counter("argus_ruleset_reloads_total", "Rule sets that came in, by what became of them", "outcome=reload"),
    _gauge("argus_ruleset_last_reload_successful", "1 where the last rule set that came in was taken, else 0"),
    # Models.
    _histogram("argus_model_score", SCORES, "Calibrated scores, the share of earlier ones that were lower", "model"),
    _histogram("argus_model_score_duration_seconds", WORK_S, "Time a model takes to score a batch", "model"),
    _counter("argus_model_predictions_total", "Scores, by whether they are in the model's tail", "model", "verdict"),
    _counter("argus_model_learned_total", "Events learnt as normal", "model"),
    _counter("argus_model_invalid_scores_total", "Scores that were no number from 0 to 1", "model"),
    _gauge("argus_model_threshold", "Calibrated score from which the tail begins", "model"),
    _gauge("argus_model_drift", "Drift of a model's scores, as a population stability index", "model"),
    _counter("argus_model_swaps_total", "Fits that took the place of a model", "model"),
    Metric("argus_model_info", "info", "The models at work", ("model", "version", "algorithm")),
    _gauge("argus_model_state_bytes", "Bytes of a model's last snapshot", "model"),
    _gauge("argus_model_quality", "Quality by the labels that came back, prequential", "model", "measure"),
    _counter("argus_feedback_total", "Labels that came back", "label"),
    # What comes out.
    _counter("argus_decisions_total", "Decisions", "decision"),
    _counter("argus_alerts_total", "Alerts and updates of them, by rule", "detection", "severity"),
    _counter("argus_alerts_suppressed_total", "Hits that sent no alert", "reason=suppressed"),
    _histogram(
        "argus_alert_latency_seconds", LATENCY_S, "From an event's time to its acknowledged alert", "severity"
    ),
    _counter("argus_commands_total", "Commands answered, repeats left out", "type=command", "status"),
    _counter("argus_otp_challenges_total", "One-time passwords asked for and tried", "outcome=challenge"),
    _counter("argus_locks_total", "Changes of a user's lock, by who made them", "action", "reason=by"),
    _counter("argus_lock_failures_total", "Locks that the broker did not take"),
    _gauge("argus_active_locks", "Users held up now", "state"),
    _gauge("argus_cases_open", "Cases that are not resolved", "severity"),
    _gauge("argus_case_oldest_unacked_seconds", "Age of the oldest case that nobody has acknowledged", "severity"),
    _histogram("argus_case_ack_seconds", CASE_S, "From opening a case to its acknowledgement", "severity"),
    _histogram("argus_case_resolution_seconds", CASE_S, "From opening a case to its resolution", "severity"),
    _counter("argus_case_sla_breaches_total", "Deadlines of cases told as near or missed", "kind=breach", "severity"),
    _counter("argus_dlq_records_total", "Records set aside, by the topic they came from", "topic"),
    _counter("argus_audit_records_total", "Records added to the audit chains"),
    _counter("argus_audit_checkpoints_total", "Checkpoints among them"),
    # The sink: topics into the database.
    _counter(
        "argus_sink_records_total", "Records for the database, by what became of them", "table=sunk", "outcome=sink"
    ),
    _gauge("argus_sink_lag_seconds", "Age of the oldest record of the newest batch", "table=sunk"),
    _histogram("argus_sink_batch_seconds", WORK_S, "Time until a batch is in the database, waits too", "table=sunk"),
    _counter("argus_sink_retries_total", "Tries that the database did not answer as it should", "table=sunk"),
    _gauge("argus_sink_database_up", "1 where the database did the last that was asked of it, else 0"),
    _counter("argus_sink_deleted_total", "Rows deleted since they were too old", "table=forgotten"),
    # Notifications.
    _counter(
        "argus_notifications_total", "Messages of a channel, by what became of them", "channel", "outcome=notice"
    ),
    _gauge("argus_notifications_waiting", "Messages that wait for a channel or are tried again", "channel"),
    _gauge("argus_notification_breaker_open", "1 where a channel that kept failing is left alone", "channel"),
    _histogram("argus_notification_duration_seconds", WORK_S, "Time that a channel takes for a message", "channel"),
    _counter("argus_otp_deliveries_total", "One-time passwords to deliver", "channel=way", "outcome=notice"),
    _counter("argus_alertmanager_pushes_total", "Posts of all that is held to Alertmanager", "outcome=push"),
    _gauge("argus_alertmanager_push_last_success_timestamp_seconds", "When Alertmanager last took all that is held"),
    _gauge("argus_alertmanager_held_alerts", "Cases that are held as alerts in Alertmanager"),
    _gauge("argus_alertmanager_storms", "Storms that stand for their cases in Alertmanager"),
    # The API.
    _counter(
        "argus_http_requests_total", "Requests answered, by path and class of status", "route", "status=answered"
    ),
    _histogram("argus_http_request_duration_seconds", WORK_S, "Time until a request is answered", "route"),
    _counter("argus_http_refused_total", "Requests that were not let in, by reason", "reason=turned_away"),
    _counter("argus_http_events_total", "Events that were posted and sent on"),
    _histogram("argus_score_duration_seconds", WORK_S, "Time until a posted event has its decision"),
    _counter("argus_score_timeouts_total", "Posted events whose decision did not come in time"),
    _gauge("argus_live_clients", "Clients that listen to live alerts"),
    _counter("argus_live_clients_dropped_total", "Clients that were too slow for live alerts"),
    # The worker itself.
    Metric("argus_build_info", "info", "The version at work", ("version",)),
    _gauge("argus_build_info_timestamp_seconds", "When this worker started"),
    _counter("argus_metric_series_rejected_total", "Label values outside their set, by metric", "metric"),
)
BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}


def markdown() -> str:
    """The page `docs/metrics.md`."""
    lines = [
        "# Metrics",
        "",
        "Generated by `make docs`. Each worker serves these at `/metrics`. Labels come from closed sets; a value",
        "outside its set is counted as `other`.",
        "",
        "| metric | kind | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for metric in METRICS:
        labels = ", ".join(f"`{name}`" for name in metric.label_names)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |")
    lines += ["", "## Label values", "", "| set | values |", "| --- | --- |"]
    lines += [f"| {name} | {', '.join(f'`{value}`' for value in LABELS[name])} |" for name in sorted(LABELS)]
    lines += [f"| {name} | as configured, at most {most} |" for name, most in sorted(CONFIGURED.items())]
    return "\n".join(lines) + "\n"


def exposition() -> str:
    """What a worker that has done nothing yet serves."""
    from prometheus_client import CollectorRegistry, generate_latest

    from argus.measure import Metrics

    registry = CollectorRegistry()
    registry.register(Metrics())
    return generate_latest(registry).decode()


if __name__ == "__main__":
    sys.stdout.write(exposition() if "--exposition" in sys.argv else markdown())
