"""What the database has is put back into the topics of a new broker, where workers take it over."""

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from rocksdict import Cache

from agents.cases import KIND
from agents.clients import ClientConfig, Clients
from agents.journal import KafkaJournal
from agents.placing import partition_of
from agents.sender import KafkaSender
from agents.shard import Shard
from agents.timers import Timers
from agents.views import POLL_MS
from argus.restore import Restored, restore
from argus.settings import Settings
from argus.store.store import Store as Database
from argus.topics import ensure_topics
from core.clock import rfc3339
from core.records import encode
from tables.store import Store
from tables.user_table import UserTable
from tests.argus.store import records as make
from tests.argus.store.records import Raw, rows

pytestmark = pytest.mark.broker
NOW_MS = time.time_ns() // 1_000_000
LATER, EARLIER = rfc3339(NOW_MS + 3_600_000), rfc3339(NOW_MS - 3_600_000)
LOCKS = [
    make.lock("held", version=7, since=EARLIER, until=LATER),
    make.lock("challenged", version=2, since=EARLIER, until=None, state="challenged", by="admin"),
    make.lock("over", version=3, since=EARLIER, until=rfc3339(NOW_MS - 1)),
    make.lock("free", version=4, since=EARLIER, until=None, state="unlocked", scope=[]),
]
CASES = [make.case("c1", user_id="held", version=3), make.case("c2", user_id="held", status="resolved", version=9)]
RULE = b'{"rule_id":"mine","text":"id: mine"}'


async def fill(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.write(rows("locks", LOCKS))
    await database.write(rows("cases", CASES))
    await database.write(rows("alerts", [make.alert("a1", user_id="held")]))
    await database.write(rows("rules", [Raw(RULE, key=b"mine")]))
    await database.close()


def settings_of(tansu: str, tmp_path: Path) -> Settings:
    prefix = f"r{uuid.uuid4().hex[:10]}."
    return Settings(broker=tansu, topic_prefix=prefix, partitions=2, data_dir=tmp_path, app_id="restored")


async def take_over(settings: Settings, table: str, user: str, directory: Path) -> Shard:
    """The partition of a user as a worker finds it."""
    config = ClientConfig(
        bootstrap=(settings.broker,),
        client_id="test",
        batch_bytes=1 << 20,
        record_bytes=1 << 20,
        request_timeout_s=10,
    )
    clients = Clients(config)
    await clients.start()
    partition = partition_of(user.encode(), settings.partitions)
    shard = Shard(
        partition=partition,
        owner="test",
        store=Store(directory / table / str(partition), Cache(1 << 20)),
        journal=KafkaJournal(clients.producer, clients.reader, settings.topic(f"{table}-changelog"), partition),
        sender=KafkaSender(clients.producer),
        monotonic=time.monotonic,
        recheck_s=10,
    )
    await shard.take_over()
    await clients.stop()
    return shard


async def told(settings: Settings, topic: str, partitions: int) -> dict[bytes, bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.broker, enable_auto_commit=False)
    await consumer.start()
    try:
        targets = [TopicPartition(settings.topic(topic), number) for number in range(partitions)]
        consumer.assign(targets)
        await consumer.seek_to_beginning(*targets)
        found: dict[bytes, bytes] = {}
        quiet = 0
        while quiet < 3:
            fetched = await consumer.getmany(*targets, timeout_ms=POLL_MS * 2)
            quiet = 0 if any(fetched.values()) else quiet + 1
            found.update({record.key: record.value for records in fetched.values() for record in records})
        return found
    finally:
        await consumer.stop()


def test_locks_rules_and_open_cases_are_there_for_the_workers_and_on_the_topics(tansu: str, tmp_path: Path) -> None:
    settings = settings_of(tansu, tmp_path)

    async def story() -> None:
        await ensure_topics(tansu, settings)
        await fill(f"sqlite:///{tmp_path / 'argus.db'}")
        restored = await restore(settings, tansu)
        assert restored == Restored(f"sqlite:///{tmp_path / 'argus.db'}", locks=2, rules=1, cases=1)
        for lock in LOCKS:
            shard = await take_over(settings, "users", lock.user_id, tmp_path / lock.user_id)
            state = UserTable(shard.store, 10).load([lock.user_id], {})[lock.user_id]
            assert state.lock is not None
            assert (state.lock_version, state.lock.state) == (lock.version, lock.state)
            # Ends that passed meanwhile are announced when the worker looks, those to come when they come.
            assert Timers(shard.store).due(shard.meta.clock_ms) == (
                partition_of(b"over", settings.partitions) == shard.partition
            )
            shard.store.close()
        shard = await take_over(settings, "cases", "held", tmp_path / "cases")
        value = shard.store.get(KIND.prefix + b"held")
        assert value is not None
        case = KIND.codec.decode(value)
        assert ([*case.cases], case.cases["c1"].version, [*case.alerts]) == (["c1"], 3, ["a1"])
        assert len(Timers(shard.store)) == 1
        shard.store.close()
        assert await told(settings, "locks", 2) == {b"held": encode(LOCKS[0]), b"challenged": encode(LOCKS[1])}
        assert await told(settings, "cases", 2) == {b"c1": encode(CASES[0])}
        assert await told(settings, "rules", 1) == {b"mine": RULE}

    asyncio.run(story())


def test_many_locks_are_put_back_in_pieces(tansu: str, tmp_path: Path) -> None:
    settings = settings_of(tansu, tmp_path)

    async def story() -> None:
        await ensure_topics(tansu, settings)
        database = Database(f"sqlite:///{tmp_path / 'argus.db'}")
        await database.migrate()
        await database.write(rows("locks", [make.lock(f"u{number}", until=LATER) for number in range(3_000)]))
        await database.close()
        restored = await restore(settings, tansu)
        assert restored is not None
        assert restored.locks == 3_000
        users = {name: msgspec.json.decode(value) for name, value in (await told(settings, "locks", 2)).items()}
        assert len(users) == 3_000
        shard = await take_over(settings, "users", "u2999", tmp_path / "users")
        assert UserTable(shard.store, 10).load(["u2999"], {})["u2999"].lock_version == 1
        shard.store.close()

    asyncio.run(story())


@pytest.mark.parametrize("there", [True, False])
def test_with_nothing_in_the_database_nothing_is_put_back_or_made(tmp_path: Path, there: bool) -> None:
    settings: Any = settings_of("127.0.0.1:1", tmp_path)

    async def story() -> None:
        if there:
            database = Database(f"sqlite:///{tmp_path / 'argus.db'}")
            await database.migrate()
            await database.close()
        assert await restore(settings, "127.0.0.1:1") is None
        assert (tmp_path / "argus.db").exists() == there

    asyncio.run(story())
