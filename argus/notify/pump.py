"""Sends what waits: so many at once for each channel, past no open breaker, and tells what became of each."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from argus.notify.breaker import Breaker
from argus.notify.meter import NotifyMeter
from argus.notify.sending import Failed, Sender
from core.notices import OTP, Message

URGENT: Final = (OTP,)


class Done(Struct, frozen=True):
    """What became of a message. error: None where it was sent."""

    message: Message
    error: Failed | None


class Pump:
    """Holds no state that a restart would miss: what is under way is in the queue until it is `finished`."""

    def __init__(
        self,
        senders: Mapping[str, Sender],
        meter: NotifyMeter,
        monotonic: Callable[[], float],
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self.finished: list[Done] = []
        self.woken = asyncio.Event()
        self._senders = senders
        self._breakers = {name: breaker() for name in senders}
        self._meter = meter
        self._monotonic = monotonic
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()

    def launch(self, queue: Iterable[Message], now_ms: int) -> None:
        """Begin what is due and has room."""
        for message in sorted(queue, key=lambda message: message.channel not in URGENT):
            name = message.channel
            sender = self._senders.get(name)
            if (
                sender is None
                or message.next_ms > now_ms
                or message.notice_id in self._under_way
                or self._busy[name] >= sender.at_once
                or not self._breakers[name].allows(self._monotonic())
            ):
                continue
            self._busy[name] += 1
            self._under_way[message.notice_id] = asyncio.create_task(self._send(sender, message))

    def take_finished(self) -> list[Done]:
        """What is over since the last time. The caller settles it before it launches again."""
        finished, self.finished = self.finished, []
        for done in finished:
            self._under_way.pop(done.message.notice_id, None)
        return finished

    def sends(self, message: Message) -> bool:
        """Whether it is under way."""
        return message.notice_id in self._under_way

    async def close(self, within_s: float) -> None:
        """What is under way may end; what doesn't is sent again by the next owner."""
        if self._under_way:
            _, left = await asyncio.wait(self._under_way.values(), timeout=within_s)
            for task in left:
                task.cancel()

    async def _send(self, sender: Sender, message: Message) -> None:
        name, begin, error = message.channel, self._monotonic(), None
        try:
            await sender.send(message)
        except Failed as failed:
            error = failed
        except Exception as failed:  # noqa: BLE001 - a message that breaks its sender must not break the others
            error = Failed(type(failed).__name__)
        finally:
            self._busy[name] -= 1
        now = self._monotonic()
        breaker = self._breakers[name]
        # A final refusal is about the message: the other side works.
        if error is None or error.final:
            breaker.succeeded()
        else:
            breaker.failed(now)
        self._meter.took(name, now - begin, breaker.open)
        self.finished.append(Done(message, error))
        self.woken.set()
