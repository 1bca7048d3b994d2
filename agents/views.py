"""Compacted topics that every worker keeps whole: reputation, and user-defined rules.

A view reads all partitions from their beginning, without a group, then follows them. It stops the worker when it
can't go on: to decide without it would be to decide differently from the other workers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.patience import Patience

logger = logging.getLogger(__name__)

POLL_MS = 250
QUIET_POLLS = 2


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
    ) -> None:
        """take: raises where it can't use a record. refused: is told of one that came while this view followed, with
        what `take` raised; those that lie in the topic from earlier were told of when they came."""
        self._refused = refused
        self._wait_ms = wait_ms
        self._targets = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._take = take
        self._open_consumer = open_consumer
        self._on_fatal = on_fatal
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what is there, then follow in the background. Two quiet polls mean that it has been read: the
        embedded broker's answers about a topic's end can't be trusted."""
        self._consumer = consumer = self._open_consumer()
        await consumer.start()
        self._patience = Patience(consumer, self._wait_ms)
        try:
            consumer.assign(self._targets)
            await consumer.seek_to_beginning(*self._targets)
            quiet = 0
            while quiet < QUIET_POLLS:
                quiet = 0 if await self._poll(consumer) else quiet + 1
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

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                await self._poll(consumer)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("cannot follow %s", self._targets[0].topic)
            self._on_fatal(error)

    async def _poll(self, consumer: AIOKafkaConsumer) -> bool:
        fetched = await consumer.getmany(*self._targets, timeout_ms=POLL_MS)
        for records in fetched.values():
            for record in records:
                try:
                    self._take(record.key, record.value)
                except Exception as error:  # noqa: BLE001 - one bad record must not take the others down
                    at = f"{record.topic}[{record.partition}]@{record.offset}"
                    logger.error("%s, key %.200r, is refused, the others go on: %s", at, record.key, error)
                    if self._task is not None:
                        await self._refused(record, error)
        found = any(fetched.values())
        self._patience.after(found, self._targets)
        return found
