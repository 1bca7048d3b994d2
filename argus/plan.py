"""`argus plan`: how many workers and partitions, how much disk and memory, and how long a recovery takes.

Arithmetic on measured figures (`argus.capacity`), nothing else; `argus bench` on your machines comes first. The
rate is taken as constant, so what it fills is an upper bound.
"""

from collections.abc import Iterator
from math import ceil
from typing import Final

from msgspec import Struct

from argus import capacity
from argus.capacity import ASSUMED, ON_TOPICS
from argus.settings import Settings
from argus.topics import TOPICS

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
DAY_S: Final = 86_400
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
BY_NAME: Final = {topic.name: topic for topic in TOPICS}


class TopicSize(Struct, frozen=True):
    """retention_days: None where the newest record of each key stays. disk_bytes: all copies, before compression."""

    topic: str
    partitions: int
    retention_days: float | None
    bytes_per_s: float
    disk_bytes: float


class Worker(Struct, frozen=True):
    """One of the workers. recovery_s: from an empty disk; caught_up_s: from then on, at full rate, until it is no
    longer behind."""

    events_per_s: float
    users: float
    cores: float
    memory_mib: float
    disk_bytes: float
    recovery_s: float
    caught_up_s: float


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
) -> Plan:
    """rate: events a second at peak; retention_days: of events and decisions, None for what is declared; alert_share:
    alerts and updates an event, None for what simulated life has."""
    share = capacity.ALERT_SHARE.value if alert_share is None else alert_share
    wanted = max(1, ceil(rate / (capacity.WORKER_RATE.value * ASSUMED.headroom)))
    cells = ceil(wanted * ASSUMED.growth / PARTITIONS_MAX)
    workers = ceil(wanted / cells)
    partitions = next(count for count in PARTITIONS if count >= min(workers * ASSUMED.growth, PARTITIONS_MAX))
    copies = settings.replication if settings.replication > 1 else ASSUMED.replication
    topics = tuple(_topics(users, rate, retention_days, share, partitions, copies))
    rows = rate * (settings.sink_approve_share + share)
    worker = _worker(settings, users / (cells * workers), rate / (cells * workers))
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
        limits=tuple(_limits(workers, cells, worker, rows, topics)),
    )


def _worker(settings: Settings, users: float, rate: float) -> Worker:
    record = capacity.RECORD.value * KIB
    cached_mib = min(users, settings.state_cache_users) * capacity.USER_MEMORY.value / KIB
    used_mib = capacity.WORKER_MEMORY.value + cached_mib + settings.block_cache_mb
    recovery_s = users * capacity.RECORDS_PER_USER.value * ASSUMED.stale / capacity.RECOVERY_RATE.value
    return Worker(
        events_per_s=rate,
        users=users,
        cores=rate * capacity.WORKER_CPU.value / 1e6,
        memory_mib=used_mib * ASSUMED.memory,
        disk_bytes=users * record * ASSUMED.compaction,
        recovery_s=recovery_s,
        caught_up_s=recovery_s * rate / (capacity.WORKER_RATE.value - rate),
    )


def _topics(
    users: int, rate: float, retention_days: float | None, share: float, partitions: int, copies: int
) -> Iterator[TopicSize]:
    for on in ON_TOPICS:
        days = BY_NAME[on.topic].retention_days
        if retention_days is not None and on.topic in ("events", "decisions"):
            days = retention_days
        assert days is not None
        per_s = rate * on.bytes * (share / capacity.ALERT_SHARE.value if on.by_alerts else 1.0)
        yield TopicSize(on.topic, partitions, days, per_s, per_s * days * DAY_S * copies)
    per_s = rate * capacity.USERS_CHANGELOG.value
    disk = users * capacity.RECORD.value * KIB * ASSUMED.compaction * copies
    yield TopicSize("users-changelog", partitions, None, per_s, disk)


def _limits(workers: int, cells: int, worker: Worker, rows: float, topics: tuple[TopicSize, ...]) -> Iterator[str]:
    if cells > 1:
        yield (
            f"One Argus has at most {PARTITIONS_MAX:,} partitions, so there are {cells} beside each other; none sees "
            "what a source does in another one"
        )
    if cells * workers > MEASURED_WORKERS:
        yield "Several workers on cores of their own were not measured; they share nothing but Kafka and its network"
    if worker.users > MEASURED_USERS:
        yield f"A worker with more than {MEASURED_USERS:,} users was not measured"
    if worker.recovery_s > RECOVERY_MOST_S:
        yield (
            f"A worker without its disk is away for {worker.recovery_s:,.0f} s: more workers than the rate asks for "
            "shorten it, and persistent disks avoid it"
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
