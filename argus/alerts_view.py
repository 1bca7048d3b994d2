"""Alerts as they come, a line each, for whoever watches a terminal or reads JSON lines."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from agents.access import OPEN, Access
from agents.patience import Patience
from core.records import SEVERITIES

REMEMBERED = 10_000
WAIT_MS = 50
POLL_MS = 1_000
UNPRINTABLE: Final = dict.fromkeys((*range(32), *range(127, 160)), "\ufffd")


class Source(Struct):
    type: str
    id: str


class Shown(Struct):
    """The part of an alert that is shown."""

    alert_id: str
    severity: str
    title: str
    time: str
    user_id: str | None = None
    source: Source | None = None
    summary: str = ""
    count: int = 1


class Lines:
    """Alert records to lines: one for each alert, and another when its severity has risen."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, int] = OrderedDict()
        self._decode = msgspec.json.Decoder(Shown).decode

    def line(self, record: bytes) -> str | None:
        """None for an update that raises nothing, or for a record that can't be read."""
        try:
            alert = self._decode(record)
            severity = SEVERITIES.index(alert.severity)
        except (msgspec.DecodeError, ValueError):
            return None
        if self._shown.get(alert.alert_id, -1) >= severity:
            return None
        self._shown[alert.alert_id] = severity
        self._shown.move_to_end(alert.alert_id)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        whom = alert.user_id or (f"{alert.source.type} {alert.source.id}" if alert.source else "-")
        times = f" (x{alert.count})" if alert.count > 1 else ""
        line = f"{alert.time[11:19]} {alert.severity:8} {whom}: {alert.title}{times}. {alert.summary}"
        return line.translate(UNPRINTABLE).rstrip()


class Tail:
    """Reads a topic's partitions as they grow, outside any consumer group."""

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, *, from_start: bool, access: Access = OPEN
    ) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=WAIT_MS,
            auto_offset_reset="earliest",
            **access.options(),
        )
        self._targets = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._from_start = from_start
        self._patience = Patience(self._consumer, WAIT_MS)

    async def start(self) -> None:
        """When it returns, nothing that is written from now on is missed."""
        await self._consumer.start()
        self._consumer.assign(self._targets)
        if self._from_start:
            for target in self._targets:
                self._consumer.seek(target, 0)
        else:
            ends = await self._consumer.end_offsets(self._targets)
            for target, end in ends.items():
                self._consumer.seek(target, end)

    async def stop(self) -> None:
        await self._consumer.stop()

    async def values(self) -> AsyncIterator[bytes]:
        """Never ends."""
        while True:
            records = await self._consumer.getmany(timeout_ms=POLL_MS)
            for batch in records.values():
                for record in batch:
                    if record.value is not None:
                        yield record.value
            self._patience.after(bool(records), self._targets)
