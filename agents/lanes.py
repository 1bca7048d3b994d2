"""Lanes: each partition that this worker owns has a queue and a task of its own.

A Faust agent hands batches over and goes on; a partition that recovers, or waits for the broker, holds up no other.
A lane that is full stops fetching its partition (`hold`), so that what waits in memory stays bounded. Batches are
acked in order, each when its step is durable and sent.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, runtime_checkable

from msgspec import Struct

from agents.lag import Backlog
from agents.meters import UNMETERED, BatchMeter

logger = logging.getLogger(__name__)

QUEUE_BATCHES = 2
TICK_S = 1.0


class Work(Protocol):
    """What is done with one partition of one table."""

    async def start(self) -> None:
        """Take the partition over."""

    async def apply(self, topic: str, records: list[Any]) -> None:
        """Take one batch all the way: decided, durable, sent."""

    async def tick(self) -> None:
        """About once a second, between batches."""

    async def stop(self, *, gracefully: bool) -> None:
        """Give the partition up. gracefully: nothing went wrong, say goodbye to the next owner."""


@runtime_checkable
class Interruptible(Protocol):
    """A `Work` that may wait for something that does not come, a database that is away for instance."""

    def interrupt(self) -> None:
        """The partition is to be given up: `apply` need not finish, and raises `Interrupted` if it does not."""


@runtime_checkable
class Due(Protocol):
    """A `Work` that may want its next tick sooner than in its time."""

    def due_in_s(self) -> float | None:
        """How soon; None where the next in time will do."""


class Interrupted(Exception):
    """A batch was broken off since its partition is given up. It stays unacked: the next owner reads it again."""


class Gather(Struct, frozen=True):
    """How batches wait for each other, since a step costs a millisecond or two however few its records are.

    batches: that may wait before their partition is held. records: of batches of one topic that wait behind each
    other, so many at most are taken as one. every_s: the least time between two rounds, unless `round_records` wait;
    in a round all that wait are taken, those of one topic as one. A partition that waits for its round is held, if
    nobody else reads its topic: to fetch it meanwhile would only make the fetches of others longer."""

    batches: int = QUEUE_BATCHES
    records: int = 1
    every_s: float = 0.0
    round_records: int = 500


ONE_BY_ONE: Final = Gather()


class Flow(Protocol):
    """Stops and resumes the fetching of a topic's partition."""

    def hold(self, tp: Any) -> None: ...
    def resume(self, tp: Any) -> None: ...

    def only_here(self, topic: str) -> bool:
        """Whether no other table reads the topic."""


