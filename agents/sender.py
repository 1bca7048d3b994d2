"""Sends the outputs of a step: one record batch per topic and partition, all under way at once."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from aiokafka import AIOKafkaProducer

from agents.journal import TooLarge
from agents.shard import Output


class KafkaSender:
    """Sends through one producer. Within a topic partition, records keep their order."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send(self, outputs: Sequence[Output]) -> None:
        """Returns when the broker has acknowledged every record. Raises what the producer raises."""
        pending: list[asyncio.Future[object]] = []
        for (topic, partition), group in groupby(sorted(outputs, key=_target), key=_target):
            batch = self._producer.create_batch()
            for output in group:
                if not self._append(batch, output):
                    batch.close()
                    pending.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
                    if not self._append(batch, output):
                        raise TooLarge(f"a record for {topic} does not fit into a record batch")
            batch.close()
            pending.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*pending)

    @staticmethod
    def _append(batch: object, output: Output) -> bool:
        added = batch.append(  # type: ignore[attr-defined]
            key=output.key, value=output.value, timestamp=None, headers=list(output.headers)
        )
        return added is not None


def _target(output: Output) -> tuple[str, int]:
    return output.topic, output.partition
