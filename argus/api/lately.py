"""What has happened lately: the newest events as they came, read from the topic when somebody asks.

The database has no events, and the stream keeps none: so what people want to see of them (the raw event of an alert,
a user's last steps, a rule tried on recent life) is a bounded read of the topic's end. Nothing is read while nobody
asks, and what was read before is not read again.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from agents.placing import Placing
from argus.kafka_access import access_of
from argus.log import Seldom
from argus.settings import Settings

logger = logging.getLogger(__name__)

# Of each partition.
KEPT: Final = 5_000
KEPT_BYTES: Final = 8 * 1_024 * 1_024
WITHIN_S: Final = 3.0
FETCH_MS: Final = 50
FETCHED_AT_ONCE: Final = 2_000


class Past(NamedTuple):
    """An event's record. at_ms: when it came in, by the broker or by whoever sent it; raw: as it was sent."""

    at_ms: int
    user_id: bytes
    raw: bytes


class _Id(Struct):
    event_id: str


class Tail:
    """The newest events of one partition, `KEPT` and `KEPT_BYTES` at most. position: of the next record to read."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.events: deque[Past] = deque()
        self._bytes = 0

    def add(self, past: Past) -> None:
        self.events.append(past)
        self._bytes += len(past.raw)
        while len(self.events) > KEPT or self._bytes > KEPT_BYTES:
            self._bytes -= len(self.events.popleft().raw)


class Lately:
    """The newest events of each partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._access = access_of(settings)
        self._place = Placing(settings.partitions)
        self._consumer: AIOKafkaConsumer | None = None
        self._tails: dict[int, Tail] = {}
        self._turn = asyncio.Lock()
        self._seldom = Seldom()

    async def of_user(self, user_id: str, most: int = 100) -> list[Past] | None:
        """A user's newest events, the newest first; None where the topic cannot be read now."""
        partition, key = self._place(user_id), user_id.encode()
        if not await self._refresh([partition]):
            return None
        return [past for past in reversed(self._tails[partition].events) if past.user_id == key][:most]

    async def event(self, user_id: str, event_id: str) -> bytes | None:
        """One event as it was sent, None where it is not among the newest or the topic cannot be read now."""
        found = await self.of_user(user_id, KEPT) or []
        return next((past.raw for past in found if _named(past.raw) == event_id), None)

    async def named(self, user_id: str, event_ids: Collection[str]) -> set[str]:
        """Which of some events are among a user's newest."""
        found = await self.of_user(user_id, KEPT) or []
        return {name for past in found if (name := _named(past.raw)) is not None and name in event_ids}

    async def newest(self, most: int) -> list[Past] | None:
        """The newest events of all users, in order of arrival; None where the topic cannot be read now."""
        partitions = range(self._settings.partitions)
        if not await self._refresh(partitions):
            return None
        every = [past for partition in partitions for past in self._tails[partition].events]
        every.sort(key=lambda past: past.at_ms)
        return every[-most:]

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                await consumer.stop()

    async def _refresh(self, partitions: Iterable[int]) -> bool:
        """Read what has come since the last time. Whether that went well."""
        try:
            async with asyncio.timeout(WITHIN_S), self._turn:
                await self._read([TopicPartition(self._settings.topic("events"), number) for number in partitions])
        except (KafkaError, OSError, TimeoutError) as error:
            if self._seldom("read") is not None:
                logger.warning("recent events cannot be read: %s", str(error) or type(error).__name__)
            return False
        return True

    async def _read(self, targets: list[TopicPartition]) -> None:
        consumer = await self._opened()
        consumer.assign(targets)
        firsts = await consumer.beginning_offsets(targets)
        ends = await consumer.end_offsets(targets)
        for target, end in ends.items():
            begin = max(firsts[target], end - KEPT)
            tail = self._tails.get(target.partition)
            if tail is None or tail.position < begin:
                tail = self._tails[target.partition] = Tail(begin)
            consumer.seek(target, tail.position)
        while True:
            # The embedded broker names the first offset of the last batch for its end: hence one fetch more.
            there = all(self._tails[target.partition].position >= ends[target] for target in targets)
            fetched = await consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCHED_AT_ONCE)
            for target, records in fetched.items():
                tail = self._tails[target.partition]
                for record in records:
                    tail.add(Past(record.timestamp, record.key or b"", record.value or b""))
                tail.position = records[-1].offset + 1
            if there:
                return

    async def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.broker,
                client_id=f"{self._settings.app_id}-serve-lately",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=min(self._settings.fetch_max_wait_ms, FETCH_MS),
                **self._access.options(),
            )
            try:
                await consumer.start()
            except BaseException:
                with contextlib.suppress(KafkaError, OSError):
                    await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer


def _named(raw: bytes) -> str | None:
    try:
        return _id(raw).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_id: Final = msgspec.json.Decoder(_Id).decode
