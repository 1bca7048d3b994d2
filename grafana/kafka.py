"""Kafka and state: whether workers keep up, which topic or partition does not, and whether network or disk is why."""

from typing import Final

from grafana.board import Board, Row, choice
from grafana.panel import NONE_IS_WELL, bars, falling, grid, lines, number, rising
from grafana.query import count, of, promql, quantile, rate, total

GIB: Final = 1024**3
TABLE: Final = 'table=~"$table"'

WELL: Final = Row("Is it well", (
    number(
        "Oldest record waiting", "Age of the oldest record not yet worked on; over 120 s pages.",
        "s", promql(total(of("argus_consumer_lag_seconds"), how="max"), instant=True), rising(30, 120),
    ),
    number(
        "Records waiting", "Records not yet worked on, of all agents. Many are no harm while they are young.",
        "short", promql(total(of("argus_consumer_lag_records")), instant=True),
    ),
    number(
        "Not sent", "Records that the broker did not take, in the shown range.",
        "short", promql(count("argus_producer_errors_total"), instant=True), NONE_IS_WELL, decimals=0,
    ),
    number(
        "Commits failed", "Commits of offsets that failed, in the shown range. Work is done again after one.",
        "short", promql(count("argus_commit_failures_total"), instant=True), rising(1, 10), decimals=0,
    ),
    number(
        "Yet to recover", "Changelog records to be read before work begins. It must fall; where it stands for "
        "ten minutes it pages.",
        "short", promql(total(of("argus_recovery_remaining_records")), instant=True), rising(1, 1_000_000),
        none="None known",
    ),
    number(
        "Free disk", "Free bytes where the tables are, of the worker that has the least.",
        "bytes", promql(total(of("argus_data_dir_free_bytes"), how="min"), instant=True),
        falling(5 * GIB, 20 * GIB),
    ),
))  # fmt: skip

WHERE: Final = Row("Where not", (
    lines(
        "Age of the oldest record", "By agent and topic, the worst partition. This is what users wait.",
        "s", promql(total(of("argus_consumer_lag_seconds"), "agent, topic", "max"), "{{agent}} {{topic}}"),
        at=rising(30, 120),
    ),
    lines(
        "Records waiting", "By agent and topic.",
        "short", promql(total(of("argus_consumer_lag_records"), "agent, topic"), "{{agent}} {{topic}}"),
    ),
    bars(
        "Records waiting by partition",
        "The ten longest. One that stands out has a hot key or a worker that is stuck.",
        "short", promql(
            f"topk(10, {total(of('argus_consumer_lag_records'), 'topic, partition')})",
            "{{topic}} {{partition}}", instant=True,
        ),
    ),
    lines(
        "Partitions by process", "Partitions that each process has. Those of the workers add up to all.",
        "short", promql(total(of("argus_assigned_partitions"), "job, instance"), "{{job}} {{instance}}"),
    ),
    lines(
        "Rebalances", "Rebalances in the last minutes. More than six in a quarter of an hour is a storm.",
        "short",
        promql(total(f"increase({of('argus_rebalances_total')}[$__rate_interval])", "job"), "{{job}}"),
    ),
    grid(
        "Tables", "What each table holds, and what is done with it.",
        "short",
        promql(total(of("argus_table_keys", TABLE), "table"), instant=True, fmt="table"),
        promql(total(of("argus_table_bytes", TABLE), "table"), instant=True, fmt="table"),
        promql(rate("argus_table_operations_total", TABLE, by="table"), instant=True, fmt="table"),
        promql(rate("argus_changelog_bytes_total", TABLE, by="table"), instant=True, fmt="table"),
        promql(count("argus_table_discarded_total", TABLE, by="table"), instant=True, fmt="table"),
        columns={
            "table": "Table", "Value #A": "Keys", "Value #B": "On disk", "Value #C": "Operations/s",
            "Value #D": "Changelog/s", "Value #E": "Damaged",
        },
        units={"Keys": "short", "On disk": "bytes", "Operations/s": "ops", "Changelog/s": "Bps"}, width=8,
    ),
))  # fmt: skip

