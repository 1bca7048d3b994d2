"""Ties agents, lanes and views to a Faust app.

Faust brings batches and rebalances; what happens to a batch is the lanes'. Every topic of one table has the same
number of partitions, and Faust's copartitioned assignor gives a worker the same partitions of all of them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import faust
from faust.types import TP
from msgspec import Struct

from agents.clients import Clients
from agents.journal import KafkaJournal
from agents.lanes import ONE_BY_ONE, Gather, Lanes, Work
from agents.meters import UNMETERED, BatchMeter, ShardMeter
from agents.sender import KafkaSender
from agents.services import Services
from agents.shard import Shard
from agents.standby import Place
from agents.standbys import Standbys
from agents.stores import Stores
from agents.views import View
from tables.store import MEBIBYTE

logger = logging.getLogger(__name__)


class Batching(Struct, frozen=True, kw_only=True):
    """How much of a partition is taken at once, and how long the broker may wait for it."""

    max_records: int
    max_bytes: int
    fetch_bytes: int
    fetch_wait_ms: int


class Disk(Struct, frozen=True, kw_only=True):
    """Where the tables are, and what memory RocksDB may take for all of them."""

    data_dir: Path
    block_cache_mb: int
    write_buffer_mb: int = 16

    def path(self, table: str, partition: int) -> Path:
        """Of a table's partition, whoever owns it."""
        return self.data_dir / table / str(partition)


class Shards:
    """Opens the shard of a table's partition."""

    def __init__(
        self,
        services: Services,
        clients: Clients,
        disk: Disk,
        owner: str,
        recheck_s: float,
        meter: Callable[[str], ShardMeter] = lambda _table: UNMETERED,
    ) -> None:
        """meter: of a table's shards."""
        self._services = services
        self._clients = clients
        self._disk = disk
        self._owner = owner
        self._recheck_s = recheck_s
        self._meter = meter
        self.stores = Stores(disk.block_cache_mb * MEBIBYTE)

    def open(self, table: str, changelog: str, partition: int) -> Shard:
        """Raises OSError where the partition's files can't be opened."""
        path = self._disk.path(table, partition)
        return Shard(
            partition=partition,
            owner=self._owner,
            store=self.stores.open(table, partition, path, self._disk.write_buffer_mb),
            journal=KafkaJournal(self._clients.changelogs, self._clients.reader, changelog, partition),
            sender=KafkaSender(self._clients.producer, self._clients.batch_bytes),
            monotonic=self._services.monotonic,
            recheck_s=self._recheck_s,
            meter=self._meter(table),
        )


class Table(Struct):
    """A table's topics, and what is done with one of its partitions."""

    name: str
    topics: tuple[str, ...]
    open_work: Callable[[int], Work]
    gather: Gather = ONE_BY_ONE
    meter: BatchMeter = UNMETERED


class Flow:
    """Holds and resumes partitions of the app's consumer (see `agents.lanes.Flow`). A topic that several tables read
    goes on when none of them holds it."""

    def __init__(self, app: faust.App, tables: Iterable[Table]) -> None:
        self._app = app
        self._holders: Counter[TP] = Counter()
        self._readers = Counter(topic for table in tables for topic in table.topics)

    def only_here(self, topic: str) -> bool:
        return self._readers[topic] == 1

    def hold(self, tp: TP) -> None:
        self._holders[tp] += 1
        self._app.consumer.hold(tp)

    def resume(self, tp: TP) -> None:
        self._holders[tp] -= 1
        if self._holders[tp] <= 0:
            del self._holders[tp]
            self._app.consumer.resume(tp)

    def begin(self) -> None:
        """Whatever is fetched from now on has a lane."""
        self._app.consumer.begin()

    def forget(self) -> None:
        """All partitions are gone, and what was held of them."""
        self._app.consumer.halt()
        self._holders.clear()


def attach(
    app: faust.App,
    tables: tuple[Table, ...],
    clients: Clients,
    views: Callable[[], tuple[View, ...]],
    on_fatal: Callable[[BaseException], None],
    close_s: float,
    on_assigned: Callable[[Collection[int]], None] = lambda _partitions: None,
    on_revoked: Callable[[], None] = lambda: None,
    standbys: Standbys | None = None,
) -> Mapping[str, Lanes]:
    """Register an agent for every topic and follow the assignment. Answers each table's lanes. on_assigned: is told
    which partitions there are; on_revoked: that there were some, and are no more. standbys: what keeps
    the partitions that the app's assignor has this worker stand by for."""
    flow = Flow(app, tables)
    lanes = {
        table.name: Lanes(table.open_work, flow, on_fatal, close_s, table.gather, table.meter) for table in tables
    }
    taken: set[str] = set()
    for table in tables:
        for topic in table.topics:
            _agent(app, f"{table.name}:{topic}", topic, lanes[table.name])
    by_name = {table.name: table for table in tables}
    first = {table.name: table.topics[0] for table in tables}
    followed: list[View] = []
    leaving = asyncio.Event()

    def places(tps: Iterable[TP]) -> set[Place]:
        return {Place(name, tp.partition) for tp in tps for name, topic in first.items() if topic == tp.topic}

    @app.on_partitions_revoked.connect
    async def revoked(*_: Any, **__: Any) -> None:
        if any(one.partitions for one in lanes.values()):
            on_revoked()
        await asyncio.gather(*(one.revoke() for one in lanes.values()))
        flow.forget()

    @app.on_partitions_assigned.connect
    async def assigned(_app: faust.App, assigned: set[TP], **_: Any) -> None:
        if not followed:
            await clients.start()
            followed.extend(views())
            for view in followed:
                await view.start()
        if standbys is not None:
            await standbys.leave(places(assigned))
        if leaving.is_set():
            # Told to end while it was joining: there are no producers any more, and the next owner takes over.
            await close()
            return
        on_assigned({tp.partition for tp in assigned})
        for name, one in lanes.items():
            partitions = sorted(tp.partition for tp in assigned if tp.topic == first[name])
            logger.info("table %s: partitions %s", name, partitions)
            try:
                one.assign(partitions)
            except Exception as error:  # a store that does not open: Faust would make a long story of it
                on_fatal(error)
                raise
            if partitions:
                table = by_name[name]
                table.meter.taken_over(table.topics, again=name in taken)
                taken.add(name)
        flow.begin()
        if standbys is not None:
            kept = places(app.assignor.assigned_standbys()) - places(assigned)
            logger.info("standbys: partitions %s", sorted({place.partition for place in kept}))
            await standbys.follow(kept, lambda: all(one.ready for one in lanes.values()))

    @app.on_before_shutdown.connect
    async def shutdown(*_: Any, **__: Any) -> None:
        leaving.set()
        await asyncio.gather(*(one.revoke() for one in lanes.values()))
        if standbys is not None:
            await standbys.stop()
        await close()

    async def close() -> None:
        for view in followed:
            await view.stop()
        await clients.stop()

    return lanes


def _agent(app: faust.App, name: str, topic_name: str, lanes: Lanes) -> None:
    topic = app.topic(
        topic_name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
    )

    async def hand_over(stream: faust.Stream[bytes]) -> None:
        async for event in stream.noack().events():
            await lanes.submit(event)

    app.agent(topic, name=name, concurrency=1)(hand_over)
