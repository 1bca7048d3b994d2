from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from agents.patience import LEAST_BYTES, LONGEST_FETCHING_MS, LONGEST_MS, MUCH_RECORDS, Patience

MOST_BYTES = 1 << 20

HERE = TopicPartition("events", 0)
GONE = TopicPartition("events", 1)


class Consumer:
    """The parts of aiokafka's that are looked at and set; `test_transport` holds them against the real one."""

    def __init__(self, position: int | None = 0, highwater: int = 0) -> None:
        self.state = SimpleNamespace(has_valid_position=position is not None, position=position, highwater=highwater)
        assignment = SimpleNamespace(state_value={HERE: self.state}.get)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
        self._max_partition_fetch_bytes = MOST_BYTES
        self._fetcher = SimpleNamespace(_fetch_max_wait_ms=10, _max_partition_fetch_bytes=MOST_BYTES)

    @property
    def wait_ms(self) -> int:
        wait_ms: int = self._fetcher._fetch_max_wait_ms
        return wait_ms

    @property
    def fetch_bytes(self) -> int:
        fetch_bytes: int = self._fetcher._max_partition_fetch_bytes
        return fetch_bytes


def patience(consumer: Any) -> Patience:
    return Patience(consumer, 10)


def test_an_empty_answer_with_data_behind_it_doubles_the_wait_up_to_the_longest() -> None:
    consumer = Consumer(position=5, highwater=9)
    at_hand = patience(consumer)
    waits = []
    for _ in range(9):
        at_hand.after(False, [HERE])
        waits.append(consumer.wait_ms)
    assert waits == [20, 40, 80, 160, 320, 640, 1_280, LONGEST_MS, LONGEST_MS]


def test_an_answer_that_brings_others_and_leaves_a_partition_out_lengthens_the_wait_too() -> None:
    consumer = Consumer(position=5, highwater=9)
    at_hand = patience(consumer)
    for _ in range(2):  # it stands where it stood
        at_hand.after(True, [HERE])
    assert 10 < consumer.wait_ms < 20
    for _ in range(100):
        at_hand.after(True, [HERE])
    assert 90 < consumer.wait_ms <= LONGEST_FETCHING_MS


def test_a_partition_that_moves_on_and_never_comes_to_its_end_is_not_left_out() -> None:
    consumer = Consumer(position=0, highwater=9)
    at_hand = patience(consumer)
    for _ in range(20):
        at_hand.after(True, [HERE])
        consumer.state.position += 5
        consumer.state.highwater += 5
    assert consumer.wait_ms == 10


def test_answers_that_leave_little_behind_halve_the_bytes_down_to_a_few_events() -> None:
    consumer = Consumer(position=9, highwater=9)
    at_hand = patience(consumer)
    at_hand.after(True, [HERE])
    assert consumer.fetch_bytes == MOST_BYTES // 2
    for number in range(20):
        consumer.state.position, consumer.state.highwater = number, number + MUCH_RECORDS
        at_hand.after(True, [HERE])
    assert consumer.fetch_bytes == LEAST_BYTES


def test_answers_that_leave_much_behind_or_a_partition_out_quadruple_the_bytes_up_to_the_consumers_own_limit() -> (
    None
):
    consumer = Consumer(position=9, highwater=9)
    at_hand = patience(consumer)
    for _ in range(20):
        at_hand.after(True, [HERE])
    sizes = []
    for number in range(5):
        consumer.state.position, consumer.state.highwater = number, number + MUCH_RECORDS + 1
        at_hand.after(True, [HERE])
        sizes.append(consumer.fetch_bytes)
    assert sizes == [4 * LEAST_BYTES, 16 * LEAST_BYTES, 64 * LEAST_BYTES, MOST_BYTES, MOST_BYTES]
    for _ in range(20):
        consumer.state.position += 1
        consumer.state.highwater = consumer.state.position + 1
        at_hand.after(True, [HERE])
    assert consumer.fetch_bytes == LEAST_BYTES
    for _ in range(2):
        at_hand.after(True, [HERE])
    assert consumer.fetch_bytes == 4 * 4 * LEAST_BYTES, "it stands where it stood, though little is left"


def test_a_consumer_that_asks_for_less_than_that_keeps_its_limit() -> None:
    consumer = Consumer(position=9, highwater=9)
    consumer._max_partition_fetch_bytes = consumer._fetcher._max_partition_fetch_bytes = 100
    at_hand = patience(consumer)
    at_hand.after(True, [HERE])
    assert consumer.fetch_bytes == 100


def test_answers_that_bring_all_there_is_shorten_it_slowly_and_never_below_the_shortest() -> None:
    consumer = Consumer(position=5, highwater=9)
    at_hand = patience(consumer)
    at_hand.after(False, [HERE])
    consumer.state.position = 9
    at_hand.after(True, [HERE])
    assert 10 < consumer.wait_ms < 20
    for _ in range(100):
        at_hand.after(True, [HERE])
    assert consumer.wait_ms == 10


def test_an_empty_answer_at_the_end_changes_nothing() -> None:
    for consumer in (Consumer(position=9, highwater=9), Consumer(position=None, highwater=9)):
        patience(consumer).after(False, [HERE])
        assert consumer.wait_ms == 10


def test_partitions_that_are_not_assigned_are_not_asked_about() -> None:
    consumer = Consumer(position=5, highwater=9)
    patience(consumer).after(False, [GONE])
    assert consumer.wait_ms == 10
    consumer._subscription.subscription = None  # type: ignore[assignment]
    patience(consumer).after(False, [HERE])
    assert consumer.wait_ms == 10
