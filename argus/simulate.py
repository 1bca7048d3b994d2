"""Simulated traffic on its way out: into files, or to the broker at a rate."""

import asyncio
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, TextIO

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from argus.kafka_access import access_of
from argus.progress import bar
from argus.reach import quiet
from argus.settings import Settings
from core.clock import DAY
from core.records import encode
from simulation.config import Config
from simulation.feedback import Desk
from simulation.labels import label_line
from simulation.stream import live, write

# The embedded broker keeps every record batch and looks through all of them for each fetch: where few events come,
# some together are a fifth of the batches.
TICK_EVENTS: Final = 5
SHORTEST_TICK_S: Final = 0.02
LONGEST_TICK_S: Final = 0.1


class Unreachable(Exception):
    """The broker does not answer; the message names it."""


def new_run() -> str:
    """What sets the ids of this live run apart from those of another with the same seed."""
    return f"{time.time_ns() // 1_000_000:x}"


def to_file(config: Config, out: Path | None, labels: Path | None, feedback: Path | None) -> int:
    """Write everything at full speed. out: None for standard output."""
    with ExitStack() as stack:
        paths = (out, labels, feedback)
        target, truth, said = (stack.enter_context(p.open("w", encoding="utf-8")) if p else None for p in paths)
        progress = stack.enter_context(bar("Simulating", config.events))
        count = write(config, target or sys.stdout, truth, progress, said)
    sys.stderr.write(f"{count:,} events of {config.users:,} users, seed {config.seed}\n")
    return 0


def to_broker(settings: Settings, config: Config, labels: Path | None) -> int:
    """Send live traffic with its feedback until `config.events` or `config.days` are over, or until Ctrl-C."""
    with ExitStack() as stack:
        truth = stack.enter_context(labels.open("w", encoding="utf-8")) if labels else None
        sent = asyncio.run(send(settings, config, truth))
    sys.stderr.write(f"{sent:,} events to {settings.topic('events')}\n")
    return 0


async def send(settings: Settings, config: Config, labels: TextIO | None = None) -> int:
    """Send live traffic; how many events were sent. Ends when they are `config.events`, after `config.days` (live
    ones last a day each), or is cancelled."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker,
        acks="all",
        linger_ms=5,
        max_request_size=settings.producer_max_bytes,
        **access_of(settings).options(),
    )
    try:
        with quiet():
            await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise Unreachable(f"no broker at {settings.broker}: {error}") from None
    desk = Desk(config)
    tick_s = min(LONGEST_TICK_S, max(SHORTEST_TICK_S, TICK_EVENTS / settings.simulate_rate))
    end_ms = None if config.days is None else _now_ms() + config.days * DAY
    sent = 0
    try:
        with bar("Sending", config.events) as progress:
            for arrived in live(config, settings.simulate_rate, _now_ms):
                if config.events is not None:
                    arrived = arrived[: config.events - sent]
                for labelled in arrived:
                    key = labelled.event["user_id"].encode()
                    await producer.send(settings.topic("events"), encode(labelled.event), key=key)
                    desk.hear(labelled)
                    # Of a repeat too: the event itself may have come in before this run began.
                    if labels is not None:
                        labels.write(label_line(labelled))
                for said in desk.due(_now_ms()):
                    await producer.send(settings.topic("feedback"), encode(said), key=said["user_id"].encode())
                sent += len(arrived)
                if progress is not None:
                    progress(len(arrived))
                if config.events is not None and sent >= config.events:
                    break
                if end_ms is not None and _now_ms() >= end_ms:
                    break
                await asyncio.sleep(tick_s)
    finally:
        with suppress(KafkaError):
            await producer.stop()
    return sent


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
