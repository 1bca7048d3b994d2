from aiokafka.partitioner import DefaultPartitioner

from agents.placing import PLACES_KEPT, Placing, partition_of


def test_a_key_belongs_where_the_producer_puts_it() -> None:
    place = DefaultPartitioner()
    for partitions in (1, 3, 6, 32):
        known = list(range(partitions))
        for number in range(300):
            key = f"user-{number * 7919}-ü".encode()
            assert partition_of(key, partitions) == place(key, known, known)


def test_an_agent_that_asks_again_and_again_gets_the_same_answer() -> None:
    place = Placing(6)
    users = [f"user-{number}" for number in range(500)] + ["née", "用户", ""]
    wanted = [partition_of(user.encode(), 6) for user in users]
    assert [place(user) for user in users] == wanted
    assert [place(user) for user in users] == wanted
    assert set(wanted) == set(range(6))


def test_what_is_remembered_of_keys_is_bounded() -> None:
    place = Placing(4)
    for number in range(PLACES_KEPT + 10):
        place(str(number))
    assert len(place._known) <= PLACES_KEPT
    assert place("7") == partition_of(b"7", 4)
