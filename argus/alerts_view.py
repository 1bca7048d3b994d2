"""Alerts as they come, for whoever watches a terminal or reads JSON lines."""

from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.access import OPEN, Access
from agents.patience import Patience

WAIT_MS = 50
POLL_MS = 1_000


class Tail:
    """Reads a topic's partitions as they grow, outside any consumer group."""

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, *, from_start: bool, access: Access = OPEN
    ) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=WAIT_MS,
            auto_offset_reset="earliest",
            **access.options(),
        )
        self._targets = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._from_start = from_start
        self._patience = Patience(self._consumer, WAIT_MS)

    async def start(self) -> None:
        """When it returns, nothing that is written from now on is missed."""
        await self._consumer.start()
        self._consumer.assign(self._targets)
        if self._from_start:
            for target in self._targets:
                self._consumer.seek(target, 0)
        else:
            ends = await self._consumer.end_offsets(self._targets)
            for target, end in ends.items():
                self._consumer.seek(target, end)

    async def stop(self) -> None:
        await self._consumer.stop()

    async def values(self) -> AsyncIterator[bytes]:
        """Never ends."""
        while True:
            records = await self._consumer.getmany(timeout_ms=POLL_MS)
            for batch in records.values():
                for record in batch:
                    if record.value is not None:
                        yield record.value
            self._patience.after(bool(records), self._targets)
