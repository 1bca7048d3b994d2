"""Taking a batch of records step by step: none twice, none left out, and no step larger than a changelog batch."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from agents.intake import unseen
from agents.journal import TooLarge
from agents.shard import Shard

logger = logging.getLogger(__name__)

MISSED_RECORDS: Final = 500
# By a 32nd: where the half of a step fits, one in some twenty is tried for nothing.
GROWTH: Final = 32

# Reads records that were skipped in delivery: topic, partition, first offset, end.
Missed = Callable[[str, int, int, int], AsyncIterator[Sequence[Any]]]
# Takes some records of a topic as one step. Raises `TooLarge`, with the step forgotten.
Take = Callable[[str, Sequence[Any]], Awaitable[None]]


class Steps:
    """Takes the batches of one partition. The caller holds the shard's lock.

    A step that did not fit has been decided for nothing, so what fits is remembered by topic: those that follow are
    cut before they are decided, and may be a little larger each time.
    """

    def __init__(self, shard: Shard, missed: Missed, take: Take) -> None:
        self._shard = shard
        self._missed = missed
        self._take = take
        self._most: dict[str, int] = {}

    async def take_unseen(self, topic: str, records: Sequence[Any]) -> None:
        """Take what no step has taken yet of a batch, and before it what delivery skipped: a rebalance at the wrong
        moment can move a consumer past unread records."""
        partition, applied = self._shard.partition, self._shard.meta.applied.get(topic)
        fresh = unseen(records, applied)
        if applied is not None and fresh and fresh[0].offset > applied:
            end = fresh[0].offset
            logger.warning("%s[%d]: delivery skipped from %d to %d, reading it", topic, partition, applied, end)
            async for more in self._missed(topic, partition, applied, end):
                for first in range(0, len(more), MISSED_RECORDS):
                    await self._as_fits(topic, more[first : first + MISSED_RECORDS])
        if fresh:
            await self._as_fits(topic, fresh)

    async def _as_fits(self, topic: str, records: Sequence[Any]) -> None:
        """In one step, or in smaller ones where that is too large."""
        at = 0
        while at < len(records):
            most = self._most.get(topic)
            part = records[at:] if most is None else records[at : at + most]
            try:
                await self._take(topic, part)
            except TooLarge:
                if len(part) == 1:
                    raise
                self._most[topic] = len(part) // 2
                continue
            at += len(part)
            if len(part) == most:
                self._most[topic] = most + max(1, most // GROWTH)
