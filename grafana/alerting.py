"""The path of an alert: from the event to the topic, the database, the console, the channels, and who is paged."""

from typing import Final

from grafana.board import Board, Row, choice
from grafana.panel import NONE_IS_WELL, ONE_IS_WELL, bars, grid, lines, number, rising, spread
from grafana.query import count, of, promql, quantile, rate, share, total

PUSHED: Final = total(of("argus_alertmanager_push_last_success_timestamp_seconds"), how="max")
CHANNEL: Final = 'channel=~"$channel"'
ASKED: Final = 'route!="/metrics"'
UNSENT: Final = 'outcome="dead"'
PAGER_FAILED: Final = share(
    total("increase(alertmanager_notifications_failed_total[$__range])"),
    total("increase(alertmanager_notifications_total[$__range])"),
)

WELL: Final = Row("Is it well", (
    number(
        "Rules at work", "Whether Prometheus evaluates the rules: the watchdog always fires.",
        "short", promql('max(ALERTS{alertname="ArgusWatchdog",alertstate="firing"})', instant=True),
        ONE_IS_WELL, words={"1": ("watching", "green")}, none="Not evaluated",
    ),
    number(
        "Pages not delivered", "Share of Alertmanager's notifications in the shown range that failed; 1 % for "
        "five minutes pages by another way.",
        "percentunit", promql(PAGER_FAILED, instant=True), rising(0.001, 0.01), none="None sent", decimals=2,
    ),
    number(
        "Last push to Alertmanager", "Time since Alertmanager took all cases that are held; over 90 s they end "
        "there by themselves.",
        "s",
        promql(f"clamp_min(time() - {PUSHED}, 0)", instant=True), rising(60, 90), none="None known",
    ),
    number(
        "Messages given up", "Messages of any channel, in the shown range, that could not be sent at all.",
        "short", promql(count("argus_notifications_total", UNSENT), instant=True), NONE_IS_WELL,
        none="None known", decimals=0,
    ),
    number(
        "Passwords given up", "One-time passwords in the shown range that did not go out: users stay locked.",
        "short", promql(count("argus_otp_deliveries_total", UNSENT), instant=True), NONE_IS_WELL, decimals=0,
    ),
    number(
        "Database", "Whether the database did the last that the sink asked of it.",
        "short", promql(total(of("argus_sink_database_up"), how="min"), instant=True),
        ONE_IS_WELL, words={"0": ("away", "red"), "1": ("there", "green")}, none="No sink seen",
    ),
))  # fmt: skip

TOPIC: Final = Row("Where not: event to alert", (
    spread(
        "Event to alert", "How long alerts took from the event's arrival; exemplars open the alert. Ten seconds "
        "is the objective.",
        "s", promql(rate("argus_alert_latency_seconds_bucket", by="le"), "{{le}}", fmt="heatmap", exemplar=True),
        width=6,
    ),
    lines(
        "Event to alert, p99", "By severity.",
        "s",
        promql(quantile(0.99, "argus_alert_latency_seconds", by="severity"), "{{severity}}", exemplar=True),
        at=rising(5, 10), width=6,
    ),
    lines(
        "Canaries", "Events of nobody, sent every 15 s for each partition, and those that came through.",
        "eps", promql(rate("argus_canary_sent_total"), "sent"), promql(rate("argus_canary_seen_total"), "seen"),
        width=6,
    ),
    lines(
        "Canaries' time", "From sending a canary to seeing its decision.",
        "s", promql(quantile(0.5, "argus_canary_latency_seconds"), "half"),
        promql(quantile(0.99, "argus_canary_latency_seconds"), "99 of 100"), at=rising(1, 10), width=6,
    ),
))  # fmt: skip

PEOPLE: Final = Row("Where not: alert to people", (
    lines(
        "Messages by channel", "Per second, by what became of them. `retried` ones are tried again.",
        "eps",
        promql(rate("argus_notifications_total", CHANNEL, by="channel, outcome") + " > 0",
               "{{channel}} {{outcome}}"),
    ),
    bars(
        "Messages waiting", "By channel. They wait for quiet hours, a limit, or a channel that fails.",
        "short",
        promql(f"sort_desc({total(of('argus_notifications_waiting', CHANNEL), 'channel')})",
               "{{channel}}", instant=True), rising(100, 1000), none="No channels known", width=5,
    ),
    bars(
        "Channels left alone", "Channels that kept failing and are tried only now and then.",
        "short",
        promql(total(of("argus_notification_breaker_open", CHANNEL), "channel", "max"),
               "{{channel}}", instant=True), NONE_IS_WELL, none="No channels known", most=1, width=5,
    ),
    lines(
        "One-time passwords sent", "Per second, by way and what became of them.",
        "eps",
        promql(rate("argus_otp_deliveries_total", by="channel, outcome") + " > 0", "{{channel}} {{outcome}}"),
        width=6,
    ),
    lines(
        "Cases held in Alertmanager", "Open high and critical cases that are posted again and again, and storms "
        "that stand for many.",
        "short", promql(total(of("argus_alertmanager_held_alerts"), how="max"), "cases"),
        promql(total(of("argus_alertmanager_storms"), how="max"), "storms"), width=6,
    ),
    lines(
        "Posts to Alertmanager", "Per second, by outcome.",
        "eps", promql(rate("argus_alertmanager_pushes_total", by="outcome"), "{{outcome}}"), width=6,
    ),
    lines(
        "Pages by integration", "What Alertmanager sent and failed to send, per second.",
        "eps",
        promql("sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval])) > 0",
               "{{integration}}"),
        promql("sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
               "{{integration}} failed"), width=6,
    ),
    lines(
        "Alerts in Alertmanager", "By state; suppressed ones are inhibited or silenced.",
        "short", promql("sum by (state) (alertmanager_alerts)", "{{state}}"), width=6,
    ),
))  # fmt: skip

