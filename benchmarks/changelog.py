"""A users' changelog as workers leave it, of as many users as are asked for, written by Argus's own journal.

The records are those of users of simulated life, under as many new names as it takes; a batch is a step's.
"""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final

from msgspec import msgpack

from agents.clients import ClientConfig, Clients
from agents.journal import OWNER_KEY, KafkaJournal
from agents.placing import Placing
from agents.shard import META_KEY, OUTBOX_KEY, Meta
from argus.replay import BLOCK_LINES, make_engine
from argus.settings import Settings
from benchmarks.events import Events
from benchmarks.house import House
from core.state import KEY_BYTES
from tables.user_table import SPILL_IDS, USER_PREFIX
from tables.users import encode_user

BATCH_USERS: Final = 500
EPOCH: Final = 1


def lived(settings: Settings, events: Events) -> list[bytes]:
    """Every user's record after these events, with at most the ids of events that it carries itself."""
    engine = make_engine(settings)
    lines = events.lines()
    while block := list(islice(lines, BLOCK_LINES)):
        engine.block(block)
    records = []
    for partition in engine._partitions:
        for state in partition.users.values():
            state.ids = state.ids[-SPILL_IDS * KEY_BYTES :]
            records.append(encode_user(state))
    return records


def users_of(partitions: int, count: int) -> list[list[bytes]]:
    """`count` names, by partition."""
    place = Placing(partitions)
    found: list[list[bytes]] = [[] for _ in range(partitions)]
    for number in range(count):
        name = f"user-{number}"
        found[place(name)].append(name.encode())
    return found


async def write(home: House, records: list[bytes], count: int) -> None:
    """Put `count` users on the users' changelog, a partition after the other."""
    settings = home.settings
    clients = Clients(
        ClientConfig(
            bootstrap=(home.bootstrap,),
            client_id="bench",
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=60.0,
        )
    )
    await clients.start()
    try:
        topic, values = settings.topic("users-changelog"), cycle(records)
        for partition, names in enumerate(users_of(settings.partitions, count)):
            journal = KafkaJournal(clients.changelogs, clients.reader, topic, partition)
            await journal.append({OWNER_KEY: b"bench"}, EPOCH)
            for sequence, batch in enumerate(_batches(iter(names), values), 1):
                await journal.append(batch | _progress(sequence), EPOCH)
    finally:
        await clients.stop()


def _batches(names: Iterator[bytes], values: Iterator[bytes]) -> Iterator[dict[bytes, bytes | None]]:
    while some := list(islice(names, BATCH_USERS)):
        yield {USER_PREFIX + name: value for name, value in zip(some, values, strict=False)}


def _progress(sequence: int) -> dict[bytes, bytes | None]:
    return {META_KEY: msgpack.encode(Meta(sequence=sequence)), OUTBOX_KEY: msgpack.encode([])}