class Lane:
    """One partition's queue and the task that empties it."""

    def __init__(
        self,
        work: Work,
        flow: Flow,
        on_fatal: Callable[[BaseException], None],
        gather: Gather = ONE_BY_ONE,
        meter: BatchMeter = UNMETERED,
    ) -> None:
        self.work = work
        self._meter = meter
        self._in_hand: list[Any] = []
        self._done: dict[Any, int] = {}
        self._gather = gather
        self._round_at = 0.0
        self._flow = flow
        self._on_fatal = on_fatal
        self._batches: deque[Any] = deque()
        self._held: set[Any] = set()
        self._arrived = asyncio.Event()
        self._closing = False
        self.ready = False
        # When it last came to its next batch or tick; it does so once a second where there is nothing to do.
        self.turned_at = time.monotonic()
        self._task = asyncio.create_task(self._run())

    def submit(self, event: Any) -> None:
        """Queue a Faust event whose message is a partition batch; it's acked when it is done."""
        self._batches.append(event)
        self._arrived.set()
        tp = event.message.tp
        waits = self._gather.every_s > 0 and self._flow.only_here(tp.topic)
        if (waits or len(self._batches) >= self._gather.batches) and tp not in self._held:
            self._held.add(tp)
            self._flow.hold(tp)

    def backlog(self) -> Mapping[Any, Backlog]:
        """By topic and partition: what is worked on or queued, and how far the work has come."""
        found = {tp: Backlog(next_offset=offset + 1) for tp, offset in self._done.items()}
        for event in (*self._in_hand, *self._batches):
            message = event.message
            backlog = found.setdefault(message.tp, Backlog())
            if not backlog.records:
                backlog.oldest_ms, backlog.next_offset = message.value[0].timestamp, message.value[0].offset
            backlog.records += len(message.value)
        return found

    async def close(self, timeout_s: float) -> None:
        """Finish the batch in hand, drop the queue (unacked: it will come again) and give the partition up. A
        takeover that isn't done yet is broken off: the next owner begins another."""
        self._closing = True
        self._arrived.set()
        if not self.ready:
            self._task.cancel()
        elif isinstance(self.work, Interruptible):
            self.work.interrupt()
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        if not done:
            self._task.cancel()
            self._on_fatal(TimeoutError(f"a partition could not be given up within {timeout_s} s"))

    async def _run(self) -> None:
        try:
            await self.work.start()
            self.turned_at = time.monotonic()
            self.ready = True
            try:
                await self._work_on()
            except Interrupted:
                if not self._closing:
                    raise
            await self.work.stop(gracefully=True)
        except BaseException as error:  # noqa: BLE001 - whatever it is, this process must not go on
            # A library's future that was cancelled raises CancelledError too, and nobody has asked for our end.
            asked_to_end = isinstance(error, asyncio.CancelledError) and self._task.cancelling() > 0
            try:
                await self.work.stop(gracefully=False)
            finally:
                if not asked_to_end:
                    self._on_fatal(error)

    async def _work_on(self) -> None:
        now = asyncio.get_running_loop().time
        tick_at = now() + TICK_S
        hurried = self.work if isinstance(self.work, Due) else None
        while not self._closing:
            self.turned_at = time.monotonic()
            if hurried is not None and (due_in_s := hurried.due_in_s()) is not None:
                tick_at = min(tick_at, now() + due_in_s)
            if now() >= tick_at:
                await self.work.tick()
                tick_at = now() + TICK_S
            elif self._batches and (now() >= self._round_at or self._round_is_full()):
                self._round_at = now() + self._gather.every_s
                await (self._round() if self._gather.every_s else self._next())
            else:
                self._arrived.clear()
                wake_at = min(tick_at, self._round_at) if self._batches else tick_at
                # Not `wait_for`: when a batch arrives as it is cancelled, it forgets the cancelling (Python 3.11).
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(wake_at):
                        await self._arrived.wait()

    def _round_is_full(self) -> bool:
        return sum(len(event.message.value) for event in self._batches) >= self._gather.round_records

    async def _next(self) -> None:
        first = self._batches.popleft()
        topic, records, events = first.message.topic, first.message.value, [first]
        while self._batches:
            message = self._batches[0].message
            if message.topic != topic or len(records) + len(message.value) > self._gather.records:
                break
            records = records + message.value
            events.append(self._batches.popleft())
        self._in_hand = list(events)
        self._resume()
        await self._apply(topic, events, records)

    async def _round(self) -> None:
        by_topic: dict[str, list[Any]] = {}
        while self._batches:
            event = self._batches.popleft()
            by_topic.setdefault(event.message.topic, []).append(event)
        self._in_hand = [event for events in by_topic.values() for event in events]
        self._resume()
        for topic, events in by_topic.items():
            if self._closing:
                return
            await self._apply(topic, events, [record for event in events for record in event.message.value])

    async def _apply(self, topic: str, events: list[Any], records: list[Any]) -> None:
        now = asyncio.get_running_loop().time
        begin = now()
        await self.work.apply(topic, records)
        del self._in_hand[: len(events)]
        for event in events:
            event.ack()
            self._done[event.message.tp] = event.message.offset
        self._meter.batch(topic, len(records), now() - begin)

    def _resume(self) -> None:
        if self._held and len(self._batches) < self._gather.batches:
            for tp in self._held:
                self._flow.resume(tp)
            self._held.clear()


class Lanes:
    """All lanes of one table in this worker; follows the assignment."""

    def __init__(
        self,
        open_work: Callable[[int], Work],
        flow: Flow,
        on_fatal: Callable[[BaseException], None],
        close_s: float,
        gather: Gather = ONE_BY_ONE,
        meter: BatchMeter = UNMETERED,
    ) -> None:
        """close_s: how long giving partitions up may take, below the rebalance timeout."""
        self._meter = meter
        self._gather = gather
        self._open_work = open_work
        self._flow = flow
        self._on_fatal = on_fatal
        self._close_s = close_s
        self._lanes: dict[int, Lane] = {}
        self._assigned = asyncio.Event()

    @property
    def partitions(self) -> list[int]:
        return sorted(self._lanes)

    @property
    def ready(self) -> bool:
        """Every partition that was assigned has been taken over; with many workers that can be none."""
        return self._assigned.is_set() and all(lane.ready for lane in self._lanes.values())

    def backlog(self) -> Mapping[Any, Backlog]:
        """Of all lanes, see `Lane.backlog`."""
        return {tp: backlog for lane in self._lanes.values() for tp, backlog in lane.backlog().items()}

    def stalled_s(self) -> float:
        """How long the lane that is worst off has been at one batch or tick: a second, unless it or the event loop
        hangs. Takeovers do not count. May be asked from another thread."""
        now = time.monotonic()
        return max((now - lane.turned_at for lane in list(self._lanes.values()) if lane.ready), default=0.0)

    def assign(self, partitions: Iterable[int]) -> None:
        """Open a lane for each; whatever was open has been revoked."""
        for partition in partitions:
            self._lanes[partition] = Lane(
                self._open_work(partition), self._flow, self._on_fatal, self._gather, self._meter
            )
        self._assigned.set()

    async def revoke(self) -> None:
        """Give every partition up: a rebalance takes all before it gives any."""
        self._assigned.clear()
        lanes, self._lanes = self._lanes, {}
        if lanes:
            await asyncio.gather(*(lane.close(self._close_s) for lane in lanes.values()))

    async def submit(self, event: Any) -> None:
        """Hand a batch to its partition's lane. A batch of a partition that has gone stays unacked: its new owner
        reads it."""
        await self._assigned.wait()
        lane = self._lanes.get(event.message.partition)
        if lane is not None:
            lane.submit(event)
        else:
            logger.info("left a batch of %s to its new owner", event.message.tp)
