"""What outlives the embedded broker: locks, user-defined rules and open cases, put back into a new one's topics.

They come from the database, before any worker runs. A worker's state is its changelog, so that is where they go, as
if an owner before it had written them: versions go on, deadlines stand, and what the topics tell is the same bytes.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.cases import KIND
from agents.clients import ClientConfig, Clients
from agents.journal import OWNER_KEY, KafkaJournal
from agents.placing import partition_of
from agents.sender import KafkaSender
from agents.shard import META_KEY, Meta, Output
from agents.timers import key as timer_key
from argus.settings import Settings
from argus.store import tables
from argus.store.engine import database_url, exists, masked
from argus.store.store import Store
from core.cases import due_ms
from core.records import Alert, Case, Lock
from core.respond import lock_at
from core.restored import Subject, case_state, subject_of, user_state
from tables.user_table import USER_PREFIX
from tables.users import encode_user

OWNER: Final = b"argus up"
# The epoch of the first owner of a partition; the worker's will be higher.
EPOCH: Final = 1
ENTRIES_AT_ONCE: Final = 200
IDS_AT_ONCE: Final = 500
# Marks what people have been told already.
RESTORED: Final = (("restored", b"1"),)

Entries = dict[bytes, bytes | None]


class Restored(Struct, frozen=True):
    """How many of each were put back. locks: those in force, challenges too."""

    database: str
    locks: int
    rules: int
    cases: int

    def __str__(self) -> str:
        counts = (
            f"{count} {name}{'' if count == 1 else 's'}"
            for count, name in ((self.locks, "lock"), (self.rules, "rule"), (self.cases, "open case"))
        )
        return f"from {self.database}: {', '.join(counts)}"


class Kept(Struct):
    """What the database has: records by their key. names: of users, cases or rules."""

    locks: dict[str, str]
    rules: dict[str, str]
    cases: dict[str, str]
    alerts: list[Alert]


async def restore(settings: Settings, bootstrap: str) -> Restored | None:
    """To be called when the topics are there and new, and nobody works on them. None where the database has nothing.
    Raises what the database and the broker raise."""
    url = database_url(settings)
    if not exists(url):
        return None
    store = Store(url)
    try:
        await store.migrate()
        async with store.reading() as connection:
            kept = await _read(connection)
    finally:
        await store.close()
    if not (kept.locks or kept.rules or kept.cases):
        return None
    clients = Clients(
        ClientConfig(
            bootstrap=tuple(bootstrap.split(",")),
            client_id=f"{settings.app_id}-restore",
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=10.0,
        )
    )
    await clients.start()
    try:
        now_ms = time.time_ns() // 1_000_000
        users, in_force = _users(kept, settings, now_ms)
        await _append(clients, settings.topic("users-changelog"), users, now_ms)
        await _append(clients, settings.topic("cases-changelog"), _cases(kept, settings), now_ms)
        outputs = [*in_force, *_rules(kept, settings), *_case_records(kept, settings)]
        if outputs:
            await KafkaSender(clients.producer, clients.batch_bytes).send(outputs)
    finally:
        await clients.stop()
    return Restored(masked(url), len(in_force), len(kept.rules), len(kept.cases))


async def _read(connection: AsyncConnection) -> Kept:
    locks, rules, cases, alerts = tables.locks.c, tables.rules.c, tables.cases.c, tables.alerts.c
    kept = Kept(
        await _pairs(connection, select(locks.user_id, locks.record)),
        await _pairs(connection, select(rules.rule_id, rules.record)),
        await _pairs(connection, select(cases.case_id, cases.record).where(cases.status != "resolved")),
        [],
    )
    wanted = [alert_id for record in kept.cases.values() for alert_id in _case(record).alert_ids]
    for first in range(0, len(wanted), IDS_AT_ONCE):
        some = alerts.alert_id.in_(wanted[first : first + IDS_AT_ONCE])
        found = await connection.scalars(select(alerts.record).where(some))
        kept.alerts += map(_alert, found.all())
    return kept


async def _pairs(connection: AsyncConnection, query: Any) -> dict[str, str]:
    return {row[0]: row[1] for row in (await connection.execute(query)).all()}


def _users(kept: Kept, settings: Settings, now_ms: int) -> tuple[Mapping[int, Entries], list[Output]]:
    """Everybody who was ever held up, since versions of a lock never begin again; records of those who still are."""
    entries: dict[int, Entries] = defaultdict(dict)
    in_force: list[Output] = []
    for record in kept.locks.values():
        lock = _lock(record)
        state, user = user_state(lock), lock.user_id.encode()
        partition = partition_of(user, settings.partitions)
        entries[partition][USER_PREFIX + user] = encode_user(state)
        if state.lock is not None and state.lock.state != "unlocked" and state.lock.until_ms is not None:
            entries[partition][timer_key(state.lock.until_ms, lock.user_id)] = b""
        if lock_at(state.lock, now_ms) != "unlocked":
            in_force.append(Output(settings.topic("locks"), partition, user, record.encode(), RESTORED))
    return entries, in_force


def _cases(kept: Kept, settings: Settings) -> Mapping[int, Entries]:
    subjects: dict[str, Subject] = {}
    alerts = {alert.alert_id: alert for alert in kept.alerts}
    for record in kept.cases.values():
        case = _case(record)
        key = subject_of(case)
        subject = subjects.setdefault(key, Subject(key, [], []))
        subject.cases.append(case)
        subject.alerts += [alerts[alert_id] for alert_id in case.alert_ids if alert_id in alerts]
    entries: dict[int, Entries] = defaultdict(dict)
    for subject in subjects.values():
        state = case_state(subject, settings.policy)
        partition = partition_of(subject.key.encode(), settings.partitions)
        due = due_ms(state, settings.policy)
        if due is not None:
            state.timer_ms = due
            entries[partition][timer_key(due, subject.key)] = b""
        entries[partition][KIND.prefix + subject.key.encode()] = KIND.codec.encode(state)
    return entries


def _case_records(kept: Kept, settings: Settings) -> Iterable[Output]:
    topic, partitions = settings.topic("cases"), settings.partitions
    return (
        Output(topic, partition_of(case_id.encode(), partitions), case_id.encode(), record.encode(), RESTORED)
        for case_id, record in kept.cases.items()
    )


def _rules(kept: Kept, settings: Settings) -> Iterable[Output]:
    topic = settings.topic("rules")
    return (Output(topic, 0, rule_id.encode(), record.encode()) for rule_id, record in kept.rules.items())


async def _append(clients: Clients, changelog: str, entries: Mapping[int, Entries], now_ms: int) -> None:
    """Write the changelogs of new partitions, under a marker as every owner has."""
    for partition, changes in entries.items():
        journal = KafkaJournal(clients.producer, clients.reader, changelog, partition)
        await journal.append({OWNER_KEY: OWNER}, EPOCH)
        await journal.append({META_KEY: msgspec.msgpack.encode(Meta(clock_ms=now_ms))}, EPOCH)
        names = list(changes)
        for first in range(0, len(names), ENTRIES_AT_ONCE):
            await journal.append({name: changes[name] for name in names[first : first + ENTRIES_AT_ONCE]}, EPOCH)


_alert: Final = msgspec.json.Decoder(Alert).decode
_case: Final = msgspec.json.Decoder(Case).decode
_lock: Final = msgspec.json.Decoder(Lock).decode
