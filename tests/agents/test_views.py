import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.views import View
from tests.agents.household import Record


class Consumer:
    """Brings the answers it was given, one a poll; then whatever is put into `later`, and an exception as one."""

    def __init__(self, *answers: list[Record] | Exception) -> None:
        self.answers = list(answers)
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


def play(consumer: Consumer, story: Callable[[View, Book], Awaitable[None]]) -> None:
    async def run() -> None:
        book = Book()
        opened: Any = lambda: consumer  # noqa: E731
        view = View("reputation", 2, book.take, opened, book.on_fatal, 10, book.refuse)
        try:
            await story(view, book)
        finally:
            consumer.following = True
            await view.stop()
        assert consumer.started == consumer.stopped

    asyncio.run(run())


def test_all_partitions_are_read_from_their_beginning_until_two_polls_bring_nothing() -> None:
    consumer = Consumer([record(b"a", b"1")], [], [record(b"b", b"2", 1), record(b"a", None)], [], [])

    async def story(view: View, book: Book) -> None:
        await view.start()
        assert book.values == {b"b": b"2"}
        assert consumer.polls == 5
        assert (
            consumer.targets == consumer.sought == [TopicPartition("reputation", 0), TopicPartition("reputation", 1)]
        )

    play(consumer, story)


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
    consumer = Consumer([record(b"a", b"1")], ConnectionError("gone"))

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
