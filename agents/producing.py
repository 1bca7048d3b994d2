"""A producer that tells how long the broker takes, and what it did not take."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from agents.meters import UNMETERED, SendMeter


class MeteredProducer:
    """The part of an aiokafka producer that Argus uses, counted by batch.

    Batches for one partition are handed over in turn. aiokafka has room for one that waits, and counts the time of
    those that wait for room over and over, so that a few callers at once make it give up after a fraction of its
    time (0.14.0, `MessageAccumulator.add_batch`).
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        meter: SendMeter = UNMETERED,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        turn_within_s: float = 30.0,
    ) -> None:
        """turn_within_s: how long a batch may wait for its turn."""
        self._producer = producer
        self._meter = meter
        self._monotonic = monotonic
        self._turn_within_s = turn_within_s
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}
        self._under_way: dict[asyncio.Future[Any], tuple[str, float]] = {}

    def create_batch(self) -> Any:
        return self._producer.create_batch()

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        """Answers a future of the batch's metadata. Raises what the producer raises, and KafkaTimeoutError when the
        batch's turn does not come."""
        begin, records = self._monotonic(), batch.record_count()
        turn = self._turns.setdefault((topic, partition), asyncio.Lock())
        try:
            async with asyncio.timeout(self._turn_within_s):
                await turn.acquire()
        except TimeoutError:
            raise KafkaTimeoutError(f"no batch for {topic}[{partition}] was taken for long") from None
        try:
            delivered: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        finally:
            turn.release()
        self._follow(delivered, topic, records, begin)
        return delivered

    async def send_and_wait(self, topic: str, value: bytes | None, *, key: bytes | None, partition: int) -> None:
        """Returns when the broker has the record. Raises what the producer raises."""
        begin = self._monotonic()
        delivered = await self._producer.send(topic, value, key=key, partition=partition)
        self._follow(delivered, topic, 1, begin)
        await delivered

    def oldest_unacked_s(self) -> Mapping[str, float]:
        """How long the oldest batch of each topic has been waiting, for topics where one does."""
        now, oldest = self._monotonic(), dict[str, float]()
        for topic, begin in self._under_way.values():
            oldest[topic] = max(oldest.get(topic, 0.0), now - begin)
        return oldest

    def _follow(self, delivered: asyncio.Future[Any], topic: str, records: int, begin: float) -> None:
        self._under_way[delivered] = topic, begin

        def done(future: asyncio.Future[Any]) -> None:
            self._under_way.pop(future, None)
            if future.cancelled() or future.exception() is not None:
                self._meter.refused(topic, records)
            else:
                self._meter.sent(topic, records, self._monotonic() - begin)

        delivered.add_done_callback(done)
