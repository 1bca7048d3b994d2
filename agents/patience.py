"""How long a fetch may take on the embedded broker.

It looks through every record batch of a partition for each fetch, and gives up, with an empty answer and no error,
when the fetch's wait is over. So the short wait that makes it quick stalls a consumer for good once a partition holds
some 20,000 batches. The empty answer does carry the partition's end: data is there, and was not brought. Then the
wait is doubled; answers that bring something shorten it again, slowly. Apache Kafka never answers like that.
"""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

LONGEST_MS: Final = 1_500
DECAY: Final = 0.98


class Patience:
    """Adjusts one consumer's fetch wait. aiokafka reads it anew for each request."""

    def __init__(self, consumer: AIOKafkaConsumer, shortest_ms: int) -> None:
        self._consumer = consumer
        self._shortest_ms = shortest_ms
        self.wait_ms = float(shortest_ms)

    def after(self, fetched: bool, partitions: Any) -> None:
        """Call after each poll. fetched: it brought something; partitions: those that were asked for."""
        if fetched:
            self._set(max(self._shortest_ms, self.wait_ms * DECAY))
        elif self.wait_ms < LONGEST_MS and any(self._behind(partition) for partition in partitions):
            self._set(min(LONGEST_MS, self.wait_ms * 2))

    def _behind(self, partition: Any) -> bool:
        target = TopicPartition(partition.topic, partition.partition)
        state = self._consumer._subscription.subscription
        known = state.assignment.state_value(target) if state is not None and state.assignment is not None else None
        if known is None or not known.has_valid_position:
            return False
        # The end is unknown until the first answer.
        return known.highwater is not None and known.highwater > known.position

    def _set(self, wait_ms: float) -> None:
        if int(wait_ms) != int(self.wait_ms):
            self._consumer._fetcher._fetch_max_wait_ms = int(wait_ms)
        self.wait_ms = wait_ms
