"""Sends the outputs of a step: a record batch or more per topic and partition, all under way at once."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from agents.producing import MeteredProducer
from agents.shard import Output

# A broker takes no larger batch unless a topic says so, as the rejected topic does.
BATCH_BYTES: Final = 1 << 20


class KafkaSender:
    """Sends through one producer. Within a topic partition, records keep their order."""

    def __init__(self, producer: MeteredProducer, batch_bytes: int = BATCH_BYTES) -> None:
        """batch_bytes: of a record batch, before compression; a larger record has a batch of its own."""
        self._producer = producer
        self._batch_bytes = batch_bytes

    async def send(self, outputs: Sequence[Output]) -> None:
        """Returns when the broker has acknowledged every record. Raises what the producer raises."""
        pending: list[asyncio.Future[object]] = []
        by_target: dict[tuple[str, int], list[Output]] = {}
        for output in outputs:
            by_target.setdefault((output.topic, output.partition), []).append(output)
        for (topic, partition), group in by_target.items():
            batch = self._producer.create_batch()
            for output in group:
                if not self._append(batch, output):
                    pending.append(await self._send(batch, topic, partition))
                    batch = self._producer.create_batch()
                    self._append(batch, output)
            pending.append(await self._send(batch, topic, partition))
        await asyncio.gather(*pending)

    def _append(self, batch: Any, output: Output) -> bool:
        """Whether there was room. An empty batch has room for anything."""
        if batch.record_count() and batch.size() + _size(output) > self._batch_bytes:
            return False
        added = batch.append(key=output.key, value=output.value, timestamp=None, headers=list(output.headers))
        return added is not None

    async def _send(self, batch: Any, topic: str, partition: int) -> asyncio.Future[object]:
        batch.close()
        delivered: asyncio.Future[object] = await self._producer.send_batch(batch, topic, partition=partition)
        return delivered


def _size(output: Output) -> int:
    """What a record takes in a batch, at most."""
    size = len(output.key or b"") + len(output.value or b"") + 32
    for name, value in output.headers:
        size += len(name) + len(value) + 8
    return size
