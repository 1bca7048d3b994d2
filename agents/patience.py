"""How long a fetch may take, and how much it may bring, so that the embedded broker answers soon.

For each fetch it looks through every record batch of a partition, and does so again and again while it finds records
that were not there the last time, until the wait is over or the partition's bytes are full. It also gives up, with an
empty answer and no error, where one look takes longer than the wait. So each consumer's limits follow what it meets:

- Bytes: few, so that one look is enough where records come all the time. An answer that leaves much behind, or a
  partition out, quadruples them; others halve them.
- Wait: short, since a look that finds nothing is followed by half of the wait that is left. An answer that brings
  nothing though there is something doubles it, one that leaves a partition out (events were measured to lie for
  150 ms beside others that came) lengthens it a little; answers that bring something shorten it again, slowly.

An answer carries each partition's end, so what it has not brought is known. Apache Kafka looks once, at once; there
these limits cost next to nothing.
"""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

LONGEST_MS: Final = 1_500
# While something comes with each answer. More would delay what comes next: a fetch of idle partitions holds up the
# others, and after a backlog nothing else is behind it.
LONGEST_FETCHING_MS: Final = 100
GROWTH: Final = 1.25
DECAY: Final = 0.97
# Of a partition: some ten events.
LEAST_BYTES: Final = 4_096
MUCH_RECORDS: Final = 32


class Patience:
    """Adjusts one consumer's fetch wait and bytes of a partition. aiokafka reads both anew for each request."""

    def __init__(self, consumer: AIOKafkaConsumer, shortest_ms: int) -> None:
        """The consumer's own limit of bytes is the most that it will ask for."""
        self._consumer = consumer
        self._shortest_ms = shortest_ms
        self._most_bytes: int = consumer._max_partition_fetch_bytes
        self._stood: dict[Any, int] = {}
        self.wait_ms = float(shortest_ms)
        self.fetch_bytes = self._most_bytes

    def after(self, fetched: bool, partitions: Any) -> None:
        """Call after each poll. fetched: it brought something; partitions: those that were asked for."""
        behind = {
            partition: place
            for partition in partitions
            if (place := self._place(partition)) is not None and place[1] > place[0]
        }
        left_out = any(self._stood.get(partition) == position for partition, (position, _) in behind.items())
        self._stood = {partition: position for partition, (position, _) in behind.items()}
        if behind and not fetched:
            self._take(min(LONGEST_MS, self.wait_ms * 2))
        elif left_out and self.wait_ms < LONGEST_FETCHING_MS:
            self._take(min(LONGEST_FETCHING_MS, self.wait_ms * GROWTH))
        elif fetched:
            self._take(max(self._shortest_ms, self.wait_ms * DECAY))
        much = any(end - position > MUCH_RECORDS for position, end in behind.values())
        if much or left_out:
            self._bring(min(self._most_bytes, self.fetch_bytes * 4))
        elif fetched:
            self._bring(max(min(LEAST_BYTES, self._most_bytes), self.fetch_bytes // 2))

    def _place(self, partition: Any) -> tuple[int, int] | None:
        """Where reading goes on, and where the partition ends. The end is unknown until the first answer."""
        target = TopicPartition(partition.topic, partition.partition)
        state = self._consumer._subscription.subscription
        known = state.assignment.state_value(target) if state is not None and state.assignment is not None else None
        if known is None or not known.has_valid_position or known.highwater is None:
            return None
        return known.position, known.highwater

    def _take(self, wait_ms: float) -> None:
        if int(wait_ms) != int(self.wait_ms):
            self._consumer._fetcher._fetch_max_wait_ms = int(wait_ms)
        self.wait_ms = wait_ms

    def _bring(self, fetch_bytes: int) -> None:
        if fetch_bytes != self.fetch_bytes:
            self._consumer._fetcher._max_partition_fetch_bytes = fetch_bytes
        self.fetch_bytes = fetch_bytes
