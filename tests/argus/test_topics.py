"""The table of topics, and what is made of it on either broker."""

import asyncio
import uuid

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from argus import topics
from argus.broker import BrokerError
from argus.ports import pick
from argus.settings import Settings
from argus.topics import TOPICS, Topic, ensure_topics


def settings_of_its_own(**changes: object) -> Settings:
    return msgspec.structs.replace(Settings(topic_prefix=f"t{uuid.uuid4().hex}."), **changes)


def test_the_contracts_topics_are_all_declared_with_their_cleanup() -> None:
    contract = {
        "events": "delete",
        "feedback": "delete",
        "commands": "delete",
        "alerts": "delete",
        "locks": "compact",
        "decisions": "delete",
        "rules": "compact",
        "outcomes": "delete",
        "cases": "compact",
        "audit": "delete",
        "rejected": "delete",
    }
    assert contract.items() <= {topic.name: topic.cleanup for topic in TOPICS}.items()


def test_names_are_unique() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_what_is_deleted_says_when_and_what_is_compacted_keeps_its_last() -> None:
    for topic in TOPICS:
        assert (topic.retention_days is None) == (topic.cleanup == "compact"), topic.name


def test_audit_is_kept_longest() -> None:
    kept = {topic.name: topic.retention_days or 0 for topic in TOPICS}
    assert max(kept, key=lambda name: kept[name]) == "audit"


def test_a_topic_takes_prefix_partitions_and_replication_from_the_settings() -> None:
    settings = Settings(topic_prefix="eu.", partitions=12, replication=3)
    events = next(topic for topic in TOPICS if topic.name == "events").new(settings)
    assert (events.name, events.num_partitions, events.replication_factor) == ("eu.events", 12, 3)
    assert events.topic_configs["min.insync.replicas"] == "2"
    assert events.topic_configs["retention.ms"] == str(7 * 86_400_000)
    assert next(topic for topic in TOPICS if topic.name == "rules").new(settings).num_partitions == 1


def test_changelogs_keep_every_record_for_ten_minutes() -> None:
    changelogs = [topic.new(Settings()) for topic in TOPICS if topic.name.endswith("-changelog")]
    assert len(changelogs) >= 3
    assert all(topic.topic_configs["min.compaction.lag.ms"] == "600000" for topic in changelogs)


@pytest.mark.broker
def test_missing_topics_are_created_and_then_found(bootstrap: str) -> None:
    settings = settings_of_its_own()
    names = tuple(settings.topic(topic.name) for topic in TOPICS)
    first = asyncio.run(ensure_topics(bootstrap, settings))
    assert (first.created, first.same, first.different) == (names, (), ())
    second = asyncio.run(ensure_topics(bootstrap, settings))
    assert (second.created, second.same, second.different) == ((), names, ())


@pytest.mark.broker
def test_another_shape_is_reported_and_left_alone(bootstrap: str) -> None:
    settings = settings_of_its_own()
    asyncio.run(ensure_topics(bootstrap, settings, [Topic("locks", "delete", 1), Topic("events", "delete", 1)]))
    wider = msgspec.structs.replace(settings, partitions=7)
    wanted = [Topic("locks", "compact", partitions=4), Topic("events", "delete", 1), Topic("alerts", "delete", 1)]
    report = asyncio.run(ensure_topics(bootstrap, wider, wanted))
    assert report.created == (settings.topic("alerts"),)
    assert sorted(str(difference) for difference in report.different) == [
        f"{settings.topic('events')}: number of partitions is 4, Argus wants 7",
        f"{settings.topic('locks')}: cleanup.policy is delete, Argus wants compact",
    ]


@pytest.mark.broker
def test_replicas_and_retention_are_compared_too(bootstrap: str) -> None:
    settings = settings_of_its_own()
    asyncio.run(ensure_topics(bootstrap, settings, [Topic("alerts", "delete", 1), Topic("rules", "compact")]))
    more = msgspec.structs.replace(settings, replication=3)
    report = asyncio.run(ensure_topics(bootstrap, more, [Topic("alerts", "delete", 30), Topic("rules", "compact")]))
    assert sorted(str(difference) for difference in report.different) == [
        f"{settings.topic('alerts')}: number of replicas is 1, Argus wants 3",
        f"{settings.topic('alerts')}: retention.ms is 86400000, Argus wants 2592000000",
        f"{settings.topic('rules')}: number of replicas is 1, Argus wants 3",
    ]


@pytest.mark.broker
def test_the_command_says_each_topic_and_exits_1_on_another_shape(bootstrap: str) -> None:
    settings, said = settings_of_its_own(broker=bootstrap), list[str]()
    assert topics.run(settings, said.append) == 0
    assert said[0] == f"created   {settings.topic('events')}"
    assert len(said) == len(TOPICS)
    assert topics.run(msgspec.structs.replace(settings, partitions=2), said.append) == 1
    assert said[-1].startswith("different ")


def test_a_broker_that_is_not_there_is_one_error() -> None:
    address = f"127.0.0.1:{pick()}"
    with pytest.raises(BrokerError, match=address):
        asyncio.run(ensure_topics(address, Settings()))


@pytest.mark.broker
def test_what_is_produced_is_consumed_byte_for_byte(bootstrap: str) -> None:
    settings = settings_of_its_own()
    values = [b"", b"\x00\xff", b"x" * 300_000, b'{"event_id": "e"}']

    async def round_trip() -> list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]:
        await ensure_topics(bootstrap, settings)
        topic = settings.topic("events")
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 20)
        await producer.start()
        batch = producer.create_batch()
        for value in values:
            batch.append(key=b"user", value=value, timestamp=None, headers=[("origin", b"\x00\x01")])
        batch.close()
        placed = await (await producer.send_batch(batch, topic, partition=1))
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        target = TopicPartition(topic, 1)
        consumer.assign([target])
        consumer.seek(target, 0)
        got = [await asyncio.wait_for(consumer.getone(target), 20) for _ in values]
        await consumer.stop()
        assert [record.offset for record in got] == [placed.offset + i for i in range(len(values))]
        return [(record.key, record.value, list(record.headers)) for record in got]

    assert asyncio.run(round_trip()) == [(b"user", value, [("origin", b"\x00\x01")]) for value in values]
