"""Models and rules: whether what they say can be trusted, which of them changed, and why."""

from typing import Final

from grafana.board import Board, Row, choice
from grafana.panel import NONE_IS_WELL, ONE_IS_WELL, bars, grid, lines, number, rising, spread
from grafana.query import count, of, promql, quantile, rate, share, total

ONE: Final = 'model=~"$model"'
# A rule has a series from its first failure on: none is 0 where a worker says that it has rules.
RULE_ERRORS: Final = f"{count('argus_rule_errors_total')} or 0 * {total(of('argus_rules_loaded'))}"
FLAGGED: Final = share(
    rate("argus_model_predictions_total", ONE, 'verdict="anomaly"', by="model"),
    rate("argus_model_predictions_total", ONE, by="model"),
)

WELL: Final = Row("Is it well", (
    number(
        "Invalid scores", "Scores in the shown range that were no number from 0 to 1. Any five minutes of them "
        "page: set the model's weight to 0.",
        "short", promql(count("argus_model_invalid_scores_total", ONE), instant=True), NONE_IS_WELL, decimals=0,
    ),
    number(
        "Largest drift", "Population stability index of a model's scores against those when it was fitted: "
        "under 0.1 nothing, over 0.25 it sees another world.",
        "short", promql(total(of("argus_model_drift", ONE), how="max"), instant=True), rising(0.1, 0.25),
        none="Not yet measured", decimals=3,
    ),
    number(
        "Average precision", "Of the best model, by the labels that came back. A guess has the share of fraud.",
        "short", promql(total(of("argus_model_quality", ONE, 'measure="average_precision"'), how="max"),
                        instant=True),
        none="Too few labels", decimals=3,
    ),
    number(
        "Labels in the range", "Labels that came back: disputes, analysts, chargebacks. Without them nobody "
        "knows the quality.",
        "short", promql(count("argus_feedback_total"), instant=True), decimals=0,
    ),
    number(
        "Newest rule set", "Whether the newest user-defined rules were taken. If not, the former are in force.",
        "short", promql(total(of("argus_ruleset_last_reload_successful"), how="min"), instant=True),
        ONE_IS_WELL, words={"0": ("refused", "red"), "1": ("in force", "green")}, none="None seen",
    ),
    number(
        "Rules that fail", "Failures of rules' own checks in the shown range. Such a rule does not fire.",
        "short", promql(RULE_ERRORS, instant=True), NONE_IS_WELL,
        decimals=0,
    ),
))  # fmt: skip

WHERE: Final = Row("Where not", (
    lines(
        "Flagged by model", "Share of scores in each model's tail. A jump is an attack, or a model gone wrong.",
        "percentunit", promql(FLAGGED, "{{model}}"),
    ),
    lines(
        "Drift", "Population stability index of each model's scores.",
        "short", promql(total(of("argus_model_drift", ONE), "model", "max"), "{{model}}"), at=rising(0.1, 0.25),
    ),
    lines(
        "Drifting", "Partitions in which ADWIN found that a model's scores, or the share of frauds that it misses, "
        "are others than before, and the new mean is not the usual one yet.",
        "short", promql(total(of("argus_model_drifting", ONE), "model"), "{{model}}"),
        promql(total(of("argus_model_misses_drifting", ONE), "model"), "{{model}}: misses"),
    ),
    lines(
        "What events look like", "Population stability index of features, the last hours against before, by what "
        "they are about: under 0.1 nothing, over 0.25 another population. High by itself in a new house's first "
        "weeks; nothing before some thousand events of a partition.",
        "short", promql(total(of("argus_feature_stability_index"), "group", "max"), "{{group}}"),
        at=rising(0.1, 0.25), width=12,
    ),
    lines(
        "Quality by labels", "Each model before it learns from the label (prequential).",
        "short",
        promql(total(of("argus_model_quality", ONE), "model, measure", "max"), "{{model}}, {{measure}}"), most=1,
        width=12,
    ),
    spread(
        "Scores", "How many events scored how, of the chosen models. Calibrated: most should be spread evenly.",
        "short", promql(rate("argus_model_score_bucket", ONE, by="le"), "{{le}}", fmt="heatmap"), width=12,
    ),
    bars(
        "Rules that hit", "Hits in the shown range, grouped ones too. A rule that never hits is on no list.",
        "short",
        promql(f"topk(12, {count('argus_rule_hits_total', by='rule')} > 0)", "{{rule}}", instant=True),
        none="No hits", decimals=0, width=12,
    ),
))  # fmt: skip

