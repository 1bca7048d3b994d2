"""The first board: are the promises kept, are people in danger, and which part is not well."""

from typing import Final

from grafana.board import Board, Row
from grafana.panel import NONE_IS_WELL, bars, falling, firing, grid, lines, number, rising, states
from grafana.query import count, of, promql, quantile, rate, share, total

SERIOUS: Final = 'severity=~"high|critical"'
# 0, not nothing, where nothing fires; but nothing where Prometheus does not work on its rules.
WATCHED: Final = '0 * max(ALERTS{alertname="ArgusWatchdog"})'
PAGES: Final = f'count(ALERTS{{alertstate="firing",severity="critical"}}) or {WATCHED}'
ON_TIME: Final = share(
    count("argus_alert_latency_seconds_bucket", 'le="10.0"', SERIOUS),
    count("argus_alert_latency_seconds_count", SERIOUS),
)
BURN_1H: Final = "slo:burn:ratio_1h"
BURN_6H: Final = "slo:error:ratio_6h / on (slo) (1 - slo:objective:ratio)"
LAG: Final = total(of("argus_consumer_lag_seconds"), how="max")
# 0 down, 1 up and not able to work, 2 able; Prometheus and Alertmanager have no more to say than that they are up.
READY: Final = f"{of('up')} * on (job, instance) (1 + {of('argus_ready')}) or on (job, instance) 2 * {of('up')}"
TO_AGENT: Final = "/d/argus-agents?var-agent=${__value.raw}&${datasource:queryparam}&${__url_time_range}"

WELL: Final = Row("Is it well", (
    number(
        "Pages firing",
        "Alerts of severity critical that fire now. Any is somebody's work at this moment; the list below "
        "names them. Nothing is shown where Prometheus does not work on its rules.",
        "short", promql(PAGES, instant=True), NONE_IS_WELL, none="Rules not evaluated",
    ),
    number(
        "Processes down",
        "Targets that Prometheus could not scrape last time. One worker down is a ticket while others take "
        "its partitions; all down is a page.",
        "short", promql(f"{total(of('up') + ' == bool 0')}", instant=True), rising(1, 2), none="No targets",
    ),
    number(
        "Alerts within 10 s",
        "Share of high and critical alerts, in the shown range, that were on the topic within ten seconds of "
        "the event's arrival. The objective is 99.5 %.",
        "percentunit", promql(ON_TIME, instant=True), falling(0.99, 0.995), none="No alerts seen", decimals=2,
    ),
    number(
        "Oldest record waiting",
        "Age of the oldest record that no agent has worked on. Over 30 s users notice, over 120 s it pages.",
        "s", promql(LAG, instant=True), rising(30, 120),
    ),
    number(
        "Canary last seen",
        "Time since the canary of the worst partition came back. One goes through the whole stream every 15 s; three "
        "minutes without one page.",
        "s",
        promql(f"clamp_min(max(time() - {of('argus_canary_last_seen_timestamp_seconds')}), 0)", instant=True),
        rising(60, 180), none="None seen",
    ),
    number(
        "Critical cases waiting",
        "How long the oldest critical case has waited for somebody to acknowledge it; 15 minutes is the "
        "promise.",
        "s", promql(total(of("argus_case_oldest_unacked_seconds", 'severity="critical"'), how="max"),
                    instant=True), rising(600, 900),
    ),
))  # fmt: skip

