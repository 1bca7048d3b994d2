"""Where a user's events belong: the partition of the user's id, wherever the producer put them.

Java's clients and aiokafka place a key by murmur2, librdkafka by CRC32; without this one user would have two states.
"""

from aiokafka.partitioner import murmur2

PLACES_KEPT = 100_000


def partition_of(key: bytes, partitions: int) -> int:
    """Where Java's clients and aiokafka put a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Placing:
    """`partition_of` for keys that come again and again; murmur2 in Python costs some microseconds."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[str, int] = {}

    def __call__(self, key: str) -> int:
        partition = self._known.get(key)
        if partition is None:
            if len(self._known) >= PLACES_KEPT:
                self._known.clear()
            partition = self._known[key] = partition_of(key.encode(), self._partitions)
        return partition
