import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.clients import FOLLOW_WAIT_MS, ClientConfig, Clients
from agents.views import View
from tests.agents.household import Record
from tests.agents.test_journal import new_topic

ONE, OTHER = TopicPartition("reputation", 0), TopicPartition("reputation", 1)


class Consumer:
    """Brings the answers it was given, one a poll; then whatever is put into `later`, and an exception as one. A
    partition's end is behind all of them; where it is `ahead`, so many records behind what has been read, always."""

    def __init__(
        self, *answers: list[Record] | Exception, ahead: Mapping[TopicPartition, int] = MappingProxyType({})
    ) -> None:
        self.answers = list(answers)
        self.ahead = ahead
        self.read: Counter[TopicPartition] = Counter()
        self.later: asyncio.Queue[list[Record] | Exception] = asyncio.Queue()
        self.targets: list[TopicPartition] = []
        self.sought: list[TopicPartition] = []
        self.started = self.stopped = 0
        self.polls = 0
        self.following = False
        self._subscription = SimpleNamespace(subscription=None)
        self._max_partition_fetch_bytes = 1 << 20
        self._fetcher = SimpleNamespace()

    async def start(self) -> None:
        self.started += 1

    async def stop(self) -> None:
        self.stopped += 1

    def assign(self, targets: list[TopicPartition]) -> None:
        self.targets = targets

    async def seek_to_beginning(self, *targets: TopicPartition) -> None:
        self.sought = list(targets)

    def highwater(self, target: TopicPartition) -> int | None:
        if not self.polls:
            return None
        coming = (record for answer in self.answers if isinstance(answer, list) for record in answer)
        left = sum((record.topic, record.partition) == target for record in coming)
        return self.read[target] + self.ahead.get(target, left)

    async def position(self, target: TopicPartition) -> int:
        return self.read[target]

    async def getmany(self, *targets: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        self.polls += 1
        if self.following:
            answer = await self.later.get()
        else:
            answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        found: dict[TopicPartition, list[Record]] = {}
        for record in answer:
            found.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
            self.read[TopicPartition(record.topic, record.partition)] += 1
        return found


def record(key: bytes, value: bytes | None, partition: int = 0) -> Record:
    return Record("reputation", partition, 0, key, value)


class Book:
    """What the view feeds, and waits of a test for it."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes | None] = {}
        self.fatal: list[BaseException] = []
        self.refused: list[tuple[bytes, str]] = []
        self.changed = asyncio.Event()

    def take(self, key: bytes, value: bytes | None) -> None:
        self.changed.set()
        if value == b"bad":
            raise ValueError("bad")
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    async def refuse(self, record: Record, error: Exception) -> None:
        self.refused.append((record.key, str(error)))

    def on_fatal(self, error: BaseException) -> None:
        self.fatal.append(error)
        self.changed.set()

    async def change(self) -> None:
        async with asyncio.timeout(240):
            await self.changed.wait()
        self.changed.clear()


def play(consumer: Consumer, story: Callable[[View, Book], Awaitable[None]], stall_s: float = 30.0) -> None:
    async def run() -> None:
        book = Book()
        opened: Any = lambda: consumer  # noqa: E731
        view = View("reputation", 2, book.take, opened, book.on_fatal, 10, book.refuse, stall_s)
        try:
            await story(view, book)
        finally:
            consumer.following = True
            await view.stop()
        assert consumer.started == consumer.stopped

    asyncio.run(run())


def test_all_partitions_are_read_from_their_beginning_to_their_ends() -> None:
    consumer = Consumer([record(b"a", b"1")], [], [], [], [record(b"b", b"2", 1), record(b"a", None)])

    async def story(view: View, book: Book) -> None:
        await view.start()
        assert book.values == {b"b": b"2"}
        assert consumer.polls == 5
        assert consumer.targets == consumer.sought == [ONE, OTHER]

    play(consumer, story)


def test_records_that_keep_coming_do_not_hold_its_start_up() -> None:
    consumer = Consumer(*([record(b"a", b"%d" % number)] for number in range(100)), ahead={ONE: 2})

    async def story(view: View, book: Book) -> None:
        await view.start()
        assert book.values == {b"a": b"2"}

    play(consumer, story)


def test_a_topic_without_records_is_read_at_the_first_answer() -> None:
    consumer = Consumer()

    async def story(view: View, book: Book) -> None:
        await view.start()
        assert consumer.polls == 1

    play(consumer, story)


def test_records_that_do_not_come_fail_its_start_and_leave_no_consumer() -> None:
    consumer = Consumer([record(b"a", b"1")], ahead={ONE: 1})

    async def story(view: View, book: Book) -> None:
        with pytest.raises(KafkaError, match="reputation brought nothing of 1 partitions"):
            await view.start()
        assert book.values == {b"a": b"1"}

    play(consumer, story, stall_s=0.0)


def test_then_it_is_followed() -> None:
    consumer = Consumer([record(b"a", b"1")])

    async def story(view: View, book: Book) -> None:
        await view.start()
        book.changed.clear()
        consumer.following = True
        consumer.later.put_nowait([record(b"a", b"2")])
        await book.change()
        assert book.values == {b"a": b"2"}
        consumer.later.put_nowait([record(b"a", None)])
        await book.change()
        assert book.values == {}

    play(consumer, story)


def test_a_bad_record_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    consumer = Consumer([record(b"a", b"1"), record(b"b", b"bad"), record(b"c", b"3")])

    async def story(view: View, book: Book) -> None:
        await view.start()
        assert book.values == {b"a": b"1", b"c": b"3"}
        # Of what lies there already somebody was told when it came.
        assert book.refused == []
        book.changed.clear()
        consumer.following = True
        consumer.later.put_nowait([record(b"d", b"bad"), record(b"e", b"5")])
        await book.change()
        assert not book.fatal
        assert book.refused == [(b"d", "bad")]

    play(consumer, story)
    assert "reputation[0]@0, key b'b', is refused, the others go on: bad" in caplog.text


def test_a_view_that_cannot_be_followed_is_fatal() -> None:
    consumer = Consumer()

    async def story(view: View, book: Book) -> None:
        await view.start()
        consumer.following = True
        lost = ConnectionError("gone")
        consumer.later.put_nowait(lost)
        await book.change()
        assert book.fatal == [lost]

    play(consumer, story)


def test_a_view_that_cannot_be_read_fails_at_its_start_and_leaves_no_consumer() -> None:
    consumer = Consumer([record(b"a", b"1")], ConnectionError("gone"), ahead={ONE: 1})

    async def story(view: View, book: Book) -> None:
        with pytest.raises(ConnectionError):
            await view.start()
        assert not book.fatal

    play(consumer, story)


def test_stopping_is_not_fatal() -> None:
    consumer = Consumer()

    async def story(view: View, book: Book) -> None:
        await view.start()
        consumer.following = True
        await view.stop()
        assert not book.fatal

    play(consumer, story)


@pytest.mark.broker
def test_a_topic_of_a_broker_is_there_when_the_view_has_started(bootstrap: str) -> None:
    """On the embedded one, and on Apache Kafka where it can run; the last partition is empty."""

    async def story() -> None:
        topic = await new_topic(bootstrap, **{"cleanup.policy": "compact"})
        config = ClientConfig(
            bootstrap=(bootstrap,),
            client_id="test",
            batch_bytes=1 << 20,
            record_bytes=1 << 20,
            request_timeout_s=30.0,
        )
        clients, book = Clients(config), Book()
        view = View(topic, 3, book.take, clients.open_consumer, book.on_fatal, FOLLOW_WAIT_MS)
        await clients.start()
        try:
            batch = clients.producer.create_batch()
            for number in range(300):
                batch.append(key=b"%d" % number, value=b"1", timestamp=None)
            batch.close()
            await (await clients.producer.send_batch(batch, topic, partition=1))
            await view.start()
            assert len(book.values) == 300
        finally:
            await view.stop()
            await clients.stop()

    asyncio.run(story())
