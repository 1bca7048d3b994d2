"""How long a fetch may take on the embedded broker.

It looks through every record batch of a partition for each fetch, and gives up, with an empty answer and no error,
when the fetch's wait is over. So the short wait that makes it quick stalls a consumer for good once a partition holds
some 20,000 batches, and long before that leaves out partitions for several answers in a row: events were measured
to lie for 150 ms beside others that came. The answer does carry a partition's end: data is there, and was not
brought. Then the wait grows, doubled if nothing came at all; answers that leave nothing behind shorten it again,
slowly. Apache Kafka always brings something of what is there.
"""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

LONGEST_MS: Final = 1_500
# While something comes with each answer. More would delay what comes next: a fetch of idle partitions holds up the
# others, and after a backlog nothing else is behind it.
LONGEST_FETCHING_MS: Final = 100
GROWTH: Final = 1.25
DECAY: Final = 0.97


class Patience:
    """Adjusts one consumer's fetch wait. aiokafka reads it anew for each request."""

    def __init__(self, consumer: AIOKafkaConsumer, shortest_ms: int) -> None:
        self._consumer = consumer
        self._shortest_ms = shortest_ms
        self.wait_ms = float(shortest_ms)

    def after(self, fetched: bool, partitions: Any) -> None:
        """Call after each poll. fetched: it brought something; partitions: those that were asked for."""
        behind = any(self._behind(partition) for partition in partitions)
        if behind and not fetched:
            self._set(min(LONGEST_MS, self.wait_ms * 2))
        elif behind and self.wait_ms < LONGEST_FETCHING_MS:
            self._set(min(LONGEST_FETCHING_MS, self.wait_ms * GROWTH))
        elif fetched:
            self._set(max(self._shortest_ms, self.wait_ms * DECAY))

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
