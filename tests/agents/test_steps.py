"""Batches that are larger than a step may be: how often they are decided, and that nothing of them is left out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from agents.journal import TooLarge
from agents.shard import Meta, Shard
from agents.steps import GROWTH, Steps
from tables.store import Store
from tests.agents.fakes import Log, ManualClock, MemoryJournal, MemorySender
from tests.agents.household import Record

TOPIC = "events"


async def nothing_missed(topic: str, partition: int, first: int, end: int) -> AsyncIterator[Sequence[Any]]:
    for _ in ():
        yield _


class Taking:
    """A partition whose steps may have `fits` records. tried, taken: the offsets of each step."""

    def __init__(self, path: Path, fits: int) -> None:
        self.fits = fits
        self.tried: list[list[int]] = []
        self.taken: list[list[int]] = []
        self._shard = Shard(
            partition=0,
            owner="worker",
            store=Store(path, Cache(1024 * 1024), 1),
            journal=MemoryJournal(Log()),
            sender=MemorySender([]),
            monotonic=ManualClock(),
            recheck_s=5.0,
        )
        self.steps = Steps(self._shard, nothing_missed, self._take)

    async def batch(self, first: int, count: int) -> None:
        records = [Record(TOPIC, 0, offset, None, b"") for offset in range(first, first + count)]
        await self.steps.take_unseen(TOPIC, records)

    async def _take(self, topic: str, records: Sequence[Any]) -> None:
        offsets = [record.offset for record in records]
        self.tried.append(offsets)
        if len(offsets) > self.fits:
            raise TooLarge(f"{len(offsets)} records")
        await self._shard.commit({}, [], Meta(applied={topic: offsets[-1] + 1}))
        self.taken.append(offsets)


def test_what_did_not_fit_is_not_decided_again_with_the_next_batch(tmp_path: Path) -> None:
    async def story() -> None:
        taking = Taking(tmp_path, fits=60)
        await taking.batch(0, 100)
        assert [len(step) for step in taking.tried] == [100, 50, 50]
        taking.tried.clear()
        await taking.batch(100, 100)
        assert len(taking.tried[0]) <= 60
        assert taking.tried == taking.taken[2:]
        assert [offset for step in taking.taken for offset in step] == list(range(200))

    asyncio.run(story())


def test_steps_grow_again_once_more_fits(tmp_path: Path) -> None:
    async def story() -> None:
        taking = Taking(tmp_path, fits=60)
        await taking.batch(0, 100)
        taking.fits = 1_000
        # Each full step lets the next be larger by a share; those that end a batch may be smaller.
        batches = 4 * GROWTH
        for number in range(1, batches + 1):
            await taking.batch(number * 100, 100)
        assert len(taking.taken[-1]) == 100
        assert [offset for step in taking.taken for offset in step] == list(range((batches + 1) * 100))

    asyncio.run(story())


def test_a_record_that_fits_no_step_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        taking = Taking(tmp_path, fits=0)
        with pytest.raises(TooLarge):
            await taking.batch(0, 8)
        assert taking.taken == []

    asyncio.run(story())
