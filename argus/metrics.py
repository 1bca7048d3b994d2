"""Every metric, declared once: its name with the unit, its kind, what it means, its labels, which processes serve it.

`argus.metric` has the label sets and their rules.
"""

import sys
from collections.abc import Mapping
from typing import Final

from argus.metric import (
    CASE_S,
    CONFIGURED,
    COUNTS,
    DELAY_S,
    FIT_S,
    LABELS,
    LATENCY_S,
    PROCESSES,
    SCORES,
    SKEW_S,
    WORK_S,
    Metric,
    Process,
    Rows,
)

__all__ = ["BY_NAME", "CONFIGURED", "FAULTS", "LABELS", "METRICS", "Metric", "exposition", "markdown", "served_by"]

WORKER: Final = Rows("worker")
STREAM: Final = Rows("worker", "sink", "notify")
TABLES: Final = Rows("worker", "notify")
SINK: Final = Rows("sink")
NOTIFY: Final = Rows("notify")
SERVE: Final = Rows("serve")
EVERY: Final = Rows(*PROCESSES)

METRICS: Final = (
    # What comes in.
    WORKER.counter("argus_ingest_events_total", "Events read and understood, by type", "type"),
    WORKER.counter("argus_ingest_rejected_total", "Records that could not be read, by error", "reason"),
    WORKER.counter("argus_ingest_bytes_total", "Bytes of event records read"),
    WORKER.counter("argus_ingest_duplicates_total", "Events seen before among the user's last 256"),
    WORKER.counter("argus_ingest_late_total", "Events too late to be remembered, which are only decided"),
    WORKER.counter("argus_ingest_forwarded_total", "Records that lay on another partition than their user's"),
    WORKER.histogram("argus_event_skew_seconds", SKEW_S, "How long ago an event had happened when it was read"),
    WORKER.gauge("argus_watermark_timestamp_seconds", "Time of the newest event of a partition", "partition"),
    # Agents. Beside those of the workers: sink, and of notify `notify` (which reads) and `notices` (which sends).
    STREAM.counter(
        "argus_agent_events_total", "Records that an agent worked on, by what became of them", "agent", "outcome"
    ),
    STREAM.histogram("argus_agent_duration_seconds", WORK_S, "Time an agent takes for a batch", "agent"),
    STREAM.histogram("argus_agent_batch_records", COUNTS, "Records in a batch", "agent"),
    STREAM.gauge("argus_agent_in_flight_records", "Records that an agent has at hand: worked on or queued", "agent"),
    STREAM.gauge(
        "argus_agent_last_success_timestamp_seconds",
        "When an agent last finished a batch, or else when it took its partitions over",
        "agent",
    ),
    STREAM.gauge("argus_agent_state", "0 has no partition, 1 running, 2 recovering", "agent"),
    STREAM.counter("argus_agent_restarts_total", "Times an agent got partitions again after its first", "agent"),
    STREAM.counter("argus_agent_exceptions_total", "Exceptions that cost one record, by class", "agent", "class"),
    EVERY.histogram("argus_event_loop_lag_seconds", WORK_S, "How late a timer of the event loop fires"),
    WORKER.histogram(
        "argus_stage_duration_seconds", WORK_S, "Time that one stage of a batch of the users table takes", "stage"
    ),
    # Kafka.
    STREAM.gauge("argus_consumer_lag_records", "Records not yet worked on", "agent", "topic", "partition"),
    STREAM.gauge(
        "argus_consumer_lag_seconds",
        "Age of the oldest record not yet worked on, 0 where there is none",
        "agent",
        "topic",
        "partition",
    ),
    STREAM.histogram("argus_commit_duration_seconds", WORK_S, "Time a commit of source offsets takes"),
    STREAM.counter("argus_commit_failures_total", "Commits of source offsets that failed"),
    STREAM.gauge("argus_assigned_partitions", "Partitions that this process has, of the topics' number"),
    STREAM.counter("argus_rebalances_total", "Rebalances that this process took part in"),
    STREAM.histogram("argus_rebalance_duration_seconds", LATENCY_S, "Time from losing partitions to working again"),
    EVERY.histogram(
        "argus_producer_send_duration_seconds", WORK_S, "Time from sending a batch to its acknowledgement", "topic"
    ),
    EVERY.counter("argus_producer_records_total", "Records that the broker acknowledged", "topic"),
    EVERY.counter("argus_producer_errors_total", "Records that the broker did not take", "topic"),
    EVERY.gauge(
        "argus_producer_oldest_unacked_seconds",
        "How long the oldest batch waits for its acknowledgement, 0 where none does",
        "topic",
    ),
    # Tables.
    TABLES.gauge("argus_table_keys", "Keys in a table (estimated by RocksDB)", "table", "partition"),
    TABLES.gauge("argus_table_bytes", "Bytes of a table on disk and in memtables", "table", "partition"),
    TABLES.counter("argus_table_operations_total", "Keys read, written and deleted", "table", "operation"),
    TABLES.counter(
        "argus_table_discarded_total",
        "Partitions whose files were damaged and came back from the changelog",
        "table",
    ),
    TABLES.histogram("argus_table_write_duration_seconds", WORK_S, "Time one write of a batch takes", "table"),
    TABLES.gauge("argus_rocksdb_memtable_bytes", "Bytes in RocksDB's memtables", "table"),
    TABLES.gauge("argus_rocksdb_block_cache_bytes", "Bytes in the block cache that all tables share"),
    TABLES.gauge("argus_rocksdb_pending_compaction_bytes", "Bytes that RocksDB has yet to compact", "table"),
    TABLES.counter("argus_rocksdb_write_stall_seconds_total", "Time that RocksDB held writes back", "table"),
    STREAM.gauge("argus_data_dir_free_bytes", "Free bytes where the data directory is"),
    TABLES.counter("argus_changelog_records_total", "Records written to a table's changelog", "table"),
    TABLES.counter(
        "argus_changelog_bytes_total", "Bytes written to a table's changelog, before compression", "table"
    ),
    TABLES.gauge(
        "argus_recovery_remaining_records", "Changelog records yet to be read before work", "table", "partition"
    ),
    TABLES.histogram(
        "argus_recovery_duration_seconds", LATENCY_S, "Time that the recovery of a partition took", "table"
    ),
    TABLES.counter("argus_recovery_records_total", "Changelog records that takeovers have read", "table"),
    WORKER.gauge("argus_standby_partitions", "Partitions of other workers that are kept fresh here", "table"),
    WORKER.gauge("argus_standby_lag_records", "Changelog records that are not in these copies yet", "table"),
    WORKER.gauge("argus_standby_bytes", "Bytes of these copies on disk and in memtables", "table"),
    WORKER.counter(
        "argus_standby_set_aside_total",
        "Copies that could not be kept: their partitions are recovered from the changelog if they come here",
        "table",
    ),
    # Rules.
    WORKER.info("argus_ruleset_info", "The rule set in force, by a hash of its rules and thresholds", "version"),
    WORKER.gauge("argus_rules_loaded", "Rules in force, shadow ones too", "origin"),
    WORKER.counter("argus_rule_hits_total", "Hits of a rule, grouped ones too", "rule"),
    WORKER.counter("argus_rule_errors_total", "Failures of a rule's own check", "rule"),
    WORKER.histogram(
        "argus_rule_duration_seconds", WORK_S, "Time that all rules take for a batch, scores by models left out"
    ),
    WORKER.counter("argus_ruleset_reloads_total", "Rule sets that came in, by what became of them", "outcome=reload"),
    WORKER.gauge("argus_ruleset_last_reload_successful", "1 where the last rule set that came in was taken, else 0"),
    # Models.
    WORKER.histogram(
        "argus_model_score", SCORES, "Calibrated scores, the share of earlier ones that were lower", "model"
    ),
    WORKER.histogram("argus_model_score_duration_seconds", WORK_S, "Time all models take to score a batch"),
    WORKER.counter(
        "argus_model_predictions_total", "Scores, by whether they are in the model's tail", "model", "verdict"
    ),
    WORKER.counter("argus_model_learned_total", "Events learnt as normal", "model"),
    WORKER.counter("argus_model_invalid_scores_total", "Scores that were no number from 0 to 1", "model"),
    WORKER.gauge("argus_model_threshold", "Calibrated score from which the tail begins", "model"),
    WORKER.gauge(
        "argus_model_drift",
        "Drift of the last scores against those before, as a population stability index; above 0.25 is a shift",
        "model",
    ),
    WORKER.counter(
        "argus_model_drifts_total",
        "Drifts that ADWIN found, of a model's scores or of the share of frauds that it misses",
        "model",
    ),
    WORKER.gauge(
        "argus_model_drifting",
        "Partitions in which a model's scores drift; absent before it said anything",
        "model",
    ),
    WORKER.gauge(
        "argus_model_misses_drifting",
        "Partitions in which the share of frauds that a model misses drifts; absent before one was known",
        "model=learner",
    ),
    WORKER.gauge(
        "argus_model_warm_ratio",
        "Share of this worker's partitions in which a model has learnt enough to say anything; below 1 it warms up",
        "model",
    ),
    WORKER.gauge(
        "argus_feature_stability_index",
        "How far events of the last hours differ from those before, by group of features (population stability "
        "index, the largest of a feature and a partition); above 0.25 they are others",
        "group=feature_group",
    ),
    WORKER.counter("argus_model_swaps_total", "Newly fitted models that took the place of the last", "model"),
    WORKER.info(
        "argus_model_info", "The models at work, their version and algorithm", "model", "version", "algorithm"
    ),
    WORKER.info("argus_model_mode_info", "Whether a model that runs decides or shadows", "model", "mode"),
    WORKER.gauge("argus_model_version", "Fitted version that was put in force last in any partition", "model=fitted"),
    WORKER.counter("argus_model_fits_total", "Fits in the background, by how they ended", "model=fitted", "fit"),
    WORKER.histogram(
        "argus_model_fit_duration_seconds", FIT_S, "Time that a fit took, in its own process", "model=fitted"
    ),
    WORKER.gauge("argus_model_sample_records", "Rows that a model was fitted on last", "model=fitted"),
    WORKER.counter("argus_model_fitting_restarts_total", "Starts of the fitting process after it had died"),
    WORKER.gauge("argus_model_fits_waiting", "Fits that have not begun"),
    WORKER.counter(
        "argus_model_snapshots_unreadable_total",
        "Snapshots of a partition's models that were set aside; its models started fresh",
        "reason=unreadable",
    ),
    WORKER.gauge("argus_model_state_bytes", "Bytes of the last snapshot of a partition's models", "partition"),
    SINK.gauge(
        "argus_model_quality",
        "Quality of a model's scores, and of the risk, by the newest labels that came back (prequential)",
        "model=ranking",
        "measure",
    ),
    SINK.gauge(
        "argus_model_label_delay_seconds",
        "From events in a model's tail, of the risk from those held up, to their label: median of the newest labels",
        "model=ranking",
    ),
    SINK.gauge(
        "argus_model_alert_ratio",
        "Share of the newest decisions in a model's tail; of the risk, those that were not approved",
        "model=ranking",
    ),
    SINK.gauge(
        "argus_rule_quality",
        "Quality of a rule by the newest labels that came back (prequential)",
        "rule",
        "measure=rule_measure",
    ),
    SINK.gauge(
        "argus_rule_label_delay_seconds",
        "From events that a rule hit to their label: median of the newest labels",
        "rule",
    ),
    SINK.gauge("argus_rule_alert_ratio", "Share of the newest decisions that a rule hit", "rule"),
    SINK.gauge("argus_model_labelled_events", "Labelled events that the quality is taken from", "label"),
    WORKER.counter("argus_feedback_total", "Labels that came back", "label"),
    WORKER.counter("argus_label_outcomes_total", "Labels, by what became of them", "outcome=heard"),
    WORKER.histogram("argus_label_delay_seconds", DELAY_S, "From an event to the first label that counts for it"),
    WORKER.gauge("argus_label_records", "Events that are kept for their labels, by what is known of them", "known"),
    WORKER.gauge(
        "argus_model_trust",
        "How much of its weight a model has earned by the labels that came back, 0 to 1: mean of the partitions",
        "model=learner",
    ),
    # What comes out.
    WORKER.counter("argus_decisions_total", "Decisions", "decision"),
    WORKER.histogram(
        "argus_decision_latency_seconds", LATENCY_S, "From an event's arrival at the broker to its decision there"
    ),
    WORKER.counter("argus_alerts_total", "Alerts and updates of them, by rule", "detection", "severity"),
    WORKER.counter(
        "argus_alerts_suppressed_total",
        "Hits that told nobody: within an alert that was sent, or of a rule in shadow",
        "reason=suppressed",
    ),
    WORKER.histogram(
        "argus_alert_latency_seconds",
        LATENCY_S,
        "From the tipping record's arrival at the broker to the alert's acknowledgement",
        "severity",
    ),
    WORKER.counter("argus_commands_total", "Commands answered, repeats left out", "type=command", "status"),
    WORKER.counter("argus_otp_challenges_total", "One-time passwords asked for and tried", "outcome=challenge"),
    WORKER.counter(
        "argus_locks_total", "Changes of a user's lock that the broker has, by cause", "action", "reason=by"
    ),
    WORKER.histogram(
        "argus_lock_latency_seconds",
        LATENCY_S,
        "From the causing record's arrival at the broker to the lock's acknowledgement",
        "action",
    ),
    WORKER.counter(
        "argus_lock_failures_total",
        "Locks that were not acknowledged: the send failed, or a takeover found them in the last step",
    ),
    SINK.gauge("argus_active_locks", "Users held up now, by the database", "state"),
    WORKER.gauge("argus_cases_open", "Cases that are not resolved", "severity"),
    WORKER.gauge(
        "argus_case_oldest_unacked_seconds",
        "Age of the oldest case that nobody has acknowledged; those of COMPLIANCE, which page nobody, are left out",
        "severity",
    ),
    WORKER.histogram("argus_case_ack_seconds", CASE_S, "From opening a case to its acknowledgement", "severity"),
    WORKER.histogram("argus_case_resolution_seconds", CASE_S, "From opening a case to its resolution", "severity"),
    WORKER.counter(
        "argus_case_sla_breaches_total", "Deadlines of cases told as near or missed", "kind=breach", "severity"
    ),
    STREAM.counter("argus_dlq_records_total", "Records set aside, by the topic they came from", "topic"),
    WORKER.counter("argus_audit_records_total", "Records added to the audit chains"),
    WORKER.counter("argus_audit_checkpoints_total", "Checkpoints among them"),
    # The canary: an event now and then on every partition, decided like any other, seen again by notify.
    NOTIFY.counter("argus_canary_sent_total", "Canary events that the broker acknowledged"),
    NOTIFY.counter("argus_canary_seen_total", "Canary events whose decision came back"),
    NOTIFY.histogram("argus_canary_latency_seconds", LATENCY_S, "From sending a canary event to seeing its decision"),
    NOTIFY.gauge(
        "argus_canary_last_seen_timestamp_seconds",
        "When a partition's canary last came back, or sending began",
        "partition=watched",
    ),
    # The sink: topics into the database. Its lag is `argus_consumer_lag_seconds{agent="sink"}`.
    SINK.counter(
        "argus_sink_records_total", "Records for the database, by what became of them", "table=sunk", "outcome=sink"
    ),
    SINK.histogram(
        "argus_sink_batch_seconds", WORK_S, "Time until a batch is in the database, waits too", "table=sunk"
    ),
    SINK.counter("argus_sink_retries_total", "Tries that the database did not answer as it should", "table=sunk"),
    SINK.gauge("argus_sink_database_up", "1 where the database did the last that was asked of it, else 0"),
    SINK.counter("argus_sink_deleted_total", "Rows deleted since they were too old", "table=forgotten"),
    # Notifications.
    NOTIFY.counter(
        "argus_notifications_total", "Messages of a channel, by what became of them", "channel", "outcome=notice"
    ),
    NOTIFY.gauge("argus_notifications_waiting", "Messages that wait for a channel or are tried again", "channel"),
    NOTIFY.gauge("argus_notification_breaker_open", "1 where a channel that kept failing is left alone", "channel"),
    NOTIFY.histogram(
        "argus_notification_duration_seconds", WORK_S, "Time that a channel takes for a message", "channel"
    ),
    NOTIFY.counter("argus_otp_deliveries_total", "One-time passwords to deliver", "channel=way", "outcome=notice"),
    NOTIFY.counter("argus_alertmanager_pushes_total", "Posts of all that is held to Alertmanager", "outcome=push"),
    NOTIFY.gauge(
        "argus_alertmanager_push_last_success_timestamp_seconds",
        "When Alertmanager last took all that is held, or pushing began; absent where no Alertmanager is set",
    ),
    NOTIFY.gauge("argus_alertmanager_held_alerts", "Cases that are held as alerts in Alertmanager"),
    NOTIFY.gauge("argus_alertmanager_storms", "Storms that stand for their cases in Alertmanager"),
    # The API.
    SERVE.counter(
        "argus_http_requests_total", "Requests answered, by path and class of status", "route", "status=answered"
    ),
    SERVE.histogram("argus_http_request_duration_seconds", WORK_S, "Time until a request is answered", "route"),
    SERVE.counter("argus_http_refused_total", "Requests that were not let in, by reason", "reason=turned_away"),
    SERVE.counter("argus_http_events_total", "Events that were posted and sent on"),
    SERVE.histogram("argus_score_duration_seconds", WORK_S, "Time until a posted event has its decision"),
    SERVE.counter("argus_score_timeouts_total", "Posted events whose decision did not come in time"),
    SERVE.gauge("argus_live_clients", "Clients that listen to live alerts"),
    SERVE.counter("argus_live_clients_dropped_total", "Clients that were too slow for live alerts"),
    # The process itself.
    WORKER.gauge("argus_memory_max_bytes", "Memory beyond which the process ends in good order, 0 for no bound"),
    WORKER.counter("argus_memory_exceeded_total", "Times the process had more than that, after which it ends"),
    EVERY.info("argus_build_info", "The version at work", "version"),
    EVERY.gauge("argus_ready", "1 where the process can work, by its own health check, else 0"),
    EVERY.counter("argus_metric_series_rejected_total", "Label values outside their set, by metric", "metric"),
)
# What has to happen before these count anything, or are above 0. All others do in a house at work.
FAULTS: Final[Mapping[str, str]] = {
    "argus_agent_restarts_total": "a rebalance",
    "argus_agent_exceptions_total": "a record or a rule that makes an agent raise",
    "argus_commit_failures_total": "a broker that is away",
    "argus_rebalance_duration_seconds": "a rebalance",
    "argus_producer_errors_total": "a broker that is away",
    "argus_producer_oldest_unacked_seconds": "a broker that is away",
    "argus_rocksdb_pending_compaction_bytes": "writes faster than the disk",
    "argus_rocksdb_write_stall_seconds_total": "writes faster than the disk",
    "argus_table_discarded_total": "damaged files in a data directory",
    "argus_recovery_remaining_records": "a worker that takes over what another one wrote",
    "argus_recovery_records_total": "a worker that takes over what another one wrote",
    "argus_standby_partitions": "a second worker, with `ARGUS_STANDBY_REPLICAS`",
    "argus_standby_lag_records": "a second worker, with `ARGUS_STANDBY_REPLICAS`",
    "argus_standby_bytes": "a second worker, with `ARGUS_STANDBY_REPLICAS`",
    "argus_standby_set_aside_total": "a standby whose disk is nearly full",
    "argus_rule_errors_total": "a user-defined rule that raises on an event",
    "argus_model_invalid_scores_total": "a model that is broken",
    "argus_model_drifts_total": "another kind of events or of attacks",
    "argus_model_misses_drifting": "likewise, in labels",
    "argus_model_fits_total": "a model that is fitted, all of which are off by default",
    "argus_model_fit_duration_seconds": "a model that is fitted",
    "argus_model_version": "a model that is fitted",
    "argus_model_sample_records": "a model that is fitted",
    "argus_model_fits_waiting": "more models to fit than are done",
    "argus_model_fitting_restarts_total": "a fitting process that is killed",
    "argus_model_snapshots_unreadable_total": "a snapshot of another Argus, or a damaged one",
    "argus_lock_failures_total": "a broker that is away, or a worker killed as it sends",
    "argus_case_sla_breaches_total": "a case that nobody acknowledges in time",
    "argus_dlq_records_total": "records that cannot be read, or a channel that refuses",
    "argus_sink_retries_total": "a database that is away",
    "argus_sink_deleted_total": "rows older than their retention",
    "argus_notification_breaker_open": "a channel that keeps failing",
    "argus_notifications_waiting": "a channel that is slower than what is said to it",
    "argus_alertmanager_storms": "more cases of one detection than are held",
    "argus_score_timeouts_total": "workers that are away",
    "argus_live_clients_dropped_total": "a client that does not read",
    "argus_memory_exceeded_total": "more memory than `ARGUS_MEMORY_MAX_MB`",
    "argus_metric_series_rejected_total": "more user-defined rules than labels",
}
BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}


