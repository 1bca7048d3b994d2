"""The notices table at work: what has happened goes in; messages, pages and passwords go out.

What is to be sent is durable before it is tried, and gone from the state when it has been taken: a restart in between
sends what was under way once more at most, and loses nothing. A receiver knows such a repeat by its `notice_id`.
Nothing that a lane waits for waits for the world outside.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from agents.intake import unseen
from agents.journal import TooLarge
from agents.shard import Meta, Output, Shard
from argus.log import Seldom
from argus.notify.canary import Canaries
from argus.notify.intake import Missed, decode_seen
from argus.notify.meter import NotifyMeter
from argus.notify.pump import Done, Pump
from argus.notify.sending import Failed
from argus.notify.state import Notices
from core.clock import MINUTE, rfc3339
from core.notices import CanarySeen
from core.pages import Links, Posted

logger = logging.getLogger(__name__)

POLL_S: Final = 0.25
# Cases that come together are posted together, a storm before its first members.
SETTLE_S: Final = 1.0
RETRY_S: Final = 1.0
CLOSE_S: Final = 2.0


class Posts(Protocol):
    """Posts alerts, as `argus.notify.alertmanager.Alertmanager` does."""

    async def post(self, alerts: Sequence[Posted]) -> None: ...


class NoticeWork:
    """The one partition of the notices table while this process owns it (see `agents.lanes.Work`)."""

    def __init__(
        self,
        shard: Shard,
        open_state: Callable[[], Notices],
        open_pump: Callable[[], Pump],
        alertmanager: Posts | None,
        links: Links,
        meter: NotifyMeter,
        undelivered: str,
        now_ms: Callable[[], int],
        missed: Missed,
        interval_s: float,
        settle_s: float = SETTLE_S,
        canaries: Canaries | None = None,
    ) -> None:
        """undelivered: the topic for what was given up; missed: reads what delivery skipped; interval_s: between two
        posts of all that is held."""
        self._canaries = canaries
        self._shard = shard
        self._open_state = open_state
        self._open_pump = open_pump
        self._alertmanager = alertmanager
        self._links = links
        self._meter = meter
        self._undelivered = undelivered
        self._now_ms = now_ms
        self._missed = missed
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._seldom = Seldom()
        self._forget_ms = 0

    async def start(self) -> None:
        await self._shard.take_over()
        self._state = self._open_state()
        self._pump = self._open_pump()
        self._tasks.append(asyncio.create_task(self._send_on()))
        if self._alertmanager is not None:
            self._meter.pushed_at(self._now_ms())
            self._tasks.append(asyncio.create_task(self._page_on(self._alertmanager)))
        if self._canaries is not None:
            self._tasks.append(asyncio.create_task(self._canaries.run()))

    async def apply(self, topic: str, records: list[Any]) -> None:
        self._raise_if_over()
        async with self._shard.lock:
            applied = self._shard.meta.applied.get(topic)
            fresh = unseen(records, applied)
            if fresh and applied is not None and fresh[0].offset > applied:
                async for missed in self._missed(topic, self._shard.partition, applied, fresh[0].offset):
                    await self._step(topic, missed)
            if fresh:
                await self._step(topic, fresh)
        self._pump.woken.set()

    async def tick(self) -> None:
        self._raise_if_over()
        async with self._shard.lock:
            now_ms = self._now_ms()
            if self._state.tick(now_ms):
                self._changed.set()
            if now_ms >= self._forget_ms:
                self._forget_ms = now_ms + MINUTE
                self._state.forget(now_ms)
            await self._commit([])
            await self._shard.confirm_if_quiet()
            self._meter.waiting(self._state.waiting)

    async def stop(self, *, gracefully: bool) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if gracefully:
            await self._pump.close(CLOSE_S)
            async with self._shard.lock:
                await self._settle(self._pump.take_finished())
                await self._shard.release()
        self._shard.store.close()

    def _raise_if_over(self) -> None:
        """The tasks beside the lane end with an error only, and then the process must too."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _step(self, topic: str, records: Sequence[Any]) -> None:
        now_ms, changed = self._now_ms(), False
        canaries: list[CanarySeen] = []
        for record in records:
            try:
                seen = decode_seen(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                logger.error("skipped %s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
                continue
            if isinstance(seen, CanarySeen):
                canaries.append(seen)
            else:
                changed = self._state.take(seen, now_ms) or changed
        try:
            await self._commit([], {topic: records[-1].offset + 1})
        except TooLarge:
            self._state = self._open_state()
            if len(records) == 1:
                raise
            middle = len(records) // 2
            await self._step(topic, records[:middle])
            await self._step(topic, records[middle:])
            return
        if changed:
            self._changed.set()
        if self._canaries is not None:
            for canary in canaries:
                self._canaries.seen(canary)

    async def _send_on(self) -> None:
        """Settles what is over, begins what is due; ends only by an error."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._pump.woken.wait(), POLL_S)
            self._pump.woken.clear()
            async with self._shard.lock:
                await self._settle(self._pump.take_finished())
                now_ms = self._now_ms()
                await self._give_up(now_ms)
                self._pump.launch(self._state.queue.values(), now_ms)

    async def _settle(self, finished: Sequence[Done]) -> None:
        """The caller holds the shard's lock."""
        outputs, outcomes, now_ms = [], list[tuple[str, str]](), self._now_ms()
        for done in finished:
            # The state may have been read anew since this was begun.
            message = self._state.queue.get(done.message.notice_id, done.message)
            if done.error is None:
                self._state.sent(message)
                outcome = "sent"
            elif self._state.failed(message, now_ms, random.random(), final=done.error.final):
                outputs.append(self._dead(message, str(done.error), now_ms))
                outcome = "dead"
            else:
                outcome = "retried"
            outcomes.append((message.channel, outcome))
            if done.error is not None and self._seldom(message.channel) is not None:
                logger.warning("channel %s: %s (%s)", message.channel, done.error, outcome)
        await self._commit(outputs)
        for channel, outcome in outcomes:
            self._meter.outcome(channel, outcome)

    async def _give_up(self, now_ms: int) -> None:
        stale = [message for message in self._state.stale(now_ms) if not self._pump.sends(message)]
        for message in stale:
            self._state.sent(message)
            self._meter.outcome(message.channel, "dead")
        await self._commit([self._dead(message, "its time was over", now_ms) for message in stale])

    def _dead(self, message: Any, reason: str, now_ms: int) -> Output:
        record = {
            "notice_id": message.notice_id,
            "channel": message.channel,
            "reason": reason,
            "attempts": message.attempts,
            "severity": message.severity,
            "title": message.title,
            "text": message.text,
            "user_id": message.user_id,
            "created": rfc3339(message.created_ms),
            "given_up": rfc3339(now_ms),
            "facts": message.facts,
        }
        return Output(self._undelivered, 0, message.channel.encode(), msgspec.json.encode(record))

    async def _page_on(self, alertmanager: Posts) -> None:
        """Posts what is held, at once when it has changed and again each interval; ends only by an error."""
        wait_s, retry_s = 0.0, RETRY_S
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
            if self._changed.is_set():
                await asyncio.sleep(self._settle_s)
                self._changed.clear()
            now_ms = self._now_ms()
            pager = self._state.pager
            first, then, receipt = pager.alerts(self._links, now_ms, int(self._interval_s * 1_000))
            try:
                if first:
                    await alertmanager.post(first)
                await alertmanager.post(then)
            except Failed as error:
                self._meter.push(False, now_ms)
                if self._seldom("alertmanager") is not None:
                    logger.warning("%s; it is tried again", error)
                wait_s, retry_s = retry_s, min(self._interval_s, retry_s * 2)
                continue
            self._meter.push(True, now_ms)
            self._meter.standing(len(receipt.held), len(receipt.storms))
            wait_s, retry_s = self._interval_s, RETRY_S
            async with self._shard.lock:
                if self._state.pager.accepted(receipt):
                    self._changed.set()
                await self._commit([])

    async def _commit(self, outputs: list[Output], applied: dict[str, int] | None = None) -> None:
        """Make what has changed durable, if anything has. The caller holds the shard's lock."""
        writes, before = self._state.drain(), self._shard.meta
        if writes or outputs or applied:
            meta = Meta(clock_ms=self._now_ms(), applied=before.applied | (applied or {}), origins=before.origins)
            await self._shard.commit(writes, outputs, meta)
