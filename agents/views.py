"""Compacted topics that every worker keeps whole: reputation, user-defined rules, and pins of models' versions.

A view reads all partitions from their beginning, without a group, then follows them. It stops the worker when it
can't go on: to decide without it would be to decide differently from the other workers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.patience import Patience

logger = logging.getLogger(__name__)

POLL_MS = 250


async def unheard(record: Any, error: Exception) -> None:
    """Nobody asks what was refused; the log says it."""


class View:
    """Feeds one compacted topic to `take(key, value)`, where a value of None is a deletion. A record that it refuses
    costs the others nothing."""

    def __init__(
        self,
        topic: str,
        partitions: int,
        take: Callable[[bytes, bytes | None], None],
        open_consumer: Callable[[], AIOKafkaConsumer],
        on_fatal: Callable[[BaseException], None],
        wait_ms: int,
        refused: Callable[[Any, Exception], Awaitable[None]] = unheard,
        stall_s: float = 30.0,
    ) -> None:
        """take: raises where it can't use a record. refused: is told of one that came while this view followed, with
        what `take` raised; those that lie in the topic from earlier were told of when they came. stall_s: how long
        its start may bring nothing before it is given up."""
        self._refused = refused
        self._stall_s = stall_s
        self._wait_ms = wait_ms
        self._targets = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._take = take
        self._open_consumer = open_consumer
        self._on_fatal = on_fatal
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what is there, then follow in the background. Raises KafkaError where it does not come."""
        self._consumer = consumer = self._open_consumer()
        await consumer.start()
        self._patience = Patience(consumer, self._wait_ms)
        try:
            consumer.assign(self._targets)
            await consumer.seek_to_beginning(*self._targets)
            await self._read(consumer)
        except BaseException:
            await consumer.stop()
            raise
        self._task = asyncio.create_task(self._follow(consumer))

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # Not by the task, which may have been cancelled before it began.
            await self._consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """Up to the ends that the first answers tell: what the embedded broker says when it is asked for them can't
        be trusted, nor that an answer without records has reached them."""
        now = asyncio.get_running_loop().time
        ends: dict[TopicPartition, int] = {}
        behind, moved_at = self._targets, now()
        while behind:
            fetched = await self._poll(consumer)
            if any(target in fetched for target in behind):
                moved_at = now()
            elif now() - moved_at > self._stall_s:
                raise KafkaError(f"{behind[0].topic} brought nothing of {len(behind)} partitions")
            for target in behind:
                if (end := consumer.highwater(target)) is not None:
                    ends.setdefault(target, end)
            behind = [
                target for target in behind if target not in ends or await consumer.position(target) < ends[target]
            ]

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                await self._poll(consumer)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("cannot follow %s", self._targets[0].topic)
            self._on_fatal(error)

    async def _poll(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, Any]:
        fetched: Mapping[TopicPartition, Any] = await consumer.getmany(*self._targets, timeout_ms=POLL_MS)
        for records in fetched.values():
            for record in records:
                try:
                    self._take(record.key, record.value)
                except Exception as error:  # noqa: BLE001 - one bad record must not take the others down
                    at = f"{record.topic}[{record.partition}]@{record.offset}"
                    logger.error("%s, key %.200r, is refused, the others go on: %s", at, record.key, error)
                    if self._task is not None:
                        await self._refused(record, error)
        self._patience.after(bool(fetched), self._targets)
        return fetched
