"""The notices table at work in one process: a log in memory, a clock set by hand, and what it sends to given."""

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rocksdict import Cache

from agents.shard import Output, Shard
from argus.measure import Metrics
from argus.notify.breaker import Breaker
from argus.notify.intake import encode_seen
from argus.notify.meter import NotifyMeter
from argus.notify.pump import Pump
from argus.notify.sending import Sender
from argus.notify.state import Notices
from argus.notify.work import NoticeWork, Posts
from core.notices import Channel, Pace, Seen
from core.pages import Links
from tables.store import Store
from tests.agents.fakes import Log, MemoryJournal, MemorySender

LINKS = Links(public_url="http://argus", runbook_url="{public_url}/runbooks/{alertname}")
TOPIC = "notices"


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


async def nothing_missed(_topic: str, _partition: int, _start: int, _end: int) -> AsyncIterator[Sequence[Any]]:
    return
    yield


class Desk:
    """Owns what outlives a process: the log, the directory, what was sent to topics."""

    def __init__(self, directory: Path, channels: Sequence[Channel], senders: dict[str, Sender], **more: Any) -> None:
        self.directory = directory
        self.log = Log()
        self.wire: list[Output] = []
        self.metrics = Metrics({"channel": [*(channel.name for channel in channels), "otp", "members"]})
        self._channels = channels
        self._senders = senders
        self._alertmanager: Posts | None = more.get("alertmanager")
        self._pace: Pace = more.get("pace", Pace())
        self._breaker: Breaker = more.get("breaker", Breaker())
        self._members: bool = more.get("members", False)
        self._interval_s: float = more.get("interval_s", 1.0)
        self._offset = 0
        self._opened = 0

    async def open(self) -> NoticeWork:
        """The next owner. Each has files of its own, as on another machine."""
        self._opened += 1
        store = Store(self.directory / f"notices{self._opened}", Cache(1 << 20), 1)
        shard = Shard(
            partition=0,
            owner=f"desk {self._opened}",
            store=store,
            journal=MemoryJournal(self.log),
            sender=MemorySender(self.wire),
            monotonic=time.monotonic,
            recheck_s=60,
        )
        meter = NotifyMeter(self.metrics, "log")

        def state() -> Notices:
            return Notices(
                store,
                self._channels,
                LINKS,
                members=self._members,
                named=lambda _rule_id: (),
                count=meter.outcome,
                pace=self._pace,
            )

        work = NoticeWork(
            shard,
            state,
            lambda: Pump(self._senders, meter, time.monotonic, lambda: self._breaker),
            self._alertmanager,
            LINKS,
            meter,
            "undelivered",
            wall_ms,
            nothing_missed,
            self._interval_s,
            0.3,
        )
        await work.start()
        return work

    def records(self, *seen: Seen) -> list[Any]:
        """The next records of the notices topic."""
        first, self._offset = self._offset, self._offset + len(seen)
        return [
            SimpleNamespace(topic=TOPIC, partition=0, offset=first + i, value=encode_seen(one), timestamp=wall_ms())
            for i, one in enumerate(seen)
        ]

    async def tell(self, work: NoticeWork, *seen: Seen) -> None:
        await work.apply(TOPIC, self.records(*seen))

    def counted(self, channel: str, outcome: str) -> int:
        return int(self.metrics.number("argus_notifications_total", channel, outcome).value)
