"""What agents report, in terms of the declared metrics."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from argus.batch_meter import BatchCounts
from argus.measure import Metrics, Number, Spread
from argus.metric import KNOWN
from argus.watch_meter import WatchMeter
from core.records import SEVERITIES
from models.labelled import Heard
from models.protocol import Matrix
from models.watch import Watched

COUNTERS: Final = {
    "duplicates": "argus_ingest_duplicates_total",
    "late": "argus_ingest_late_total",
    "forwarded": "argus_ingest_forwarded_total",
    "audit_records": "argus_audit_records_total",
    "audit_checkpoints": "argus_audit_checkpoints_total",
}
ACTIONS: Final = {"locked": "lock", "challenged": "challenge"}


class WorkerMeter(BatchCounts):
    """`agents.services.Meter` on top of the metrics table. Series are looked up once and kept, but for those of a
    partition, which go when it goes."""

    def __init__(self, metrics: Metrics, agents: Mapping[str, str], prefix: str) -> None:
        """agents: full topic name to the name of the agent that reads it; prefix: what topics' names begin with."""
        super().__init__(metrics, agents)
        self._prefix = prefix
        self._numbers: dict[tuple[str, ...], Number] = {}
        self._spreads: dict[tuple[str, ...], Spread] = {}
        self._taught: dict[int, tuple[Mapping[str, int], Mapping[str, float]]] = {}
        self._cases: dict[int, tuple[Mapping[str, int], Mapping[str, float]]] = {}
        self._watch = WatchMeter(metrics)

    def ingest(self, types: Mapping[str, int], size: int) -> None:
        for type_, count in types.items():
            self._number("argus_ingest_events_total", type_).inc(count)
        self._number("argus_ingest_bytes_total").inc(size)

    def rejected(self, topic: str, error: str) -> None:
        self._number("argus_ingest_rejected_total", error).inc()
        self._number("argus_dlq_records_total", topic.removeprefix(self._prefix)).inc()

    def count(self, name: str, value: int) -> None:
        self._number(COUNTERS[name]).inc(value)

    def watermark(self, partition: int, clock_ms: int) -> None:
        self._metrics.number("argus_watermark_timestamp_seconds", str(partition)).set(clock_ms / 1_000)

    def rule_hits(self, hits: Mapping[str, int]) -> None:
        for rule_id, count in hits.items():
            self._number("argus_rule_hits_total", rule_id).inc(count)

    def rule_errors(self, rule_id: str, total: int) -> None:
        self._number("argus_rule_errors_total", rule_id).set(total)

    def rules(self, origin: str, ids: Collection[str], accepted: bool) -> None:
        for label_set in ("rule", "detection"):
            self._metrics.allow(label_set, ids)
        self._number("argus_rules_loaded", origin).set(len(ids))
        if origin == "custom":
            self._number("argus_ruleset_reloads_total", "ok" if accepted else "refused").inc()
            self._number("argus_ruleset_last_reload_successful").set(float(accepted))

    def decisions(self, verdicts: Mapping[str, int]) -> None:
        for verdict, count in verdicts.items():
            self._number("argus_decisions_total", verdict).inc(count)

    def latencies(self, latencies_ms: Sequence[int]) -> None:
        self._spread("argus_decision_latency_seconds").observe_many(latencies_ms, 1e-3)

    def skews(self, skews_ms: Sequence[int]) -> None:
        self._spread("argus_event_skew_seconds").observe_many(skews_ms, 1e-3)

    def alert(self, rule_id: str, severity: str, latency_s: float, alert_id: str) -> None:
        severity = severity.lower()
        self._number("argus_alerts_total", rule_id, severity).inc()
        self._spread("argus_alert_latency_seconds", severity).observe(max(0.0, latency_s), {"alert_id": alert_id})

    def suppressed(self, reason: str, count: int) -> None:
        self._number("argus_alerts_suppressed_total", reason).inc(count)

    def lock(self, state: str, by: str, latency_s: float | None) -> None:
        action = ACTIONS.get(state, "unlock")
        self._number("argus_locks_total", action, by).inc()
        if latency_s is not None:
            self._spread("argus_lock_latency_seconds", action).observe(max(0.0, latency_s))

    def judging(self, rules_s: float, models_s: float) -> None:
        self._spread("argus_rule_duration_seconds").observe(rules_s)
        self._spread("argus_model_score_duration_seconds").observe(models_s)

    def scores(self, models: Sequence[str], table: Matrix, tail: float) -> None:
        for model, column in zip(models, table.T, strict=True):
            # Comparing with a NaN is False.
            valid = (column >= 0.0) & (column <= 1.0)
            if not valid.all():
                self._number("argus_model_invalid_scores_total", model).inc(len(column) - int(valid.sum()))
                column = column[valid]
            self._spread("argus_model_score", model).observe_array(column)
            anomalies = int(np.count_nonzero(column > tail))
            self._number("argus_model_predictions_total", model, "anomaly").inc(anomalies)
            self._number("argus_model_predictions_total", model, "normal").inc(len(column) - anomalies)

    def learned(self, models: tuple[str, ...], count: int, swaps: int) -> None:
        for model in models:
            self._number("argus_model_learned_total", model).inc(count)
            if swaps:
                self._number("argus_model_swaps_total", model).inc(swaps)

    def feedback(self, label: str) -> None:
        self._number("argus_feedback_total", label).inc()

    def labels(self, heard: Mapping[Heard, int], delays_s: Sequence[float]) -> None:
        for outcome, count in heard.items():
            self._number("argus_label_outcomes_total", outcome).inc(count)
        for delay_s in delays_s:
            self._spread("argus_label_delay_seconds").observe(max(0.0, delay_s))

    def taught(self, partition: int, rows: Mapping[str, int], trust: Mapping[str, float]) -> None:
        self._taught.pop(partition, None)
        if rows:
            self._taught[partition] = (rows, trust)
        for known in KNOWN:
            kept = sum(each.get(known, 0) for each, _ in self._taught.values())
            self._number("argus_label_records", known).set(kept)
        for model in trust:
            earned = [each[model] for _, each in self._taught.values() if model in each]
            self._number("argus_model_trust", model).set(sum(earned) / len(earned))

    def watched(self, partition: int, models: Watched | None) -> None:
        self._watch.watched(partition, models)

    def command(self, type_: str, status: str) -> None:
        self._number("argus_commands_total", type_, status).inc()

    def otp(self, outcome: str) -> None:
        self._number("argus_otp_challenges_total", outcome).inc()

    def stage(self, stage: str, seconds: float) -> None:
        self._spread("argus_stage_duration_seconds", stage).observe(seconds)

    def recovering(self, table: str, partition: int, remaining: int) -> None:
        self._metrics.number("argus_recovery_remaining_records", table, str(partition)).set(remaining)

    def recovered(self, table: str, partition: int, seconds: float) -> None:
        self._metrics.number("argus_recovery_remaining_records", table, str(partition)).set(0)
        self._spread("argus_recovery_duration_seconds", table).observe(seconds)

    def changelog(self, table: str, records: int, size: int) -> None:
        self._number("argus_changelog_records_total", table).inc(records)
        self._number("argus_changelog_bytes_total", table).inc(size)

    def snapshot(self, partition: int, size: int) -> None:
        self._metrics.number("argus_model_state_bytes", str(partition)).set(size)

    def snapshot_unreadable(self, reason: str) -> None:
        self._number("argus_model_snapshots_unreadable_total", reason).inc()

    def fitted(self, model: str, version: int, seconds: float, rows: int, error: str) -> None:
        self._number("argus_model_fits_total", model, error or "done").inc()
        self._spread("argus_model_fit_duration_seconds", model).observe(seconds)
        if not error:
            self._number("argus_model_version", model).set(version)
            self._number("argus_model_sample_records", model).set(rows)

    def cases(self, partition: int, opened: Mapping[str, int], oldest_s: Mapping[str, float]) -> None:
        self._cases[partition] = (opened, oldest_s)
        for severity in SEVERITIES:
            open_ones = sum(opened.get(severity, 0) for opened, _ in self._cases.values())
            oldest = max(oldest.get(severity, 0.0) for _, oldest in self._cases.values())
            self._number("argus_cases_open", severity.lower()).set(open_ones)
            self._number("argus_case_oldest_unacked_seconds", severity.lower()).set(oldest)

    def case_acknowledged(self, severity: str, seconds: float) -> None:
        self._spread("argus_case_ack_seconds", severity.lower()).observe(seconds)

    def case_resolved(self, severity: str, seconds: float) -> None:
        self._spread("argus_case_resolution_seconds", severity.lower()).observe(seconds)

    def case_breach(self, kind: str, severity: str) -> None:
        self._number("argus_case_sla_breaches_total", kind, severity.lower()).inc()

    def _number(self, *key: str) -> Number:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._metrics.number(*key)
        return number

    def _spread(self, *key: str) -> Spread:
        spread = self._spreads.get(key)
        if spread is None:
            spread = self._spreads[key] = self._metrics.spread(*key)
        return spread
