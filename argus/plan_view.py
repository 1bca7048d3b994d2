"""A plan, told to people."""

from collections.abc import Iterator
from typing import Final

import click

from argus.plan import Plan
from argus.tables_view import print_table

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
MINUTE_S: Final = 60


def show(plan: Plan) -> None:
    """Print to stdout."""
    worker = plan.worker
    each = " of each cell" if plan.cells > 1 else ""
    print_table(
        ("what", "value"),
        [
            ("users", f"{plan.users:,}"),
            ("events a second, peak", f"{plan.rate:,.0f}"),
            *([("cells (Arguses beside each other)", f"{plan.cells:,}")] if plan.cells > 1 else []),
            (f"workers{each}", f"{plan.workers:,}"),
            (f"partitions{each}", f"{plan.partitions:,}"),
            ("a worker: events a second", f"{worker.events_per_s:,.0f}"),
            ("a worker: users", f"{worker.users:,.0f}"),
            ("a worker: cores in use", f"{worker.cores:.2f}"),
            ("a worker: memory", size(worker.memory_mib * 1_024 * 1_024)),
            ("a worker: disk", size(worker.disk_bytes)),
            ("a worker: recovery from an empty disk", span(worker.recovery_s)),
            ("a worker: then caught up within", span(worker.caught_up_s)),
            *standbys(plan),
            ("Kafka: written, before compression and copies", f"{size(plan.kafka_bytes_per_s)}/s"),
            ("Kafka: disk, all copies", size(plan.kafka_disk_bytes)),
            ("Kafka: cores, by the embedded broker", f"{plan.broker_cores:.2f}"),
            ("sinks", f"{plan.sinks:,}"),
            ("database: rows a second", f"{plan.database_rows_per_s:,.0f}"),
        ],
    )
    click.echo()
    print_table(
        ("topic", "partitions", "days", "a second", "disk, all copies"),
        [
            (
                topic.topic,
                f"{topic.partitions:,}",
                "compacted" if topic.retention_days is None else f"{topic.retention_days:g}",
                size(topic.bytes_per_s),
                size(topic.disk_bytes),
            )
            for topic in plan.topics
        ],
    )
    if plan.limits:
        click.echo()
    for limit in plan.limits:
        click.echo(f"- {limit}.")


def standbys(plan: Plan) -> Iterator[tuple[str, str]]:
    """Rows about them. What they need is in the worker's memory, disk and cores."""
    worker = plan.worker
    if worker.takeover_s is not None:
        yield "a worker: copies of each partition elsewhere", f"{worker.copies}"
        yield "a worker: taken over by a standby within", span(worker.takeover_s)
        yield "a worker: read for copies, before compression", f"{size(worker.copied_bytes_per_s)}/s"
        everywhere = worker.copied_bytes_per_s * plan.workers * plan.cells
        yield "Kafka: read for copies, before compression", f"{size(everywhere)}/s"


def size(count: float) -> str:
    """Bytes in the unit that says most."""
    unit = 0
    while count >= 1_024 and unit < len(UNITS) - 1:
        count, unit = count / 1_024, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if count >= 100 or unit == 0 else f"{count:.1f} {UNITS[unit]}"


def span(seconds: float) -> str:
    if seconds < 2 * MINUTE_S:
        return f"{seconds:,.1f} s"
    return f"{seconds / MINUTE_S:,.0f} min"
