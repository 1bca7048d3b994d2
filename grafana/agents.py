"""The agents: whether each works, which of them does not, and which stage or kind of record holds it up."""

from typing import Final

from grafana.board import Board, Row, choice
from grafana.panel import NONE_IS_WELL, bars, lines, number, rising, spread, states
from grafana.query import count, of, promql, quantile, rate, share, total

ONE: Final = 'agent=~"$agent"'
FAILED: Final = share(rate("argus_agent_events_total", 'outcome="error"', ONE), rate("argus_agent_events_total", ONE))
STUCK: Final = (
    f"(time() - max by (agent) ({of('argus_agent_last_success_timestamp_seconds', ONE)})) "
    f"* on (agent) (sum by (agent) ({of('argus_consumer_lag_records', ONE)}) > bool 0)"
)

WELL: Final = Row("Is it well", (
    number(
        "Failed", "Share of the records that an agent failed on; 5 % for five minutes pages.",
        "percentunit", promql(FAILED, instant=True), rising(0.01, 0.05), none="No records", decimals=2,
    ),
    number(
        "Slowest batch, p99", "The 99th percentile of the time for a batch, of the slowest agent.",
        "s",
        promql(f"max({quantile(0.99, 'argus_agent_duration_seconds', ONE, by='agent')})", instant=True),
        rising(0.5, 2.5), none="No batches",
    ),
    number(
        "Exceptions", "Exceptions in agents in the shown range.",
        "short", promql(count("argus_agent_exceptions_total", ONE), instant=True), NONE_IS_WELL, decimals=0,
    ),
    number(
        "Took over again", "Times an agent got partitions again, in the shown range: rebalances. More than six in a "
        "quarter of an hour are a storm.",
        "short", promql(count("argus_agent_restarts_total", ONE), instant=True), rising(20, 100), decimals=0,
    ),
    number(
        "Unreadable", "Share of the records that could not be read; they are on the rejected topic.",
        "percentunit", promql(
            share(count("argus_ingest_rejected_total"),
                  f"({count('argus_ingest_events_total')} + {count('argus_ingest_rejected_total')})"),
            instant=True,
        ), rising(0.001, 0.01), none="No records", decimals=2,
    ),
    number(
        "Event loop late, p99", "How late timers fire on the busiest worker; over 0.25 s it is overloaded.",
        "s",
        promql(f"max({quantile(0.99, 'argus_event_loop_lag_seconds', by='instance')})", instant=True),
        rising(0.1, 0.25),
    ),
))  # fmt: skip

WHERE: Final = Row("Where not", (
    states(
        "State", "What each agent does: works, recovers its table, or has no partition anywhere.",
        {"0": ("no partition", "red"), "1": ("running", "green"), "2": ("recovering", "orange")},
        promql(f"max by (agent) ({of('argus_agent_state', ONE)})", "{{agent}}"), width=8,
    ),
    lines(
        "Records by agent", "Records worked on per second.",
        "eps", promql(rate("argus_agent_events_total", ONE, by="agent"), "{{agent}}"),
    ),
    bars(
        "Nothing done although records wait",
        "Time since an agent with records waiting last finished a batch; 0 where none wait. 180 s page.",
        "s", promql(f"sort_desc({STUCK})", "{{agent}}", instant=True), rising(120, 180), none="No agents seen",
    ),
    lines(
        "Batch time by agent, p99", "How long an agent takes for a batch. Exemplars open the alert in it.",
        "s", promql(quantile(0.99, "argus_agent_duration_seconds", ONE, by="agent"), "{{agent}}", exemplar=True),
    ),
    lines(
        "What became of records", "Per second, without those that went well.",
        "eps", promql(rate("argus_agent_events_total", ONE, 'outcome!="ok"', by="outcome"), "{{outcome}}"),
    ),
    lines(
        "Exceptions by class", "Exceptions per second, by agent and class; the log has each with its record.",
        "eps",
        promql(rate("argus_agent_exceptions_total", ONE, by="agent, class") + " > 0", "{{agent}} {{class}}"),
    ),
))  # fmt: skip