def served_by(process: Process | None) -> tuple[Metric, ...]:
    """The metrics of one kind of process; all of them for None."""
    return tuple(metric for metric in METRICS if process is None or process in metric.processes)


def markdown() -> str:
    """The page `docs/metrics.md`."""
    lines = [
        "# Metrics",
        "",
        "Generated by `make docs`. Worker, sink, notify and serve each serve theirs at `/metrics`. Labels come from",
        "closed sets; a value outside its set is counted as `other`. Latencies of alerts and locks carry the alert",
        "as exemplar, where the scraper asks for OpenMetrics. A `timestamp` is in seconds since the epoch.",
        "",
        "| metric | kind | unit | labels | served by | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for metric in METRICS:
        labels = ", ".join(
            f"`{name}`" if name == set_ else f"`{name}` ({set_})"
            for name, set_ in zip(metric.label_names, metric.label_sets, strict=True)
        )
        served = "all" if metric.processes == PROCESSES else ", ".join(metric.processes)
        lines.append(f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {served} | {metric.meaning} |")
    lines += ["", "## Label values", "", "| set | values |", "| --- | --- |"]
    lines += [f"| {name} | {', '.join(f'`{value}`' for value in LABELS[name])} |" for name in sorted(LABELS)]
    lines += [f"| {name} | as configured, at most {most} |" for name, most in sorted(CONFIGURED.items())]
    lines += [
        "",
        "## Those that need a fault",
        "",
        "While all is well these stand at 0, or are not there.",
        "",
        "| metric | counts after |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {fault} |" for name, fault in FAULTS.items()]
    return "\n".join(lines) + "\n"


def exposition() -> str:
    """What a process that has done nothing yet serves, of all kinds of process."""
    from prometheus_client import CollectorRegistry, generate_latest

    from argus.measure import Metrics

    registry = CollectorRegistry()
    registry.register(Metrics())
    return generate_latest(registry).decode()


if __name__ == "__main__":
    sys.stdout.write(exposition() if "--exposition" in sys.argv else markdown())
