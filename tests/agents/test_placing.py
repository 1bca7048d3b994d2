from aiokafka.partitioner import DefaultPartitioner

from agents.placing import partition_of


def test_a_key_belongs_where_the_producer_puts_it() -> None:
    place = DefaultPartitioner()
    for partitions in (1, 3, 6, 32):
        known = list(range(partitions))
        for number in range(300):
            key = f"user-{number * 7919}-ü".encode()
            assert partition_of(key, partitions) == place(key, known, known)
