"""Events counted by user the way that Argus keeps its tables: partition batches, one changelog batch, RocksDB."""

import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord

from agents.attach import Table, attach
from agents.clients import ClientConfig, Clients
from agents.intake import unseen
from agents.journal import KafkaJournal
from agents.lanes import Gather
from agents.sender import KafkaSender
from agents.shard import Meta, Output, Shard
from agents.stores import Stores
from argus.app import QUEUED_BATCHES
from argus.faust_app import faust_app
from argus.measure import Metrics
from argus.process import run_app, stop_at_once
from argus.settings import Settings, load_settings
from benchmarks.events import read_head
from benchmarks.marks import MARK
from tables.store import MEBIBYTE
from tables.user_table import USER_PREFIX

WRITE_BUFFER_MIB = 16


class CountWork:
    """One partition's counts (see `agents.lanes.Work`). Those in memory are never more than `cached` users."""

    def __init__(self, shard: Shard, answers: str, cached: int) -> None:
        self._shard = shard
        self._answers = answers
        self._cached = cached
        self._counts: dict[bytes, int] = {}

    async def start(self) -> None:
        await self._shard.take_over()

    async def apply(self, topic: str, records: list[Any]) -> None:
        async with self._shard.lock:
            fresh = unseen(records, self._shard.meta.applied.get(topic))
            if fresh:
                await self._step(topic, fresh)

    async def _step(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        outputs, came = [], Counter[bytes]()
        for record in records:
            head = read_head(record.value)
            came[USER_PREFIX + head.user_id.encode()] += 1
            if head.event_id.startswith(MARK):
                outputs.append(Output(self._answers, self._shard.partition, record.key, record.value))
        missing = [key for key in came if key not in self._counts]
        for key, stored in zip(missing, self._shard.store.get_many(missing), strict=True):
            self._counts[key] = int.from_bytes(stored or b"", "big")
        for key, count in came.items():
            # Moved to the end: the front is who has not come for longest.
            self._counts[key] = self._counts.pop(key) + count
        writes = {key: self._counts[key].to_bytes(8, "big") for key in came}
        applied = self._shard.meta.applied | {topic: records[-1].offset + 1}
        await self._shard.commit(writes, outputs, Meta(applied=applied))
        while len(self._counts) > self._cached:
            del self._counts[next(iter(self._counts))]

    async def tick(self) -> None:
        async with self._shard.lock:
            await self._shard.confirm_if_quiet()

    async def stop(self, *, gracefully: bool) -> None:
        if gracefully:
            await self._shard.release()
        self._shard.store.close()


def run(settings: Settings) -> int:
    """The exit status."""
    settings.data_dir.mkdir(parents=True)
    stores = Stores(settings.block_cache_mb * MEBIBYTE)
    clients = Clients(
        ClientConfig(
            bootstrap=(settings.broker,),
            client_id="count",
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=10.0,
        )
    )

    def open_work(partition: int) -> CountWork:
        path = settings.data_dir / "users" / str(partition)
        shard = Shard(
            partition=partition,
            owner="count",
            store=stores.open("users", partition, path, WRITE_BUFFER_MIB),
            journal=KafkaJournal(clients.changelogs, clients.reader, settings.topic("users-changelog"), partition),
            sender=KafkaSender(clients.producer, clients.batch_bytes),
            monotonic=time.monotonic,
            recheck_s=settings.session_timeout_s / 2,
        )
        return CountWork(shard, settings.topic("decisions"), settings.state_cache_users // settings.partitions)

    app = faust_app(settings)
    gather = Gather(batches=QUEUED_BATCHES, records=settings.batch_max_records)
    table = Table("users", (settings.topic("events"),), open_work, gather)
    attach(app, (table,), clients, lambda: (), stop_at_once, close_s=settings.rebalance_timeout_s * 0.7)
    return run_app(app, settings, Metrics(process="worker"), lambda: (True, {}))


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    raise SystemExit(run(load_settings(os.environ)))
