"""A partition at work in tests: the real store, core and rule book, with a journal and a wire in memory.

Hand `services` what the test is about; everything else is as a worker would have it.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rocksdict import Cache

from agents.detect import Detect
from agents.intake import Rejections
from agents.learn import Learn
from agents.placing import Placing
from agents.respond import Respond
from agents.services import Services, TopicNames
from agents.shard import Output, Shard
from agents.sources import SourceWork
from agents.users import UserWork
from core.events import nowhere
from core.features import FEATURES
from core.policy import Policy
from core.reputation import Reputations
from core.rules.book import RuleBook
from core.rules.custom import NO_CUSTOM_RULES
from tables.store import Store
from tests.agents.fakes import Log, ManualClock, MemoryJournal, MemorySender

NOON_MS = 1_772_452_800_000  # 2026-03-02T12:00:00Z
MINUTE_MS = 60_000
TOPICS = TopicNames(**{name: name for name in TopicNames.__struct_fields__})
PARTITIONS = 2
PLACE = Placing(PARTITIONS)
CACHE = Cache(1024 * 1024)
KEY = b"k" * 32


class Record(NamedTuple):
    """What agents read of a consumer's record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = NOON_MS
    headers: tuple[tuple[str, bytes], ...] = ()


class Reports:
    """A meter that writes down what it is told: `reports["rejected"]` is a list of argument tuples."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[Any, ...]]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *facts: self.told.setdefault(name, []).append(facts)

    def __getitem__(self, name: str) -> list[tuple[Any, ...]]:
        return self.told.get(name, [])


class Town:
    """Logs, wire and clocks that outlive the processes on them."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.path = path
        self.now_ms = NOON_MS
        self.monotonic = ManualClock()
        self.wire: list[Output] = []
        self.logs: dict[str, Log] = {}
        self.reports = Reports()
        self.reputations = Reputations()
        self.records: dict[str, list[Record]] = {}
        self._more = more

    def services(self) -> Services:
        facts: dict[str, Any] = {
            "topics": TOPICS,
            "partitions": PARTITIONS,
            "book": RuleBook(),
            "policy": Policy(),
            "custom": lambda: NO_CUSTOM_RULES,
            "reputation": self.reputations,
            "locate": nowhere,
            "now_ms": lambda: self.now_ms,
            "monotonic": self.monotonic,
            "meter": self.reports,
            "snapshot_key": KEY,
            "model_seed": 1,
            "cached_users": 100,
            "snapshot_every": 1_000_000,
            "dormant_ms": 400 * 24 * 60 * MINUTE_MS,
            "signals_every_s": 0.0,
        }
        return Services(**(facts | self._more))

    def shard(self, table: str, partition: int, disk: str, max_entries: int) -> Shard:
        return Shard(
            partition=partition,
            owner=disk,
            store=Store(self.path / disk / table / str(partition), CACHE, 1),
            journal=MemoryJournal(self.logs.setdefault(f"{table}{partition}", Log()), max_entries=max_entries),
            sender=MemorySender(self.wire),
            monotonic=self.monotonic,
            recheck_s=5.0,
        )

    async def users(self, partition: int = 0, *, disk: str = "a", max_entries: int = 1_000_000) -> UserWork:
        """A started process with the users of a partition."""
        rejections = Rejections(TOPICS.rejected)
        work = UserWork(
            self.services(),
            self.shard("users", partition, disk, max_entries),
            {
                TOPICS.events: Detect(PLACE, rejections),
                TOPICS.feedback: Learn(PLACE, rejections),
                TOPICS.commands: Respond(PLACE, rejections, KEY),
            },
            self._missed,
            FEATURES,
            PLACE,
        )
        await work.start()
        return work

    async def sources(self, partition: int = 0, *, disk: str = "a", max_entries: int = 1_000_000) -> SourceWork:
        """A started process with the sources of a partition."""
        work = SourceWork(self.services(), self.shard("sources", partition, disk, max_entries), 100, self._missed)
        await work.start()
        return work

    def topic(self, topic: str, values: Sequence[bytes | None], partition: int = 0, first: int = 0) -> list[Record]:
        """Records as the broker would bring them, which it can also be asked for again."""
        records = [Record(topic, partition, first + at, b"k", value) for at, value in enumerate(values)]
        self.records.setdefault(topic, []).extend(records)
        return records

    def sent(self, topic: str) -> list[Any]:
        """What was sent to a topic, decoded from JSON."""
        return [msgspec.json.decode(output.value or b"null") for output in self.wire if output.topic == topic]

    async def _missed(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        yield [
            record
            for record in self.records.get(topic, [])
            if record.partition == partition and start <= record.offset < end
        ]


def users_of(partition: int, count: int) -> list[str]:
    """Users who belong to a partition."""
    names = (f"user-{number}" for number in range(10_000))
    return [name for name in names if PLACE(name) == partition][:count]


def event(user: str, number: int, type_: str = "page_view", at_ms: int = NOON_MS, **fields: Any) -> bytes:
    """One event of the contract as it comes."""
    facts: Mapping[str, Any] = {"event_id": f"{user}-{number}", "type": type_, "user_id": user, "time": at_ms}
    return msgspec.json.encode({**facts, **fields})


def burst(user: str, payments: int = 10, at_ms: int = NOON_MS, first: int = 0) -> list[bytes]:
    """Payments by the second; ten of them lock their user for a day."""
    return [
        event(user, first + at, "transaction", at_ms + at * 1_000, amount=10.0 + at, currency="USD")
        for at in range(payments)
    ]
