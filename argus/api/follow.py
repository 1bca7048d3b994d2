"""Following topics as they grow, outside any consumer group, for as long as the process lives."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.access import OPEN, Access
from agents.patience import Patience
from argus.log import Seldom

logger = logging.getLogger(__name__)

POLL_MS: Final = 1_000
AGAIN_S: Final = 1.0
TOPICS_WITHIN_S: Final = 10.0
# The client says nothing of a broker that has gone: where nothing comes for so long, the broker is asked something.
QUIET_S: Final = 5.0
ANSWERS_WITHIN_S: Final = 5.0
STOPPED_WITHIN_S: Final = 5.0
Take = Callable[[Any], None]


class MissingTopics(Exception):
    """Topics that Argus needs are not there."""


class Silent(Exception):
    """The broker was there and does not answer any more."""


class Follower:
    """Hands every record of some topics to their `take`. A broker that goes away is waited for; reading goes on where
    it was. back: with how many records of each partition it begins, so that what is remembered outlives a restart."""

    def __init__(
        self,
        bootstrap: str,
        takes: Mapping[str, Take],
        partitions: int,
        *,
        wait_ms: int,
        back: int = 0,
        access: Access = OPEN,
    ) -> None:
        self._bootstrap = bootstrap
        self._access = access
        self._takes = takes
        self._wait_ms = wait_ms
        self._back = back
        self._targets = [TopicPartition(topic, number) for topic in takes for number in range(partitions)]
        self._positions: dict[TopicPartition, int] = {}
        self._seldom = Seldom()
        self.ready = False
        self.followed = asyncio.Event()
        self.trouble = "not connected yet"

    async def run(self) -> None:
        """Never returns; cancel it."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError, MissingTopics, Silent) as error:
                self.ready, self.trouble = False, str(error) or type(error).__name__
                if self._seldom("away") is not None:
                    logger.warning("cannot follow %s, trying again: %s", ", ".join(self._takes), self.trouble)
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        # Asking for a topic that is not there may create it, in whatever shape.
        missing = sorted(set(self._takes) - await _topics(self._bootstrap, self._access))
        if missing:
            raise MissingTopics(f"no topic {', '.join(missing)}: run `argus topics create`")
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=self._wait_ms,
            **self._access.options(),
        )
        patience = Patience(consumer, self._wait_ms)
        try:
            await consumer.start()
            consumer.assign(self._targets)
            await self._seek(consumer)
            self.ready, self.trouble = True, ""
            self.followed.set()
            heard_s = time.monotonic()
            while True:
                fetched = await consumer.getmany(timeout_ms=POLL_MS)
                if fetched:
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > QUIET_S:
                    await self._ask(consumer)
                    heard_s = time.monotonic()
                for target, records in fetched.items():
                    take = self._takes[target.topic]
                    for record in records:
                        self._one(take, record)
                    self._positions[target] = records[-1].offset + 1
                patience.after(bool(fetched), self._targets)
        finally:
            self.ready = False
            await _stopped(consumer)

    async def _ask(self, consumer: AIOKafkaConsumer) -> None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await consumer.beginning_offsets(self._targets[:1])
        except (KafkaError, TimeoutError):
            raise Silent(f"the broker on {self._bootstrap} does not answer") from None

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        """Where it was, or near the end. The embedded broker may name an end that is a batch too early."""
        firsts = await consumer.beginning_offsets(self._targets)
        ends = await consumer.end_offsets(self._targets)
        for target, end in ends.items():
            begin = max(firsts[target], end - self._back)
            consumer.seek(target, max(firsts[target], self._positions.get(target, begin)))

    def _one(self, take: Take, record: Any) -> None:
        try:
            take(record)
        except Exception:
            # One bad record must not take the others down; the sender is at fault, and the log says where.
            if self._seldom("bad") is not None:
                logger.exception("cannot use %s[%d]@%d", record.topic, record.partition, record.offset)


async def _stopped(consumer: AIOKafkaConsumer) -> None:
    """Stop it, whatever comes of that: without a broker it may be told that a task of its own was cancelled, which
    would be taken for a cancellation of ours."""
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=STOPPED_WITHIN_S)
    if not stopping.cancel() and not stopping.cancelled():
        stopping.exception()


async def _topics(bootstrap: str, access: Access) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **access.options())
    try:
        async with asyncio.timeout(TOPICS_WITHIN_S):
            await admin.start()
            return set(await admin.list_topics())
    finally:
        await admin.close()
