"""The tails of changelogs on real brokers: the embedded one, and Apache Kafka where it can run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agents.clients import TAIL_WAIT_MS, ClientConfig, Clients
from agents.journal import Entry, KafkaJournal
from agents.standby import Place
from agents.tails import KafkaTails, OutOfRange
from tests.agents.test_journal import new_topic

pytestmark = pytest.mark.broker

QUIET, BUSY, LAST = Place("users", 0), Place("users", 1), Place("users", 2)


@asynccontextmanager
async def connected(bootstrap: str) -> AsyncIterator[tuple[Clients, str, KafkaTails]]:
    topic = await new_topic(bootstrap, **{"cleanup.policy": "compact"})
    config = ClientConfig(
        bootstrap=(bootstrap,), client_id="test", batch_bytes=1 << 20, record_bytes=1 << 20, request_timeout_s=30.0
    )
    clients = Clients(config)
    await clients.start()
    tails = KafkaTails(clients.open_tail, {"users": topic}, TAIL_WAIT_MS)
    try:
        yield clients, topic, tails
    finally:
        await tails.close()
        await clients.stop()


async def read(tails: KafkaTails, *places: Place) -> dict[Place, list[Entry]]:
    """Up to the ends of now."""
    ends = await tails.ends()
    found: dict[Place, list[Entry]] = {place: [] for place in places}
    async for place, entries in tails.read({place: ends[place] for place in places}):
        found[place] += entries
    return found


def test_they_bring_all_up_to_the_end_also_of_a_batch_and_go_on_from_there(bootstrap: str) -> None:
    async def story() -> None:
        async with connected(bootstrap) as (clients, topic, tails):
            journal = KafkaJournal(clients.changelogs, clients.reader, topic, BUSY.partition)
            await journal.append({b"a": b"1", b"b": None, b"c": b"3"}, 7)
            await tails.open({QUIET: 0, BUSY: 1, LAST: 0})
            assert (await tails.ends())[QUIET] == 0
            assert await read(tails, BUSY) == {BUSY: [Entry(1, b"b", None, 7), Entry(2, b"c", b"3", 7)]}
            assert (await tails.ends())[BUSY] <= 3, "nothing is missing any more"
            await journal.append({b"%d" % number: b"x" * 100 for number in range(1_200)}, 8)
            last = KafkaJournal(clients.changelogs, clients.reader, topic, LAST.partition)
            await last.append({b"d": b"1"}, 1)
            assert (await tails.ends())[BUSY] > 3
            found = await read(tails, BUSY, LAST)
            assert [entry.offset for entry in found[BUSY]] == list(range(3, 1_203))
            assert found[LAST] == [Entry(0, b"d", b"1", 1)]

    asyncio.run(story())


def test_they_are_opened_anew_at_other_offsets(bootstrap: str) -> None:
    async def story() -> None:
        async with connected(bootstrap) as (clients, topic, tails):
            journal = KafkaJournal(clients.changelogs, clients.reader, topic, BUSY.partition)
            await journal.append({b"a": b"1", b"b": b"2"}, 1)
            await tails.open({BUSY: 0})
            assert len((await read(tails, BUSY))[BUSY]) == 2
            await tails.open({BUSY: 1})
            assert [entry.key for entry in (await read(tails, BUSY))[BUSY]] == [b"b"]

    asyncio.run(story())


def test_a_changelog_that_is_shorter_than_what_a_copy_holds_brings_nothing_of_another_beginning(
    bootstrap: str,
) -> None:
    """Apache Kafka says so; the embedded broker has no more until there is more."""

    async def story() -> None:
        async with connected(bootstrap) as (clients, topic, tails):
            journal = KafkaJournal(clients.changelogs, clients.reader, topic, BUSY.partition)
            await journal.append({b"a": b"1"}, 1)
            await tails.open({BUSY: 1_000})
            assert (await tails.ends())[BUSY] == 1
            found: list[Entry] = []
            try:
                async with asyncio.timeout(2.0):
                    async for _, entries in tails.read({BUSY: 1_001}):
                        found += entries
            except (OutOfRange, TimeoutError) as error:
                assert not isinstance(error, OutOfRange) or error.places == [BUSY]
            assert found == []

    asyncio.run(story())
