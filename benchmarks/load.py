"""Puts events on the events topic, as a process of its own: all of a file at once, or at a rate, open loop.

`python -m benchmarks.load fill BOOTSTRAP TOPIC PARTITIONS FILE COUNT` sends in record batches of 500, keyed and
placed as aiokafka's default partitioner would. `... pace BOOTSTRAP TOPIC PARTITIONS FILE COUNT RATE START` sends each
event at its own moment, START + i / RATE on the machine's monotonic clock, whether or not others were answered;
as with Kafka's own clients, it may then wait for others for 5 ms.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from aiokafka import AIOKafkaProducer

from agents.placing import Placing
from benchmarks.events import Events

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 1 << 20
# The default of Java's producer (since 4.0) and of librdkafka.
LINGER_MS: Final = 5


async def fill(bootstrap: str, topic: str, partitions: int, events: Events, count: int) -> None:
    """Send the first `count` events in large batches; returns when the broker has them all."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES)
    await producer.start()
    try:
        place = Placing(partitions)
        waiting: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
        for line, head in zip(events.lines(count), events.heads(count), strict=True):
            partition = place(head.user_id)
            waiting[partition].append((head.user_id.encode(), line))
            if len(waiting[partition]) >= BATCH_RECORDS:
                await _send(producer, topic, partition, waiting[partition])
                waiting[partition] = []
        for partition, records in enumerate(waiting):
            if records:
                await _send(producer, topic, partition, records)
    finally:
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[tuple[bytes, bytes]]
) -> None:
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()
    await (await producer.send_batch(batch, topic, partition=partition))


async def pace(
    bootstrap: str, topic: str, partitions: int, events: Events, count: int, rate: float, start_s: float
) -> None:
    """Send each event at its moment."""
    place = Placing(partitions)
    ready = [
        (place(head.user_id), head.user_id.encode(), line)
        for line, head in zip(events.lines(count), events.heads(count), strict=True)
    ]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=LINGER_MS)
    await producer.start()
    try:
        for number, (partition, key, value) in enumerate(ready):
            wait_s = start_s + number / rate - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await producer.send(topic, value, key=key, partition=partition)
    finally:
        await producer.stop()


def main(argv: Sequence[str]) -> None:
    mode, bootstrap, topic, partitions, file, count, *more = argv
    events = Events(Path(file))
    if mode == "fill":
        uvloop.run(fill(bootstrap, topic, int(partitions), events, int(count)))
    else:
        rate, start_s = map(float, more)
        uvloop.run(pace(bootstrap, topic, int(partitions), events, int(count), rate, start_s))


if __name__ == "__main__":
    main(sys.argv[1:])