WHY: Final = Row("Why", (
    grid(
        "Models at work", "Version and algorithm of each, its tail, how often it was fitted anew, and the share of "
        "partitions in which it has learnt enough to say anything; in the others it warms up.",
        "short",
        promql(total(of("argus_model_info", ONE), "model, version, algorithm"), instant=True, fmt="table"),
        promql(total(of("argus_model_threshold", ONE), "model", "max"), instant=True, fmt="table"),
        promql(f"round({count('argus_model_swaps_total', ONE, by='model')})", instant=True, fmt="table"),
        promql(total(of("argus_model_mode_info", ONE), "model, mode"), instant=True, fmt="table"),
        promql(total(of("argus_model_warm_ratio", ONE), "model", "min"), instant=True, fmt="table"),
        columns={
            "model": "Model", "mode": "Mode", "algorithm": "Algorithm", "version": "Version",
            "Value #B": "Tail begins at",
            "Value #C": "Fitted anew", "Value #E": "Warm",
        },
        units={"Fitted anew": "short", "Tail begins at": "short", "Warm": "percentunit"}, width=12, height=7,
    ),
    grid(
        "Rule set", "Which rule set each worker has. They differ only while one comes in.",
        "short",
        promql(total(of("argus_ruleset_info"), "instance, version"), instant=True, fmt="table"),
        promql(total(of("argus_rules_loaded"), "instance"), instant=True, fmt="table"),
        columns={"instance": "Worker", "version": "Rule set", "Value #B": "Rules"}, width=6, height=7,
    ),
    lines(
        "Rule sets that came in", "By what became of them, in each interval.",
        "short",
        promql(
            total(f"increase({of('argus_ruleset_reloads_total')}[$__rate_interval])", "outcome"), "{{outcome}}"
        ), width=6, height=7,
    ),
    lines(
        "Time of all models for a batch", "Half of the batches and the slowest hundredth.",
        "s", promql(quantile(0.5, "argus_model_score_duration_seconds"), "half"),
        promql(quantile(0.99, "argus_model_score_duration_seconds"), "99 of 100"), width=6,
    ),
    lines(
        "Time of all rules for a batch", "Half of the batches and the slowest hundredth.",
        "s", promql(quantile(0.5, "argus_rule_duration_seconds"), "half"),
        promql(quantile(0.99, "argus_rule_duration_seconds"), "99 of 100"), width=6,
    ),
    lines(
        "Learnt", "Events per second that each model learnt as normal. It stands still while many are tainted.",
        "eps", promql(rate("argus_model_learned_total", ONE, by="model"), "{{model}}"), width=6,
    ),
    lines(
        "Labels", "Labels per second that came back.",
        "eps", promql(rate("argus_feedback_total", by="label"), "{{label}}"), stacked=True, width=6,
    ),
    lines(
        "Rule failures", "Per second, by rule; the log has the event.",
        "eps", promql(rate("argus_rule_errors_total", by="rule") + " > 0", "{{rule}}"), width=6,
    ),
    lines(
        "Size of snapshots", "Bytes of the last snapshot of a partition's models.",
        "bytes", promql(total(of("argus_model_state_bytes"), "partition", "max"), "{{partition}}"), width=6,
    ),
    lines(
        "What became of labels", "Labels in each interval. Gone: the event is not kept, or past the window. Locked, "
        "taken over, attacker: the account's holder may be the attacker, and was not believed.",
        "short",
        promql(total(f"increase({of('argus_label_outcomes_total')}[$__rate_interval])", "outcome"), "{{outcome}}"),
        width=6,
    ),
    lines(
        "Label delay", "From an event to the first label that counts for it: half of them, and the latest tenth.",
        "s", promql(quantile(0.5, "argus_label_delay_seconds"), "half"),
        promql(quantile(0.9, "argus_label_delay_seconds"), "9 of 10"), width=6,
    ),
    lines(
        "Kept for labels", "Events whose features wait for a label, by what is known of them.",
        "short", promql(total(of("argus_label_records"), "known"), "{{known}}"), stacked=True, width=6,
    ),
    lines(
        "Trust", "How much of its weight each model that learns from labels has earned: the share of frauds that it "
        "had in its tail before they were known. 0: nothing proved yet.",
        "percentunit", promql(total(of("argus_model_trust", ONE), "model", "max"), "{{model}}"), most=1, width=6,
    ),
    lines(
        "Labels behind the quality", "Labelled events that the quality is taken from; a hundred say little.",
        "short", promql(total(of("argus_model_labelled_events"), "label"), "{{label}}"), stacked=True, width=6,
    ),
    lines(
        "Rules in force", "Built in, and user-defined.",
        "short", promql(total(of("argus_rules_loaded"), "origin", "max"), "{{origin}}"), width=6,
    ),
    lines(
        "Fits", "Fits in the background that ended in this time, by how; and those that wait for their turn.",
        "short",
        promql(
            total(f"increase({of('argus_model_fits_total', ONE)}[$__rate_interval])", "model, fit"),
            "{{model}}, {{fit}}",
        ),
        promql(total(of("argus_model_fits_waiting")), "waiting"), width=6,
    ),
    lines(
        "Time of a fit", "The slowest of twenty fits, by model. It delays no batch.",
        "s", promql(quantile(0.95, "argus_model_fit_duration_seconds", by="model"), "{{model}}"), width=6,
    ),
    lines(
        "Fitted versions", "The newest version in force, and the rows that it was fitted on.",
        "short", promql(total(of("argus_model_version", ONE), "model", "max"), "{{model}}"),
        promql(total(of("argus_model_sample_records", ONE), "model", "max"), "{{model}}, rows"), width=6,
    ),
    lines(
        "Fits and snapshots that were lost", "Starts of the fitting process anew, and snapshots that were set aside.",
        "short", promql(f"sum(increase({of('argus_model_fitting_restarts_total')}[$__rate_interval]))", "restarts"),
        promql(
            total(f"increase({of('argus_model_snapshots_unreadable_total')}[$__rate_interval])", "reason"),
            "snapshot: {{reason}}",
        ), width=6,
    ),
    grid(
        "Rules by labels", "Average precision, precision and recall of each rule by the newest labels, its share of "
        "decisions, and the median delay of labels on what it hit. A rule that no label speaks of has none.",
        "short",
        promql(total(of("argus_rule_alert_ratio"), "rule", "max"), instant=True, fmt="table"),
        *(promql(total(of("argus_rule_quality", f'measure="{measure}"'), "rule", "max"), instant=True, fmt="table")
          for measure in ("average_precision", "precision", "recall")),
        promql(total(of("argus_rule_label_delay_seconds"), "rule", "max"), instant=True, fmt="table"),
        columns={
            "rule": "Rule", "Value #A": "Of decisions", "Value #B": "Average precision", "Value #C": "Precision",
            "Value #D": "Recall", "Value #E": "Label delay",
        },
        units={"Of decisions": "percentunit", "Label delay": "s"}, width=12, height=7,
    ),
    grid(
        "Models by labels", "The share of the newest decisions in each model's tail, the median delay of labels "
        "on what was there, and the drifts that ADWIN found in the shown range.",
        "short",
        promql(total(of("argus_model_alert_ratio", ONE), "model", "max"), instant=True, fmt="table"),
        promql(total(of("argus_model_label_delay_seconds", ONE), "model", "max"), instant=True, fmt="table"),
        promql(f"round({count('argus_model_drifts_total', ONE, by='model')})", instant=True, fmt="table"),
        columns={
            "model": "Model", "Value #A": "Of decisions", "Value #B": "Label delay",
            "Value #C": "Drifts",
        },
        units={"Of decisions": "percentunit", "Label delay": "s"}, width=12, height=7,
    ),
))  # fmt: skip

MODELS: Final = Board(
    uid="argus-models",
    title="Argus 4: models and rules",
    about="Whether scores and rules can be trusted, which changed, and why.",
    more=(choice("model", "Model", "argus_model_predictions_total"),),
    rows=(WELL, WHERE, WHY),
)
