"""What `argus plan` says of the topics in Kafka."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from argus import capacity
from argus.capacity import ASSUMED, ON_TOPICS
from argus.plan_worker import DAY_S, KIB, label_rows
from argus.settings import Settings
from argus.topics import TOPICS

BY_NAME: Final = {topic.name: topic for topic in TOPICS}


class TopicSize(Struct, frozen=True):
    """partitions: of each cell. retention_days: None where the newest record of each key stays. disk_bytes: all
    copies, before compression."""

    topic: str
    partitions: int
    retention_days: float | None
    bytes_per_s: float
    disk_bytes: float


def topics_of(
    settings: Settings,
    *,
    users: int,
    rate: float,
    retention_days: float | None,
    share: float,
    partitions: int,
    cells: int,
) -> Iterator[TopicSize]:
    """Of all cells. share: alerts and updates an event; the rest as `argus.plan.plan` has it."""
    copies = settings.replication if settings.replication > 1 else ASSUMED.replication
    left = [(on.topic, on.bytes * (share / capacity.ALERT_SHARE.value if on.by_alerts else 1.0)) for on in ON_TOPICS]
    for name, size in (*left, ("feedback", share * ASSUMED.labels * ASSUMED.label_bytes)):
        days = BY_NAME[name].retention_days
        if retention_days is not None and name in ("events", "decisions"):
            days = retention_days
        assert days is not None
        yield TopicSize(name, partitions, days, rate * size, rate * size * days * DAY_S * copies)
    places = partitions * cells
    kept = label_rows(settings, rate / places) * places * capacity.LABEL_ROW.value
    newest = {
        "users-changelog": users * capacity.RECORD.value * KIB + kept,
        "models": places * ASSUMED.models_kib * KIB,
    }
    written = {"users-changelog": rate * capacity.USERS_CHANGELOG.value, "models": 0.0}
    for name, size in newest.items():
        count = BY_NAME[name].partitions or partitions
        yield TopicSize(name, count, None, written[name], size * ASSUMED.compaction * copies)
