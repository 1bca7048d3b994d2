"""What the measurements of recovery wait for: an event in every partition, and the decisions on them."""

from typing import Final

from aiokafka import AIOKafkaProducer

from agents.placing import Placing
from benchmarks.events import START_MS, read_head
from benchmarks.house import House, Reader
from benchmarks.process import Child, Deadline
from core.records import encode

STALL_S: Final = 600.0


async def decided(reader: Reader, name: str, wanted: int, worker: Child) -> None:
    """Wait for decisions on `wanted` events of that name. (An owner sends the last ones of another again.)"""
    found: set[str] = set()
    deadline = Deadline(STALL_S)
    while len(found) < wanted:
        ids = (read_head(record.value).event_id for record in await reader.poll())
        found |= {event_id for event_id in ids if event_id.startswith(f"{name}-")}
        worker.check()
        deadline.check("the worker is not ready")


async def one_event_each(home: House, name: str) -> None:
    """Send an event to every partition, whose ids begin with that name."""
    settings = home.settings
    place, waiting = Placing(settings.partitions), set(range(settings.partitions))
    producer = AIOKafkaProducer(bootstrap_servers=home.bootstrap, acks="all")
    await producer.start()
    try:
        for number in range(1_000 * settings.partitions):
            user_id = f"{name}-{number}"
            if (partition := place(user_id)) in waiting:
                waiting.remove(partition)
                event = {"event_id": user_id, "type": "login", "user_id": user_id, "time": START_MS}
                await producer.send_and_wait(
                    settings.topic("events"), encode(event), key=user_id.encode(), partition=partition
                )
    finally:
        await producer.stop()