DATABASE_AND_CONSOLE: Final = Row("Where not: alert to database and console", (
    lines(
        "Database behind, by topic", "Age of the oldest record not yet in it; it grows while the database is away.",
        "s", promql(total(of("argus_consumer_lag_seconds", 'agent="sink"'), "topic", "max"), "{{topic}}"),
        at=rising(30, 120),
        width=6,
    ),
    lines(
        "Written, by table", "Records per second that are in the database.",
        "eps", promql(rate("argus_sink_records_total", 'outcome="stored"', by="table"), "{{table}}"), width=6,
    ),
    lines(
        "Live clients", "Consoles and programs that listen to live alerts, and those dropped for being slow.",
        "short", promql(total(of("argus_live_clients")), "listening"),
        promql(total(f"increase({of('argus_live_clients_dropped_total')}[$__rate_interval])"), "dropped"),
        width=6,
    ),
    lines(
        "Requests", "Requests to the API per second, by class of status.",
        "reqps", promql(rate("argus_http_requests_total", by="status"), "{{status}}"), stacked=True, width=6,
    ),
))  # fmt: skip

WHY: Final = Row("Why", (
    lines(
        "Time of a message, p95", "By channel.",
        "s",
        promql(quantile(0.95, "argus_notification_duration_seconds", CHANNEL, by="channel"),
               "{{channel}}"), width=6,
    ),
    lines(
        "Time of a batch in the database, p95", "Waits too, by table.",
        "s", promql(quantile(0.95, "argus_sink_batch_seconds", by="table"), "{{table}}"), width=6,
    ),
    lines(
        "The sink's other work", "Records skipped and rejected, tries that failed, rows deleted; per second.",
        "eps",
        promql(rate("argus_sink_records_total", 'outcome="skipped"'), "skipped"),
        promql(rate("argus_sink_records_total", 'outcome="rejected"'), "rejected"),
        promql(rate("argus_sink_retries_total"), "retries"),
        promql(rate("argus_sink_deleted_total"), "deleted"), width=6,
    ),
    lines(
        "Records set aside", "Per second, by the topic they came from.",
        "eps", promql(rate("argus_dlq_records_total", by="topic"), "{{topic}}"), width=6,
    ),
    lines(
        "Request time by route, p95", "The slowest eight.",
        "s",
        promql(f"topk(8, {quantile(0.95, 'argus_http_request_duration_seconds', ASKED, by='route')})", "{{route}}"),
        width=6,
    ),
    lines(
        "Scores on demand", "Time until a posted event has its decision; time-outs and events per second.",
        "s", promql(quantile(0.5, "argus_score_duration_seconds"), "half", exemplar=True),
        promql(quantile(0.99, "argus_score_duration_seconds"), "99 of 100", exemplar=True), width=6,
    ),
    lines(
        "Posted events", "Events posted and sent on, and scores that did not come in time; per second.",
        "eps", promql(rate("argus_http_events_total"), "posted"),
        promql(rate("argus_score_timeouts_total"), "score time-outs"), width=6,
    ),
    lines(
        "Time of Prometheus' rules",
        "Of the last round, of the slowest group and of all; far less than their interval of 30 s.",
        "s",
        promql("max(prometheus_rule_group_last_duration_seconds)", "slowest"),
        promql("sum(prometheus_rule_group_last_duration_seconds)", "all"), width=6,
    ),
    bars(
        "Series by process", "Samples of the last scrape. The bound is 5,000 a worker.",
        "short", promql(f"sort_desc({of('scrape_samples_scraped')})", "{{job}} {{instance}}", instant=True),
        rising(4000, 5000), most=6000, none="No targets",
    ),
    lines(
        "Label values refused", "Per second, by metric: values outside their closed set, counted as `other`.",
        "eps", promql(rate("argus_metric_series_rejected_total", by="metric"), "{{metric}}"),
    ),
    grid(
        "Versions", "What is at work where.", "short",
        promql(total(of("argus_build_info"), "job, instance, version"), instant=True, fmt="table"),
        promql(f"1000 * {total(of('process_start_time_seconds'), 'job, instance', 'max')}",
               instant=True, fmt="table"),
        columns={"job": "Process", "instance": "Where", "version": "Version", "Value #B": "Since"},
        units={"Since": "dateTimeAsIso"}, width=8,
    ),
))  # fmt: skip

ALERTING: Final = Board(
    uid="argus-alerting",
    title="Argus 6: the alerting path",
    about="Whether an alert reaches people: topic, database, console, channels, Alertmanager, pager.",
    more=(choice("channel", "Channel", "argus_notifications_total"),),
    rows=(WELL, TOPIC, PEOPLE, DATABASE_AND_CONSOLE, WHY),
)
