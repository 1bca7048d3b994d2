"""Lanes: each partition that this worker owns has a queue and a task of its own.

A Faust agent hands batches over and goes on; a partition that recovers, or waits for the broker, holds up no other.
A lane that is full stops fetching its partition (`hold`), so that what waits in memory stays bounded. Batches are
acked in order, each when its step is durable and sent.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Protocol, runtime_checkable

from msgspec import Struct

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


class Interrupted(Exception):
    """A batch was broken off since its partition is given up. It stays unacked: the next owner reads it again."""


class Gather(Struct, frozen=True):
    """How batches wait for each other. batches: that may wait before their partition is held. every_s: the least time
    between two rounds, unless so many wait; in a round all that wait are taken, those of one topic as one."""

    batches: int = QUEUE_BATCHES
    every_s: float = 0.0


ONE_BY_ONE: Final = Gather()


class Flow(Protocol):
    """Stops and resumes the fetching of a topic's partition."""

    def hold(self, tp: Any) -> None: ...
    def resume(self, tp: Any) -> None: ...


class Lane:
    """One partition's queue and the task that empties it."""

    def __init__(
        self, work: Work, flow: Flow, on_fatal: Callable[[BaseException], None], gather: Gather = ONE_BY_ONE
    ) -> None:
        self.work = work
        self._gather = gather
        self._round_at = 0.0
        self._flow = flow
        self._on_fatal = on_fatal
        self._batches: deque[Any] = deque()
        self._held: set[Any] = set()
        self._arrived = asyncio.Event()
        self._closing = False
        self.ready = False
        self._task = asyncio.create_task(self._run())

    def submit(self, event: Any) -> None:
        """Queue a Faust event whose message is a partition batch; it's acked when it is done."""
        self._batches.append(event)
        self._arrived.set()
        if len(self._batches) >= self._gather.batches and event.message.tp not in self._held:
            self._held.add(event.message.tp)
            self._flow.hold(event.message.tp)

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
        while not self._closing:
            if now() >= tick_at:
                await self.work.tick()
                tick_at = now() + TICK_S
            elif self._batches and (now() >= self._round_at or len(self._batches) >= self._gather.batches):
                self._round_at = now() + self._gather.every_s
                await (self._round() if self._gather.every_s else self._next())
            else:
                self._arrived.clear()
                wake_at = min(tick_at, self._round_at) if self._batches else tick_at
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), wake_at - now())

    async def _next(self) -> None:
        event = self._batches.popleft()
        message = event.message
        await self.work.apply(message.topic, message.value)
        event.ack()
        self._resume()

    async def _round(self) -> None:
        by_topic: dict[str, list[Any]] = {}
        while self._batches:
            event = self._batches.popleft()
            by_topic.setdefault(event.message.topic, []).append(event)
        for topic, events in by_topic.items():
            if self._closing:
                return
            await self.work.apply(topic, [record for event in events for record in event.message.value])
            for event in events:
                event.ack()
        self._resume()

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
    ) -> None:
        """close_s: how long giving partitions up may take, below the rebalance timeout."""
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

    def assign(self, partitions: Iterable[int]) -> None:
        """Open a lane for each; whatever was open has been revoked."""
        for partition in partitions:
            self._lanes[partition] = Lane(self._open_work(partition), self._flow, self._on_fatal, self._gather)
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
