"""What the models topic says: versions, snapshots, drifts and pins, read whole; and pins written to it."""

from collections.abc import Mapping

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct, field

from argus.audit_topic import consumer_of, partitions_of, records
from argus.broker import BrokerError
from argus.kafka_access import access_of
from argus.settings import Settings
from core.audit import Detail, Entry
from core.audited import NOTES, note
from core.model_records import (
    DRIFT,
    LABELS,
    PIN,
    SNAPSHOT,
    LabelSnapshot,
    ModelDrift,
    ModelPin,
    ModelSnapshot,
    ModelVersion,
    read_drift,
    read_labels,
    read_pin,
    read_snapshot,
    read_version,
)
from core.records import encode

TOPIC = "models"


class Registry(Struct):
    """versions: by model, then partition and version; snapshots: by partition, of models that learn what is usual;
    labels: likewise, of those that learn from labels; drifts: the last of each model, partition and signal; pins: by
    model; unreadable: keys of records that are none of these."""

    versions: dict[str, list[ModelVersion]] = field(default_factory=dict)
    snapshots: list[ModelSnapshot] = field(default_factory=list)
    labels: list[LabelSnapshot] = field(default_factory=list)
    drifts: list[ModelDrift] = field(default_factory=list)
    pins: dict[str, ModelPin] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def in_force(self, model: str) -> list[ModelVersion]:
        """One for each partition that has fitted it."""
        return [version for version in self.versions.get(model, []) if version.in_force]


def registry_of(newest: Mapping[bytes, bytes]) -> Registry:
    """newest: the last value of each key."""
    registry = Registry()
    for key, value in sorted(newest.items()):
        try:
            if key.startswith(PIN):
                pin = read_pin(value)
                registry.pins[pin.model] = pin
            elif key.startswith(SNAPSHOT.encode() + b"/"):
                registry.snapshots.append(read_snapshot(value))
            elif key.startswith(LABELS.encode() + b"/"):
                registry.labels.append(read_labels(value))
            elif key.startswith(DRIFT.encode() + b"/"):
                registry.drifts.append(read_drift(value))
            else:
                version = read_version(value)
                registry.versions.setdefault(version.model, []).append(version)
        except msgspec.MsgspecError:
            registry.unreadable.append(key.decode("utf-8", "replace"))
    for versions in registry.versions.values():
        versions.sort(key=lambda version: (version.partition, version.version))
    registry.snapshots.sort(key=lambda snapshot: snapshot.partition)
    registry.labels.sort(key=lambda snapshot: snapshot.partition)
    registry.drifts.sort(key=lambda drift: (drift.model, drift.partition, drift.signal))
    return registry


async def read(settings: Settings) -> Registry:
    """Raises `BrokerError`."""
    access, topic = access_of(settings), settings.topic(TOPIC)
    ((partition, *_),) = await partitions_of(settings.broker, access, topic)
    newest: dict[bytes, bytes] = {}
    async with consumer_of(settings.broker, access) as consumer:
        async for record in records(consumer, topic, partition):
            if record.value is None:
                newest.pop(record.key, None)
            elif record.key:
                newest[record.key] = record.value
    return registry_of(newest)


async def write_pin(settings: Settings, model: str, pin: ModelPin | None, told: Entry) -> None:
    """Pin a model, or (None) let it go. told: for the audit, which hears of it first, so that nothing is in force
    that it has not heard of. Returns when the broker has both. Raises `BrokerError`."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker, acks="all", enable_idempotence=False, **access_of(settings).options()
    )
    try:
        await producer.start()
        await producer.send_and_wait(settings.topic(NOTES), note(told), key=told.subject.encode())
        value = None if pin is None else encode(pin)
        await producer.send_and_wait(settings.topic(TOPIC), value, key=PIN + model.encode(), partition=0)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"cannot write to {settings.broker}: {error}") from None
    finally:
        await producer.stop()


def pin_change(model: str, before: ModelPin | None, after: ModelPin | None, by: str, reason: str, time: str) -> Entry:
    """What the audit is told of a pin: a change of configuration like any other. time: RFC 3339."""
    versions: dict[str, Detail] = {
        "before": None if before is None else str(before.version),
        "after": None if after is None else str(after.version),
    }
    return Entry(f"model_pin:{model}", "configuration.change", by, reason, time, versions)
