"""The audit topic read whole, outside of any group; and what the audit's changelog says of the chains' ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.access import Access
from agents.audit import CHAIN_KEY
from agents.journal import EPOCH_BYTES
from agents.patience import Patience
from argus.broker import BrokerError
from core.audit import Head
from tables.audit import CHAINS

WAIT_MS: Final = 500
CHANGELOG: Final = "audit-changelog"
STALL_S: Final = 10.0
# Each step writes the chain's end; the newest is among the last records, whatever was compacted.
CHANGELOG_TAIL: Final = 1_000


@asynccontextmanager
async def consumer_of(bootstrap: str, access: Access) -> AsyncIterator[AIOKafkaConsumer]:
    """Raises `BrokerError` for whatever the broker does not do."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=WAIT_MS,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        **access.options(),
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"cannot read from {bootstrap}: {error}") from None
    finally:
        await consumer.stop()


async def partitions_of(bootstrap: str, access: Access, *topics: str) -> list[list[int]]:
    """The partitions of each topic. Raises `BrokerError` where there is no such topic (to ask for one by name would
    create it)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **access.options())
    try:
        await admin.start()
        missing = set(topics).difference(await admin.list_topics())
        if missing:
            raise BrokerError(f"there is no topic {', '.join(sorted(missing))}: run `argus topics create`")
        found = {
            described["topic"]: [partition["partition"] for partition in described["partitions"]]
            for described in await admin.describe_topics(list(topics))
        }
        return [sorted(found[topic]) for topic in topics]
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(f"cannot read from {bootstrap}: {error}") from None
    finally:
        await admin.close()


async def records(
    consumer: AIOKafkaConsumer,
    topic: str,
    partition: int,
    *,
    last: int | None = None,
    enough: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Any]:
    """The records of a partition in order, to what was its end at first; then until there are `enough`, or none comes
    for some seconds. last: about so many of the newest alone."""
    target = TopicPartition(topic, partition)
    consumer.assign([target])
    patience = Patience(consumer, WAIT_MS)
    await consumer.seek_to_beginning(target)
    now = asyncio.get_running_loop().time
    moved_at, end = now(), None
    while end is None or await consumer.position(target) < end or not enough():
        fetched = (await consumer.getmany(target, timeout_ms=WAIT_MS)).get(target, [])
        patience.after(bool(fetched), [target])
        if end is None:
            # The embedded broker tells it truly in its answers to fetches alone.
            end = consumer.highwater(target)
            if last is not None and end is not None and end > last:
                consumer.seek(target, end - last)
                fetched = []
        if fetched:
            moved_at = now()
        elif now() - moved_at > STALL_S:
            position = await consumer.position(target)
            if end is not None and position >= end:
                return
            raise BrokerError(f"{topic}[{partition}] brings nothing behind offset {position}")
        for record in fetched:
            yield record


async def changelog_heads(consumer: AIOKafkaConsumer, topic: str, partitions: Sequence[int]) -> tuple[Head, ...]:
    """Where each chain stood by its owner's last step."""
    heads = []
    for partition in partitions:
        found = await _chain_head(consumer, topic, partition, CHANGELOG_TAIL)
        head = found or await _chain_head(consumer, topic, partition, None)
        if head is not None:
            heads.append(head)
    return tuple(heads)


async def _chain_head(consumer: AIOKafkaConsumer, topic: str, partition: int, last: int | None) -> Head | None:
    """Of records behind one of a higher epoch, those of a lower one are void."""
    newest, value = 0, None
    async for record in records(consumer, topic, partition, last=last):
        if record.value is not None:
            epoch = int.from_bytes(record.value[:EPOCH_BYTES], "big")
            newest = max(newest, epoch)
            if record.key == CHAIN_KEY and epoch == newest:
                value = record.value[EPOCH_BYTES:]
    if value is None:
        return None
    chain = CHAINS.decode(value)
    return Head(partition, chain.sequence, chain.hash, "the changelog")