WHY: Final = Row("Why", (
    lines(
        "Time by stage", "Seconds that each stage of batches takes, waits too, per second of all workers.",
        "percentunit", promql(rate("argus_stage_duration_seconds_sum", by="stage"), "{{stage}}"), stacked=True,
    ),
    lines(
        "Stages, p99", "The slowest hundredth of each stage. `send` and `commit` wait for Kafka, `store` and "
        "`load` for the disk.",
        "s", promql(quantile(0.99, "argus_stage_duration_seconds", by="stage"), "{{stage}}"),
    ),
    spread(
        "Batch times", "How many batches took how long, of the chosen agents.",
        "s", promql(rate("argus_agent_duration_seconds_bucket", ONE, by="le"), "{{le}}", fmt="heatmap"), width=8,
    ),
    lines(
        "Records in a batch", "Half of the batches are smaller. Large ones mean that a backlog is worked off.",
        "short", promql(quantile(0.5, "argus_agent_batch_records", ONE, by="agent"), "{{agent}}"),
    ),
    lines(
        "In flight", "Records that agents work on right now.",
        "short", promql(total(of("argus_agent_in_flight_records", ONE), "agent"), "{{agent}}"),
    ),
    lines(
        "Processor", "Processor seconds per second of each process; a worker can use one core.",
        "percentunit", promql(rate("process_cpu_seconds_total", by="job, instance"), "{{job}} {{instance}}"),
        at=rising(0.8, 0.95),
    ),
    lines(
        "Memory", "Resident memory of each process, and what a worker may have before it ends to begin anew.",
        "bytes", promql(total(of("process_resident_memory_bytes"), "job, instance"), "{{job}} {{instance}}"),
        promql(total(of("argus_memory_max_bytes"), how="max") + " > 0", "may have"),
        promql(
            f"({rate('argus_memory_exceeded_total')} > bool 0) * "
            f"{total(of('argus_memory_max_bytes'), how='max')} > 0",
            "one ended",
        ),
    ),
    spread(
        "Event loop late", "How late the event loops' timers fire.",
        "s", promql(rate("argus_event_loop_lag_seconds_bucket", by="le"), "{{le}}", fmt="heatmap"), width=8,
    ),
    lines(
        "Exceptions to the usual way in",
        "Events per second that were seen before, came too late to be remembered, or lay on another partition.",
        "eps",
        promql(rate("argus_ingest_duplicates_total"), "duplicates"),
        promql(rate("argus_ingest_late_total"), "late"),
        promql(rate("argus_ingest_forwarded_total"), "forwarded"),
    ),
    lines(
        "Unreadable records by error", "Per second; the rejected topic has each, with its place and reason.",
        "eps", promql(rate("argus_ingest_rejected_total", by="reason"), "{{reason}}"), stacked=True,
    ),
    lines(
        "Bytes in", "Bytes of events read per second.",
        "Bps", promql(rate("argus_ingest_bytes_total"), "bytes"),
    ),
    spread(
        "Age of events when read", "How long ago events had happened. Clocks, retries and batches of senders.",
        "s", promql(rate("argus_event_skew_seconds_bucket", by="le"), "{{le}}", fmt="heatmap"), width=8,
    ),
    bars(
        "Newest event by partition",
        "How far each partition's clock is behind; one that stays behind has no senders, or a broken one.",
        "s", promql(
            f"sort_desc(clamp_min(time() - max by (partition) ({of('argus_watermark_timestamp_seconds')}), 0))",
            "{{partition}}", instant=True,
        ), rising(300, 3600), none="No events yet", width=24, height=4,
    ),
))  # fmt: skip

AGENTS: Final = Board(
    uid="argus-agents",
    title="Argus 2: agents",
    about="Whether each agent works, which does not, and what holds it up.",
    more=(choice("agent", "Agent", "argus_agent_events_total"),),
    rows=(WELL, WHERE, WHY),
)
