"""Taking a batch of records step by step: none twice, none left out, and no step larger than a changelog batch."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from agents.intake import unseen
from agents.journal import TooLarge
from agents.shard import Shard

logger = logging.getLogger(__name__)

MISSED_RECORDS: Final = 500

# Reads records that were skipped in delivery: topic, partition, first offset, end.
Missed = Callable[[str, int, int, int], AsyncIterator[Sequence[Any]]]
# Takes some records of a topic as one step. Raises `TooLarge`, with the step forgotten.
Take = Callable[[str, Sequence[Any]], Awaitable[None]]


async def take_unseen(shard: Shard, missed: Missed, take: Take, topic: str, records: Sequence[Any]) -> None:
    """Take what no step has taken yet of a batch, and before it what delivery skipped: a rebalance at the wrong
    moment can move a consumer past unread records. The caller holds the shard's lock."""
    applied = shard.meta.applied.get(topic)
    fresh = unseen(records, applied)
    if applied is not None and fresh and fresh[0].offset > applied:
        end = fresh[0].offset
        logger.warning("%s[%d]: delivery skipped from %d to %d, reading it", topic, shard.partition, applied, end)
        async for more in missed(topic, shard.partition, applied, end):
            for first in range(0, len(more), MISSED_RECORDS):
                await _as_fits(take, topic, more[first : first + MISSED_RECORDS])
    if fresh:
        await _as_fits(take, topic, fresh)


async def _as_fits(take: Take, topic: str, records: Sequence[Any]) -> None:
    """In one step, or in halves where that is too large."""
    try:
        await take(topic, records)
    except TooLarge:
        if len(records) == 1:
            raise
        middle = len(records) // 2
        await _as_fits(take, topic, records[:middle])
        await _as_fits(take, topic, records[middle:])
