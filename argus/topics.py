"""Every topic that Argus reads or writes: partitions, cleanup and size, declared once, and created where missing.

The topics of the contract come first, Argus's own behind them. Names get the prefix of `topic_prefix`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import click
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from msgspec import Struct

from argus.broker import BrokerError
from argus.kafka_access import access_of
from argus.settings import Settings

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
MIB: Final = 1 << 20
# A record value is at most this large where an unreadable one is kept as it came, and where it waits in an outbox.
LARGEST_BYTES: Final = 4 * MIB
VISIBLE_WITHIN_S: Final = 15.0

Config = tuple[tuple[str, str], ...]
# A topic written from outside lives by the time of arrival: clients' clocks and old events must not age it.
BY_ARRIVAL: Final[Config] = (("message.timestamp.type", "LogAppendTime"),)
# Each change goes into the audit, which may have been away for so long.
EACH_AUDITED: Final[Config] = (("min.compaction.lag.ms", str(7 * DAY_MS)),)
# A reader behind by less than the lag sees every record, owner markers too. Small segments, since the one that is
# written to is never compacted and would have to be read whole at each recovery.
# Deletes stay for as long as a data directory may have been unused and still be read on from.
CHANGELOG: Final[Config] = (
    ("delete.retention.ms", str(14 * DAY_MS)),
    ("min.compaction.lag.ms", str(10 * MINUTE_MS)),
    ("segment.bytes", str(64 * MIB)),
    ("max.message.bytes", str(LARGEST_BYTES)),
)


class Topic(Struct, frozen=True):
    """One row of the table. partitions: None for the setting; retention_days: None where the last record stays."""

    name: str
    cleanup: Literal["delete", "compact"]
    retention_days: float | None = None
    partitions: int | None = None
    config: Config = ()

    def new(self, settings: Settings) -> NewTopic:
        """What the broker is asked for."""
        config = {"cleanup.policy": self.cleanup, **dict(self.config)}
        if self.retention_ms is not None:
            config["retention.ms"] = self.retention_ms
        if settings.replication > 2:
            # One broker may be away, and what was acknowledged is on two all the same.
            config["min.insync.replicas"] = "2"
        return NewTopic(
            settings.topic(self.name), self.partition_count(settings), settings.replication, topic_configs=config
        )

    @property
    def retention_ms(self) -> str | None:
        return None if self.retention_days is None else str(int(self.retention_days * DAY_MS))

    def partition_count(self, settings: Settings) -> int:
        return self.partitions or settings.partitions


TOPICS: Final[tuple[Topic, ...]] = (
    Topic("events", "delete", 7, config=BY_ARRIVAL),
    Topic("feedback", "delete", 90, config=BY_ARRIVAL),
    Topic("commands", "delete", 7, config=BY_ARRIVAL),
    Topic("alerts", "delete", 30),
    Topic("locks", "compact", config=EACH_AUDITED),
    Topic("decisions", "delete", 7),
    Topic("rules", "compact", partitions=1),
    Topic("outcomes", "delete", 7),
    Topic("cases", "compact", config=EACH_AUDITED),
    Topic("audit", "delete", 7 * 365),
    Topic("rejected", "delete", 14, config=(("max.message.bytes", str(LARGEST_BYTES)),)),
    Topic("signals", "delete", 1),
    Topic("deliveries", "delete", 1),
    # What notify may tell, in one partition: rates and storms are counted over all users.
    Topic("notices", "delete", 1, partitions=1),
    Topic("undelivered", "delete", 14, partitions=1),
    Topic("reputation", "compact"),
    # Few and small: what each partition's models are, and which versions people pinned.
    Topic("models", "compact", partitions=1),
    Topic("users-changelog", "compact", config=CHANGELOG),
    Topic("sources-changelog", "compact", config=CHANGELOG),
    Topic("cases-changelog", "compact", config=CHANGELOG),
    Topic("notices-changelog", "compact", partitions=1, config=CHANGELOG),
    Topic("audit-notes", "delete", 7),
    Topic("audit-changelog", "compact", config=CHANGELOG),
)


class Difference(Struct, frozen=True):
    """A topic that exists in another shape than the one declared."""

    topic: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, Argus wants {self.wanted}"


class Report(Struct, frozen=True):
    """Full names of the topics, by what was found. Nothing that exists is ever changed."""

    created: tuple[str, ...]
    same: tuple[str, ...]
    different: tuple[Difference, ...]


async def ensure_topics(bootstrap: str, settings: Settings, topics: Sequence[Topic] = TOPICS) -> Report:
    """Creates the topics that are missing and returns when the broker shows them all. Raises `BrokerError`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **access_of(settings).options())
    try:
        await admin.start()
        return await _ensure(admin, settings, topics)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"cannot declare topics on {bootstrap}: {error}") from None
    finally:
        await admin.close()


