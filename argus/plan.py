"""`argus plan`: how many workers and partitions, how much disk and memory, and how long a recovery takes.

Arithmetic on measured figures (`argus.capacity`), nothing else; `argus bench` on your machines comes first. The
rate is taken as constant, so what it fills is an upper bound.
"""

from collections.abc import Iterator
from math import ceil
from typing import Final

from msgspec import Struct

from argus import capacity
from argus.capacity import ASSUMED
from argus.plan_topics import TopicSize, topics_of
from argus.plan_worker import MIB, Worker, worker_of
from argus.settings import Settings

# What one Argus may have (the setting's bound), and what it is given to begin with.
PARTITIONS_MAX: Final = 1_024
PARTITIONS: Final = (12, 24, 48, 64, 96, 128, 192, 256, 384, 512, 768, PARTITIONS_MAX)
# Beyond these nobody has looked.
MEASURED_WORKERS: Final = 1
MEASURED_USERS: Final = 20_000
RECOVERY_MOST_S: Final = 60.0
# From about here on, what is one of a kind in an Argus should be looked at.
SINGLE_WORKERS: Final = 10
MOST: Final = 0.5
MUCH_BYTES: Final = 100 * 1_024 * 1_024 * MIB


class Plan(Struct, frozen=True):
    """cells: Arguses beside each other, each with topics of its own; workers, partitions: of each cell. sinks: of all
    cells, at the share of approvals that is set. limits: what to know before believing it."""

    users: int
    rate: float
    cells: int
    workers: int
    partitions: int
    worker: Worker
    topics: tuple[TopicSize, ...]
    kafka_bytes_per_s: float
    kafka_disk_bytes: float
    broker_cores: float
    sinks: int
    database_rows_per_s: float
    limits: tuple[str, ...]


def plan(
    settings: Settings,
    *,
    users: int,
    rate: float,
    retention_days: float | None = None,
    alert_share: float | None = None,
    standbys: int | None = None,
) -> Plan:
    """rate: events a second at peak; retention_days: of events and decisions, None for what is declared; alert_share:
    alerts and updates an event, None for what simulated life has; standbys: copies of each partition, None for the
    setting."""
    share = capacity.ALERT_SHARE.value if alert_share is None else alert_share
    wanted = max(1, ceil(rate / (capacity.WORKER_RATE.value * ASSUMED.headroom)))
    cells = ceil(wanted * ASSUMED.growth / PARTITIONS_MAX)
    workers = ceil(wanted / cells)
    partitions = next(count for count in PARTITIONS if count >= min(workers * ASSUMED.growth, PARTITIONS_MAX))
    topics = tuple(
        topics_of(
            settings,
            users=users,
            rate=rate,
            retention_days=retention_days,
            share=share,
            partitions=partitions,
            cells=cells,
        )
    )
    rows = rate * (settings.sink_approve_share + share)
    asked = settings.standby_replicas if standbys is None else standbys
    worker = worker_of(
        settings,
        users=users / (cells * workers),
        rate=rate / (cells * workers),
        partitions=partitions / workers,
        copies=min(asked, workers - 1),
    )
    written = sum(size.bytes_per_s for size in topics)
    return Plan(
        users=users,
        rate=rate,
        cells=cells,
        workers=workers,
        partitions=partitions,
        worker=worker,
        topics=topics,
        kafka_bytes_per_s=written,
        kafka_disk_bytes=sum(size.disk_bytes for size in topics),
        broker_cores=rate * capacity.BROKER_CPU.value / 1e6,
        sinks=ceil(rate * (1 + share) / (capacity.SINK_RATE.value * ASSUMED.headroom)),
        database_rows_per_s=rows,
        limits=tuple(_limits(workers, cells, worker, rows, topics, asked)),
    )


def _limits(
    workers: int, cells: int, worker: Worker, rows: float, topics: tuple[TopicSize, ...], asked: int
) -> Iterator[str]:
    if cells > 1:
        yield (
            f"One Argus has at most {PARTITIONS_MAX:,} partitions, so there are {cells} beside each other; none sees "
            "what a source does in another one"
        )
    if cells * workers > MEASURED_WORKERS:
        yield "Several workers on cores of their own were not measured; they share nothing but Kafka and its network"
    if worker.users > MEASURED_USERS:
        yield f"A worker with more than {MEASURED_USERS:,} users was not measured"
    if worker.copies < asked:
        yield f"There are too few workers for so many standbys: at most {worker.copies} of each partition"
    if worker.recovery_s > RECOVERY_MOST_S and not worker.copies:
        yield (
            f"A worker without its disk is away for {worker.recovery_s:,.0f} s: more workers than the rate asks for "
            "shorten it, persistent disks avoid it, and with standbys (--standbys 1) another worker goes on"
        )
    if rows > capacity.DATABASE_RATE.value * ASSUMED.headroom:
        yield (
            "One PostgreSQL was seen to take "
            f"{capacity.DATABASE_RATE.value:,.0f} rows/s, and no more was tried: lower ARGUS_SINK_APPROVE_SHARE, or "
            "split the database by cell"
        )
    if workers > SINGLE_WORKERS:
        yield (
            "Notices have one partition, and what concerns all sources is one key: one process each, whatever the "
            "number of workers; neither was measured at this rate"
        )
    total = sum(size.disk_bytes for size in topics)
    for size in topics:
        if size.topic == "audit" and size.disk_bytes > max(total * MOST, MUCH_BYTES):
            yield f"Most of Kafka's disk is {size.retention_days:,.0f} days of audit trail: it needs a cheaper place"
    yield "Locks, cases, reputation and the sources' changelog are not sized; what compression saves was not measured"
