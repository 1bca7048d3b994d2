"""Simulated life in which people come and go, sent at a steady rate whether or not anybody answers.

`python -m tests.soak.traffic BOOTSTRAP TOPIC PARTITIONS USERS YEAR COUNT RATE START` sends COUNT events of a YEAR's
life, each at its own moment: START + i / RATE on the machine's monotonic clock. A RATE of 0 sends them as fast as
they are taken. An event's id ends in "@i", so that whoever reads its decision knows when it was due.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from zlib import crc32

import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from agents.placing import Placing
from benchmarks.events import SEED, START_MS
from core.clock import DAY
from simulation.config import Config, Fields
from simulation.schedule import NEVER
from simulation.stream import generate

# How long an identity lasts; then the same person is somebody new, with other devices, cards and payees.
LIFETIME_MS = 4 * DAY
IDENTITIES = ("user_id", "device_id", "card_id", "payee_id")
ATTACK_SHARE = 0.01
ENDLESS_DAYS = 10_000.0
TICK_S = 0.02


def life(users: int, year: int = 0) -> Iterator[Fields]:
    """Events without end, each once, in order of arrival. At any time there are about as many users as there were at
    first: each leaves after `LIFETIME_MS`, and another comes. Whoever signs up in between leaves as soon, and nobody
    comes for them. Years share no event."""
    start_ms = START_MS + year * 365 * DAY
    config = Config(
        users=users, days=ENDLESS_DAYS, seed=SEED + year, start_ms=start_ms, attack_share=ATTACK_SHARE, run=f"y{year}"
    )
    leave_ms: dict[str, int] = {}
    for labelled in generate(config):
        event, time_ms = labelled.event, labelled.time_ms
        if event["type"] == "signup":
            leave_ms.setdefault(event["user_id"], time_ms + LIFETIME_MS)
        if not labelled.repeat and time_ms < leave_ms.get(event["user_id"], NEVER):
            yield renamed(event, time_ms)


def renamed(event: Fields, time_ms: int) -> Fields:
    """The event with whoever and whatever it names as they are called at that time."""
    return event | {name: at_the_time(event[name], time_ms) for name in IDENTITIES if event.get(name)}


def at_the_time(identity: str, time_ms: int) -> str:
    """Each has a time of its own to leave at."""
    return f"{identity}.{(time_ms + crc32(identity.encode()) % LIFETIME_MS) // LIFETIME_MS}"


def due_number(event_id: str) -> int:
    """Of an event that was sent here: which one it was, from 0."""
    return int(event_id.rpartition("@")[2])


async def send(
    bootstrap: str, topic: str, partitions: int, events: Iterator[Fields], rate: float, start_s: float
) -> None:
    """Each event at its moment; returns when the broker has them all."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5, max_batch_size=1 << 18)
    place, encode = Placing(partitions), msgspec.json.Encoder().encode
    await producer.start()
    try:
        for number, event in enumerate(events):
            if rate and start_s + number / rate > time.monotonic():
                # What comes due within a tick goes out together.
                await asyncio.sleep(max(TICK_S, start_s + number / rate - time.monotonic()))
            user_id = event["user_id"]
            value = encode(event | {"event_id": f"{event['event_id']}@{number}"})
            await producer.send(topic, value, key=user_id.encode(), partition=place(user_id))
        await producer.flush()
    finally:
        await producer.stop()


def main(argv: Sequence[str]) -> None:
    bootstrap, topic, *numbers = argv
    partitions, users, year, count = map(int, numbers[:4])
    rate, start_s = map(float, numbers[4:])
    uvloop.run(send(bootstrap, topic, partitions, islice(life(users, year), count), rate, start_s))


if __name__ == "__main__":
    main(sys.argv[1:])
