"""The sink's work on one partition, with a database that does what the test says, on a loop whose time is its own."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import IntegrityError, OperationalError

from agents.intake import Rejections
from agents.lanes import Interrupted
from agents.shard import Output
from argus.measure import Metrics
from argus.sink import LONGEST_WAIT_S, SinkWork, Waiting
from argus.sink_meter import SinkMeter
from argus.store.migrate import NewerSchema
from argus.store.rows import Rows, reader
from tests.agents.test_lanes import run
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, Raw, raw

AWAY = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
REFUSED = IntegrityError("INSERT", {}, sqlite3.IntegrityError("NOT NULL constraint failed"))


class Database:
    """Fails as often as it is told to, refuses what it is told to, and has what it was given."""

    def __init__(self) -> None:
        self.fails: list[Exception] = []
        self.refuses: set[str] = set()
        self.takes_s = 0.0
        self.tries = 0
        self.alerts: list[str] = []

    async def migrate(self) -> None:
        await self._answer()

    async def write(self, batches: Sequence[Rows]) -> None:
        await self._answer()
        given = [row[0] for rows in batches for _, row in rows]
        if self.refuses & set(given):
            raise REFUSED
        self.alerts += given

    async def _answer(self) -> None:
        self.tries += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise self.fails.pop(0)


class Sent:
    def __init__(self) -> None:
        self.outputs: list[Output] = []

    async def send(self, outputs: Sequence[Output]) -> None:
        self.outputs += outputs


class World:
    def __init__(self) -> None:
        self.database, self.sent, self.metrics = Database(), Sent(), Metrics()
        meter = SinkMeter(self.metrics)
        self.work = SinkWork(
            "alerts", self.database, reader("alerts", 1.0), Rejections("argus.rejected"), lambda: self.sent,
            Waiting(meter), meter, lambda: NOW_MS + 2_000,
        )  # fmt: skip

    async def apply(self, *records: Any) -> None:
        await self.work.apply("argus.alerts", list(records))

    def value(self, name: str, **labels: str) -> float | None:
        registry = CollectorRegistry()
        registry.register(self.metrics)
        return registry.get_sample_value(name, labels)


def alerts(*ids: str) -> list[Raw]:
    return [raw(make.alert(id_)) for id_ in ids]


def test_a_database_that_is_away_is_tried_until_it_is_there_ever_less_often() -> None:
    async def story() -> None:
        world = World()
        world.database.fails = [AWAY, ConnectionRefusedError(111, "refused"), TimeoutError(), *[AWAY] * 30]
        begin = asyncio.get_running_loop().time()
        await world.apply(*alerts("a", "b"))
        took_s = asyncio.get_running_loop().time() - begin
        assert world.database.alerts == ["a", "b"]
        assert 26 * LONGEST_WAIT_S < took_s < 34 * LONGEST_WAIT_S
        assert world.value("argus_sink_retries_total", table="alerts") == 33
        assert world.value("argus_sink_database_up") == 1
        assert world.value("argus_sink_records_total", table="alerts", outcome="stored") == 2

    run(story)


def test_while_it_is_away_the_metrics_say_so() -> None:
    async def story() -> None:
        world = World()
        world.database.fails = [AWAY] * 1_000
        task = asyncio.create_task(world.apply(*alerts("a")))
        await asyncio.sleep(60)
        assert world.value("argus_sink_database_up") == 0
        task.cancel()

    run(story)


def test_waiting_ends_when_the_partition_goes_and_the_batch_is_not_done() -> None:
    async def story() -> None:
        world = World()
        world.database.fails = [AWAY] * 1_000
        task = asyncio.create_task(world.apply(*alerts("a")))
        await asyncio.sleep(20)
        world.work.interrupt()
        with pytest.raises(Interrupted):
            await task
        assert world.database.alerts == []

    run(story)


@pytest.mark.parametrize(("takes_s", "done"), [(1.0, True), (1_000.0, False)])
def test_a_write_under_way_may_end_when_the_partition_goes_but_not_take_for_ever(takes_s: float, done: bool) -> None:
    async def story() -> None:
        world = World()
        world.database.takes_s = takes_s
        task = asyncio.create_task(world.apply(*alerts("a")))
        await asyncio.sleep(0.5)
        world.work.interrupt()
        if done:
            await task
        else:
            with pytest.raises(Interrupted):
                await task
        assert world.database.alerts == (["a"] if done else [])

    run(story)


def test_records_that_cannot_be_read_are_set_aside_and_the_others_are_stored() -> None:
    async def story() -> None:
        world = World()
        good, other = alerts("a", "b")
        bad = Raw(b"{", topic="argus.alerts", partition=3, offset=17, key=b"u1")
        await world.apply(good, bad, other)
        assert world.database.alerts == ["a", "b"]
        [output] = world.sent.outputs
        assert (output.topic, output.partition, output.key, output.value) == ("argus.rejected", 3, b"u1", b"{")
        assert dict(output.headers)["offset"] == b"17"
        assert world.value("argus_sink_records_total", table="alerts", outcome="rejected") == 1
        assert world.value("argus_sink_records_total", table="alerts", outcome="skipped") == 0

    run(story)


def test_rows_that_the_database_refuses_are_found_and_set_aside() -> None:
    async def story() -> None:
        world = World()
        world.database.refuses = {"c", "f"}
        await world.apply(*alerts(*"abcdefg"))
        assert sorted(world.database.alerts) == list("abdeg")
        assert [dict(output.headers)["error"] for output in world.sent.outputs] == [b"invalid"] * 2
        assert b"constraint failed" in dict(world.sent.outputs[0].headers)["reason"]
        assert world.value("argus_sink_records_total", table="alerts", outcome="stored") == 5

    run(story)


def test_migration_waits_for_the_database_and_gives_up_on_a_newer_one() -> None:
    async def story() -> None:
        world = World()
        world.database.fails = [AWAY, AWAY]
        await world.work.start()
        assert world.database.tries == 3
        world.database.fails = [NewerSchema("made by a newer Argus")]
        with pytest.raises(NewerSchema):
            await world.work.start()

    run(story)