SIGNALS: Final = Row("Golden signals", (
    lines(
        "Traffic: events by type", "Events read per second. A gap is missing data, not silence.",
        "eps", promql(rate("argus_ingest_events_total", by="type") + " > 0", "{{type}}"), stacked=True,
    ),
    lines(
        "Latency: event to alert",
        "How long an alert took from its event's arrival to the acknowledgement of the alerts topic. Ten "
        "seconds is the objective; an exemplar opens the alert.",
        "s",
        promql(quantile(0.5, "argus_alert_latency_seconds"), "half", exemplar=True),
        promql(quantile(0.99, "argus_alert_latency_seconds"), "99 of 100", exemplar=True),
        at=rising(5, 10),
    ),
    lines(
        "Latency: event to decision",
        "How long a decision took from its event's arrival at the broker. A tenth of a second is asked of it.",
        "s",
        promql(quantile(0.5, "argus_decision_latency_seconds"), "half"),
        promql(quantile(0.99, "argus_decision_latency_seconds"), "99 of 100"),
    ),
    lines(
        "Errors",
        "What went wrong per second, of every kind: records that could not be read, agents' failures, records "
        "set aside, sends that the broker refused.",
        "eps",
        promql(rate("argus_ingest_rejected_total"), "unreadable"),
        promql(rate("argus_agent_events_total", 'outcome="error"'), "agents"),
        promql(rate("argus_dlq_records_total"), "set aside"),
        promql(rate("argus_producer_errors_total"), "not sent"),
    ),
    lines(
        "Saturation: records waiting", "Age of the oldest record not yet worked on, by agent; over 120 s pages.",
        "s", promql(total(of("argus_consumer_lag_seconds"), "agent", "max"), "{{agent}}"), at=rising(30, 120),
    ),
    lines(
        "Saturation: event loop",
        "How late the event loop's timers fire, the worst of all workers. Over a quarter of a second a worker "
        "has more to do than it can.",
        "s", promql(quantile(0.99, "argus_event_loop_lag_seconds", by="instance"), "{{instance}}"),
        at=rising(0.1, 0.25),
    ),
    lines(
        "Decisions", "What was decided, per second. A jump of blocks is an attack, or a rule gone wrong.",
        "eps", promql(rate("argus_decisions_total", by="decision"), "{{decision}}"), stacked=True, width=12, height=7,
    ),
    lines(
        "Alerts by severity", "Alerts and their updates per second.",
        "eps", promql(rate("argus_alerts_total", by="severity") + " > 0", "{{severity}}"), stacked=True,
        width=12, height=7,
    ),
))  # fmt: skip

WHERE: Final = Row("Where not", (
    bars(
        "Error budget burn, 1 h",
        "How fast each objective's error budget is spent: 1 lasts the month, 6 for six hours pages, 14.4 for "
        "an hour pages.",
        "short", promql(BURN_1H, "{{slo}}", instant=True), rising(6, 14.4), most=20, none="No SLO data",
        width=6,
    ),
    lines(
        "Error budget burn", "The same over time, in windows of one and six hours.",
        "short", promql(BURN_1H, "{{slo}}, 1 h"), promql(BURN_6H, "{{slo}}, 6 h"), at=rising(6, 14.4),
    ),
    firing("Alerts", "What fires or is about to, the most severe first. Each leads to its runbook.", width=10),
    grid(
        "Agents",
        "Each agent now: what it does, how much fails, how long a batch takes, how old its oldest record is. "
        "A name opens its board.",
        "short",
        promql(rate("argus_agent_events_total", by="agent"), instant=True, fmt="table"),
        promql(
            share(rate("argus_agent_events_total", 'outcome="error"', by="agent"),
                  rate("argus_agent_events_total", by="agent")),
            instant=True, fmt="table",
        ),
        promql(quantile(0.99, "argus_agent_duration_seconds", by="agent"), instant=True, fmt="table"),
        promql(total(of("argus_consumer_lag_seconds"), "agent", "max"), instant=True, fmt="table"),
        columns={
            "agent": "Agent", "Value #A": "Records/s", "Value #B": "Failed", "Value #C": "Batch, p99",
            "Value #D": "Oldest record",
        },
        units={"Records/s": "eps", "Failed": "percentunit", "Batch, p99": "s", "Oldest record": "s"},
        cells={"Failed": rising(0.01, 0.05), "Batch, p99": rising(0.5, 2.5), "Oldest record": rising(30, 120)},
        links={"Agent": TO_AGENT},
        width=12, height=10,
    ),
    states(
        "Processes", "Whether each process could be scraped, and says that it can work.",
        {"0": ("down", "red"), "1": ("not ready", "orange"), "2": ("ready", "green")},
        promql(READY, "{{job}} {{instance}}"),
        width=12, height=10,
    ),
))  # fmt: skip

OVERVIEW: Final = Board(
    uid="argus-overview",
    title="Argus 1: overview",
    about="Is it well, where not, and which board says why.",
    rows=(WELL, SIGNALS, WHERE),
)