async def cluster_id(bootstrap: str, settings: Settings) -> str:
    """The id that a Kafka cluster was formatted with. Raises `BrokerError`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **access_of(settings).options())
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"no broker answers on {bootstrap}: {error}") from None
    finally:
        await admin.close()


async def _ensure(admin: AIOKafkaAdminClient, settings: Settings, topics: Sequence[Topic]) -> Report:
    wanted = {settings.topic(topic.name): topic for topic in topics}
    # Asking about a topic by its name creates it on the embedded broker, hence the list first.
    existing = set(await admin.list_topics()) & wanted.keys()
    missing = [name for name in wanted if name not in existing]
    created = []
    if missing:
        response = await admin.create_topics([wanted[name].new(settings) for name in missing])
        for name, code, *message in response.topic_errors:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                existing.add(name)
            elif code:
                raise error(f"{name}: {message[0] if message and message[0] else error.description}")
            else:
                created.append(name)
        await _until_visible(admin, set(created))
    different = await _differences(admin, {name: wanted[name] for name in wanted if name in existing}, settings)
    changed = {difference.topic for difference in different}
    same = tuple(name for name in wanted if name in existing and name not in changed)
    return Report(tuple(created), same, tuple(different))


async def _until_visible(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    deadline = time.monotonic() + VISIBLE_WITHIN_S
    while not names <= set(await admin.list_topics()):
        if time.monotonic() > deadline:
            raise TimeoutError("the topics were created, and the broker does not show them")
        await asyncio.sleep(0.05)


async def _differences(admin: AIOKafkaAdminClient, topics: dict[str, Topic], settings: Settings) -> list[Difference]:
    if not topics:
        return []
    different = []
    described: list[dict[str, Any]] = await admin.describe_topics(list(topics))
    for found in described:
        count, name = len(found["partitions"]), found["topic"]
        declared = topics[name].partition_count(settings)
        if count != declared:
            different.append(Difference(name, "number of partitions", str(declared), str(count)))
        odd = {len(partition["replicas"]) for partition in found["partitions"]} - {settings.replication}
        if odd:
            different.append(Difference(name, "number of replicas", str(settings.replication), str(min(odd))))
    for name, config in (await _configs(admin, list(topics))).items():
        wanted = {"cleanup.policy": topics[name].cleanup, "retention.ms": topics[name].retention_ms}
        different += [
            Difference(name, key, value, config[key])
            for key, value in wanted.items()
            if value is not None and config.get(key, value) != value
        ]
    return different


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """By topic, as far as the broker tells; the embedded one knows only what a topic was created with."""
    configs = {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if not code:
                configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs


def run(settings: Settings, echo: Callable[[str], object] = click.echo) -> int:
    """`argus topics create`: a line for each topic; the exit status, 1 if one exists in another shape."""
    # The client tells of each failed try too; the one line that ends the command says the same.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    report = asyncio.run(ensure_topics(settings.broker, settings))
    for name in report.created:
        echo(f"created   {name}")
    for name in report.same:
        echo(f"exists    {name}")
    for difference in report.different:
        echo(f"different {difference}")
    return 1 if report.different else 0
