"""Sends a canary's event to each partition every so often, and takes note of those whose decision comes back.

It is done by whoever has the one partition of notices: one process of all. It sends as a stranger would, so it tells
of workers that are not there as well as of those that hang.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from aiokafka.errors import KafkaError

from agents.placing import Placing
from agents.shard import Output
from argus.log import Seldom
from argus.notify.meter import NotifyMeter
from core.canary import HEADERS, canary_event, canary_user
from core.notices import CanarySeen

logger = logging.getLogger(__name__)

# One that comes later is of another time: it was waiting while nobody worked.
SEEN_WITHIN_S: Final = 3_600.0


class Canaries:
    """All partitions' canaries."""

    def __init__(
        self,
        send: Callable[[Sequence[Output]], Awaitable[None]],
        events: str,
        partitions: int,
        interval_s: float,
        meter: NotifyMeter,
        now_ms: Callable[[], int],
    ) -> None:
        """events: the full name of that topic."""
        place = Placing(partitions)
        self._users = [canary_user(partition, place) for partition in range(partitions)]
        self._send = send
        self._events = events
        self._interval_s = interval_s
        self._meter = meter
        self._now_ms = now_ms
        self._seldom = Seldom()

    async def run(self) -> None:
        """Until it is cancelled."""
        for partition in range(len(self._users)):
            self._meter.canary_began(partition, self._now_ms())
        try:
            while True:
                await self._send_all()
                await asyncio.sleep(self._interval_s)
        finally:
            for partition in range(len(self._users)):
                self._meter.canary_ended(partition)

    def seen(self, seen: CanarySeen) -> None:
        """A canary's decision came back."""
        now_ms = self._now_ms()
        latency_s = max(0.0, (now_ms - seen.sent_ms) / 1_000)
        if latency_s <= SEEN_WITHIN_S and seen.partition < len(self._users):
            self._meter.canary_seen(seen.partition, latency_s, now_ms)

    async def _send_all(self) -> None:
        sent_ms = self._now_ms()
        outputs = [
            Output(
                self._events,
                partition,
                user_id.encode(),
                msgspec.json.encode(canary_event(user_id, sent_ms)),
                HEADERS,
            )
            for partition, user_id in enumerate(self._users)
        ]
        try:
            await self._send(outputs)
        except (KafkaError, OSError) as error:
            if self._seldom("send") is not None:
                logger.warning("canaries could not be sent, and will be tried again: %s", error)
        else:
            self._meter.canary_sent(len(outputs))
