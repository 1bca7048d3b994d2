"""What `argus plan` says of one worker, with the copies of others' partitions that it keeps."""

from typing import Final

from msgspec import Struct

from agents.standby import WRITE_BUFFER_MIB
from agents.standbys import AT_ONCE
from argus import capacity
from argus.capacity import ASSUMED
from argus.settings import LABEL_MODELS, Settings
from argus.topics import TOPICS

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
DAY_S: Final = 86_400
WRITE_BUFFERS: Final = 2
# Those that are kept as copies: notices have one partition, and another process.
TABLES: Final = sum(topic.name.endswith("-changelog") and topic.partitions is None for topic in TOPICS)


class Worker(Struct, frozen=True):
    """One of the workers, with its standbys. copies: of each partition, at other workers; copied_bytes_per_s: read
    once more from changelogs for them. recovery_s: from an empty disk; takeover_s: by a standby, None without; both
    without the silence after which a worker is given up. caught_up_s: from the recovery on, at full rate, until it is
    no longer behind."""

    events_per_s: float
    users: float
    copies: int
    cores: float
    memory_mib: float
    disk_bytes: float
    copied_bytes_per_s: float
    recovery_s: float
    takeover_s: float | None
    caught_up_s: float


def worker_of(settings: Settings, *, users: float, rate: float, partitions: float, copies: int) -> Worker:
    """users, rate, partitions: its own."""
    cached_mib = min(users, settings.state_cache_users) * capacity.USER_MEMORY.value / KIB
    rows = label_rows(settings, rate / partitions) * partitions
    rows_mib = rows * capacity.LABEL_ROW_MEMORY.value / MIB
    used_mib = capacity.WORKER_MEMORY.value + cached_mib + settings.block_cache_mb + rows_mib
    if copies:
        used_mib += copies * partitions * TABLES * WRITE_BUFFERS * WRITE_BUFFER_MIB
        used_mib += AT_ONCE * settings.producer_max_bytes / MIB
    records = users * capacity.RECORDS_PER_USER.value * ASSUMED.stale + rows
    recovery_s = records / capacity.RECOVERY_RATE.value
    copying_us = copies * capacity.CHANGELOG_RECORDS.value * capacity.STANDBY_CPU.value
    kept_bytes = users * capacity.RECORD.value * KIB + rows * capacity.LABEL_ROW.value
    return Worker(
        events_per_s=rate,
        users=users,
        copies=copies,
        cores=rate * (capacity.WORKER_CPU.value + copying_us) / 1e6,
        memory_mib=used_mib * ASSUMED.memory,
        disk_bytes=kept_bytes * ASSUMED.compaction * (1 + copies),
        copied_bytes_per_s=rate * capacity.CHANGELOGS.value * copies,
        recovery_s=recovery_s,
        takeover_s=capacity.TAKEOVER.value if copies else None,
        caught_up_s=recovery_s * rate / (capacity.WORKER_RATE.value - rate),
    )


def label_rows(settings: Settings, rate: float) -> float:
    """Events that a partition with so many a second keeps for their label, at most."""
    modes = {**LABEL_MODELS, **settings.label_models}
    if set(modes.values()) == {"off"}:
        return 0.0
    return min(settings.label_rows, rate * settings.label_window_days * DAY_S)
