"""The live feed: the newest alerts of the topic, and the clients that get each one as it comes."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from core.records import Alert

KEPT: Final = 5_000
QUEUED_MAX: Final = 500


class Told(Struct, frozen=True):
    """An alert record as it came. at_ms: when Argus sent it."""

    alert: Alert
    text: str
    at_ms: int

    @property
    def key(self) -> tuple[str, int]:
        """Which record of which alert."""
        return self.alert.alert_id, self.alert.count


class Client:
    """One who listens. Slow ones are given up: `slow` is set when more than `QUEUED_MAX` alerts wait."""

    def __init__(self, wants: Callable[[Alert], bool]) -> None:
        self.wants = wants
        self.slow = asyncio.Event()
        self.queue: asyncio.Queue[Told] = asyncio.Queue(QUEUED_MAX)

    def offer(self, told: Told) -> None:
        if self.slow.is_set() or not self.wants(told.alert):
            return
        try:
            self.queue.put_nowait(told)
        except asyncio.QueueFull:
            self.slow.set()


class Feed:
    """Remembers `KEPT` records, in the order in which they came."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=KEPT)
        self._newest: dict[str, Alert] = {}
        self._clients: set[Client] = set()
        self._decode = msgspec.json.Decoder(Alert).decode

    @property
    def clients(self) -> int:
        return len(self._clients)

    def take(self, record: Any) -> None:
        """A record of the alerts topic."""
        if record.value is None:
            return
        alert = self._decode(record.value)
        if len(self._told) == KEPT:
            gone = self._told[0].alert
            if self._newest.get(gone.alert_id) is gone:
                del self._newest[gone.alert_id]
        told = Told(alert, record.value.decode(), record.timestamp)
        self._told.append(told)
        there = self._newest.get(alert.alert_id)
        if there is None or alert.count >= there.count:
            self._newest[alert.alert_id] = alert
        for client in self._clients:
            client.offer(told)

    def get(self, alert_id: str) -> Alert | None:
        """The newest record of an alert, if it is remembered."""
        return self._newest.get(alert_id)

    def about(self, prefix: str) -> list[Alert]:
        """The newest record of each remembered alert that names a user of that prefix, the newest first."""
        found = [
            alert
            for alert in self._newest.values()
            if (alert.user_id or "").startswith(prefix)
            or (alert.users is not UNSET and any(user.startswith(prefix) for user in alert.users))
        ]
        return sorted(found, key=lambda alert: (alert.detected_at, alert.alert_id), reverse=True)

    def listen(self, client: Client) -> None:
        self._clients.add(client)

    def leave(self, client: Client) -> None:
        self._clients.discard(client)

    def since(self, alert_id: str, count: int | None) -> list[Told] | None:
        """What came after the record of an alert with that count, or after its first one; None if that very record is
        not remembered: what came between it and a later one may be forgotten as well."""
        seen = (alert_id, count or 1)
        remembered = list(self._told)
        for index, told in enumerate(remembered):
            if told.key == seen:
                return remembered[index + 1 :]
        return None

    def after(self, at_ms: int) -> list[Told]:
        """What is remembered of a time and later."""
        return [told for told in self._told if told.at_ms >= at_ms]
