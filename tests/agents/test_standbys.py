"""The standbys of a worker, on logs in memory and stores on disk."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError
from rocksdict import Cache

from agents.journal import OWNER_KEY
from agents.shard import Meta, Output, Shard
from agents.tails import OutOfRange
from tables.store import Store
from tests.agents.fakes import MemoryJournal, MemorySender
from tests.agents.standing import ONE, OTHER, Keeper
from tests.kafka.until import until_async


@pytest.fixture
def worker(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path, ONE, OTHER)


def test_copies_are_brought_on_and_go_on_where_they_were(worker: Keeper) -> None:
    async def story() -> None:
        worker.write(ONE, "a", "b", "c", "d")
        await worker.standbys.follow([ONE, OTHER])
        await worker.fresh(ONE, OTHER)
        worker.write(OTHER, "e")
        await worker.fresh(ONE, OTHER)
        await worker.standbys.stop()
        assert (worker.keys(ONE), worker.keys(OTHER)) == (["a", "b", "c", "d"], ["e"])
        assert worker.tails.closed
        worker.write(ONE, "f")
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        await worker.standbys.stop()
        assert worker.keys(ONE) == ["a", "b", "c", "d", "f"]

    asyncio.run(story())


def test_a_partition_moves_here_and_away_and_each_time_little_is_read(worker: Keeper) -> None:
    async def story() -> None:
        away = shard(worker, worker.directory / "elsewhere")
        await away.take_over()
        await away.commit({b"a": b"1"}, [Output("out", 0, b"a", b"told")], Meta(applied={"in": 1}))
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        await worker.standbys.leave([ONE])
        here = shard(worker, worker.path(*ONE))
        assert await here.take_over() == 0
        assert (here.store.get(b"a"), here.meta.applied) == (b"1", {"in": 1})
        await here.commit({b"a": b"2"}, [], Meta(applied={"in": 2}))
        await here.release()
        here.store.close()
        await worker.standbys.follow([ONE])
        away.store.close()
        again = shard(worker, worker.directory / "elsewhere")
        assert await again.take_over() > 0
        await again.commit({b"a": b"3"}, [], Meta(applied={"in": 3}))
        await worker.fresh(ONE)
        await worker.standbys.leave([ONE])
        here = shard(worker, worker.path(*ONE))
        assert await here.take_over() == 0
        assert (here.store.get(b"a"), here.meta.applied) == (b"3", {"in": 3})

    asyncio.run(story())


def test_what_a_fenced_owner_wrote_is_in_no_copy_and_is_written_again_by_who_takes_over(worker: Keeper) -> None:
    async def story() -> None:
        log = worker.logs[ONE]
        log.append({OWNER_KEY: b"first", b"a": b"good"}, 1)
        log.append({OWNER_KEY: b"second"}, 2)
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        log.append({b"a": b"void", b"b": b"void"}, 1)
        await until_async(lambda: worker.standbys.lags() == {ONE: 0} and worker.tails.asked > 3)
        await worker.standbys.leave([ONE])
        here = shard(worker, worker.path(*ONE))
        await here.take_over()
        assert (here.store.get(b"a"), here.store.get(b"b"), here.epoch) == (b"good", None, 3)
        assert {entry.key: entry.value for entry in log.entries if entry.epoch == 3 and entry.key != OWNER_KEY} == {
            b"a": b"good",
            b"b": None,
        }

    asyncio.run(story())


def test_nothing_is_read_while_partitions_are_taken_over_here(worker: Keeper) -> None:
    async def story() -> None:
        ready = asyncio.Event()
        worker.write(ONE, "a")
        await worker.standbys.follow([ONE], ready.is_set)
        await asyncio.sleep(0)
        assert (worker.tails.asked, worker.standbys.lags()) == (0, {})
        ready.set()
        await worker.fresh(ONE)
        await worker.standbys.stop()

    asyncio.run(story())


def test_no_reader_is_opened_where_nothing_is_kept(worker: Keeper) -> None:
    async def story() -> None:
        await worker.standbys.follow([])
        await worker.standbys.leave([ONE])
        await worker.standbys.stop()
        assert worker.tails.opened == 0

    asyncio.run(story())


@pytest.mark.parametrize("error", [KafkaError("away"), ConnectionResetError(), TimeoutError()])
def test_a_broker_that_is_away_is_told_of_once_and_tried_again(
    worker: Keeper, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def story() -> None:
        worker.write(ONE, "a")
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        worker.tails.fails = [error, error, error]
        worker.write(ONE, "b")
        await worker.fresh(ONE)
        await worker.standbys.stop()

        assert worker.keys(ONE) == ["a", "b"]

    asyncio.run(story())
    assert len([record for record in caplog.records if "try again" in record.getMessage()]) == 1
    assert not worker.standbys.set_aside


def test_a_disk_that_is_nearly_full_costs_the_copy_and_nothing_else(
    worker: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        worker.write(ONE, "a")
        await worker.standbys.follow([ONE, OTHER])
        await worker.fresh(ONE, OTHER)
        worker.free = 0.04
        worker.write(ONE, "b")
        await until_async(lambda: worker.standbys.lags() == {OTHER: 0})
        assert not worker.path(*ONE).exists()
        worker.free = 0.5
        worker.write(OTHER, "c")
        await worker.fresh(OTHER)
        await worker.standbys.follow([ONE, OTHER])
        await worker.fresh(ONE, OTHER)
        await worker.standbys.stop()
        assert (worker.keys(ONE), worker.keys(OTHER)) == (["a", "b"], ["c"])

    asyncio.run(story())
    assert worker.standbys.set_aside == {"users": 1}
    (line,) = [record.getMessage() for record in caplog.records if "set aside" in record.getMessage()]
    assert "users[1]" in line


def test_damaged_files_begin_anew(worker: Keeper) -> None:
    async def story() -> None:
        worker.write(ONE, "a")
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        await worker.standbys.stop()
        for file in worker.path(*ONE).glob("MANIFEST-*"):
            file.write_bytes(b"damaged")
        worker.write(ONE, "b")
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        await worker.standbys.stop()
        assert worker.keys(ONE) == ["a", "b"]
        assert worker.standbys.stores.discarded == {"users": 1}

    asyncio.run(story())


def test_files_that_cannot_be_opened_are_left_alone(worker: Keeper) -> None:
    async def story() -> None:
        another = Store(worker.path(*ONE), Cache(1 << 20), 1)
        another.write({b"a": b"1"}, 1)
        worker.write(OTHER, "b")
        await worker.standbys.follow([ONE, OTHER])
        await worker.fresh(OTHER)
        await worker.standbys.stop()
        assert another.get(b"a") == b"1"
        another.close()
        assert worker.standbys.set_aside == {"users": 1}

    asyncio.run(story())


@pytest.mark.parametrize("error", [OutOfRange([ONE]), ValueError("nobody knows")])
def test_a_copy_that_the_changelog_contradicts_stays_as_it_is_and_is_followed_no_more(
    worker: Keeper, error: Exception
) -> None:
    async def story() -> None:
        worker.write(ONE, "a")
        await worker.standbys.follow([ONE])
        await worker.fresh(ONE)
        worker.tails.fails = [error]
        worker.write(ONE, "b")
        await until_async(lambda: worker.standbys.lags() == {})
        assert worker.keys(ONE) == ["a"]
        assert worker.standbys.set_aside == {"users": 1}
        await worker.standbys.stop()

    asyncio.run(story())


def shard(worker: Keeper, path: Path) -> Shard:
    """An owner of ONE with its files there."""
    return Shard(
        partition=ONE.partition,
        owner="owner",
        store=Store(path, Cache(1 << 20), 1),
        journal=MemoryJournal(worker.logs[ONE]),
        sender=MemorySender([]),
        monotonic=asyncio.get_running_loop().time,
        recheck_s=60.0,
    )