BROKER: Final = Row("Why: Kafka", (
    lines(
        "Send to acknowledgement, p99", "By topic. All slow is the broker; one slow is its partition's leader.",
        "s", promql(quantile(0.99, "argus_producer_send_duration_seconds", by="topic"), "{{topic}}"), width=6,
    ),
    lines(
        "Not sent, by topic", "Records per second that the broker did not take.",
        "eps", promql(rate("argus_producer_errors_total", by="topic"), "{{topic}}"), width=6,
    ),
    lines(
        "Sent, by topic", "Records per second that the broker acknowledged.",
        "eps", promql(rate("argus_producer_records_total", by="topic") + " > 0", "{{topic}}"), width=6,
    ),
    lines(
        "Oldest batch not acknowledged", "How long it waits. It grows while the broker is away.",
        "s", promql(total(of("argus_producer_oldest_unacked_seconds"), "job", "max"), "{{job}}"), at=rising(5, 30),
        width=6,
    ),
    lines(
        "Commits of offsets", "How long they take, and how many per second fail.",
        "s",
        promql(quantile(0.5, "argus_commit_duration_seconds"), "half"),
        promql(quantile(0.99, "argus_commit_duration_seconds"), "99 of 100"), width=6,
    ),
    lines(
        "Rebalance time, p95", "From losing partitions to working again; recovery is most of it.",
        "s", promql(quantile(0.95, "argus_rebalance_duration_seconds", over="$__range"), "95 of 100"), width=6,
    ),
    lines(
        "Changelog records", "Written per second, by table. It is what recovery has to read.",
        "eps", promql(rate("argus_changelog_records_total", TABLE, by="table"), "{{table}}"), width=6,
    ),
    lines(
        "Recovery", "Records yet to be read, by table. It must fall.",
        "short", promql(total(of("argus_recovery_remaining_records", TABLE), "table"), "{{table}}"), width=6,
    ),
))  # fmt: skip

DISK: Final = Row("Why: the disk", (
    lines(
        "Table operations", "Reads, writes and deletions per second.",
        "ops", promql(rate("argus_table_operations_total", TABLE, by="operation"), "{{operation}}"), stacked=True,
    ),
    lines(
        "Writing a batch, p99", "By table. It grows when the disk is slow or RocksDB has to compact.",
        "s", promql(quantile(0.99, "argus_table_write_duration_seconds", TABLE, by="table"), "{{table}}"),
    ),
    lines(
        "Writes held back", "Seconds per second that RocksDB made writes wait. Over 0.1 is a ticket.",
        "percentunit", promql(rate("argus_rocksdb_write_stall_seconds_total", TABLE, by="table"), "{{table}}"),
        at=rising(0.05, 0.1),
    ),
    lines(
        "Yet to compact", "Bytes that RocksDB has to compact; where it only grows the disk is too slow.",
        "bytes", promql(total(of("argus_rocksdb_pending_compaction_bytes", TABLE), "table"), "{{table}}"),
    ),
    lines(
        "RocksDB memory", "Memtables and block cache.",
        "bytes",
        promql(total(of("argus_rocksdb_memtable_bytes", TABLE)), "memtables"),
        promql(total(of("argus_rocksdb_block_cache_bytes")), "block cache"), stacked=True,
    ),
    lines(
        "Free disk", "By worker, with what its tables take.",
        "bytes", promql(total(of("argus_data_dir_free_bytes"), "instance", "min"), "free, {{instance}}"),
        promql(total(of("argus_table_bytes"), "instance"), "tables, {{instance}}"),
    ),
    lines(
        "Recovery time, p95", "How long the recovery of a partition took, by table, in the shown range.",
        "s",
        promql(quantile(0.95, "argus_recovery_duration_seconds", TABLE, by="table", over="$__range"), "{{table}}"),
        width=12, height=7,
    ),
    lines(
        "Keys", "By table, as RocksDB estimates them.",
        "short", promql(total(of("argus_table_keys", TABLE), "table"), "{{table}}"), width=12, height=7,
    ),
))  # fmt: skip

STANDBYS: Final = Row("Why: standbys", (
    lines(
        "Copies", "Partitions of others that workers keep fresh, by table; there are none where the setting is 0.",
        "short", promql(total(of("argus_standby_partitions", TABLE), "table"), "{{table}}"), width=8,
    ),
    lines(
        "Copies behind", "Changelog records that they lack. It is what a takeover has to read.",
        "short", promql(total(of("argus_standby_lag_records", TABLE), "table"), "{{table}}"), width=8,
    ),
    lines(
        "Read by takeovers", "Changelog records, by table. With standbys there are few.",
        "short",
        promql(
            total(f"increase({of('argus_recovery_records_total', TABLE)}[$__rate_interval])", "table"), "{{table}}"
        ), width=8,
    ),
    lines(
        "Disk of copies", "Bytes on disk and in memtables, by table.",
        "bytes", promql(total(of("argus_standby_bytes", TABLE), "table"), "{{table}}"), width=12, height=7,
    ),
    lines(
        "Set aside", "Copies that could not be kept, for want of disk mostly, and own files that were damaged.",
        "short",
        promql(
            total(f"increase({of('argus_standby_set_aside_total', TABLE)}[$__rate_interval])", "table"),
            "copies, {{table}}",
        ),
        promql(
            total(f"increase({of('argus_table_discarded_total', TABLE)}[$__rate_interval])", "table"),
            "damaged, {{table}}",
        ), width=12, height=7,
    ),
))  # fmt: skip

KAFKA: Final = Board(
    uid="argus-kafka",
    title="Argus 3: Kafka and state",
    about="Whether workers keep up, where they do not, and whether Kafka or the disk is why.",
    more=(choice("table", "Table", "argus_table_operations_total"),),
    rows=(WELL, WHERE, BROKER, DISK, STANDBYS),
)
