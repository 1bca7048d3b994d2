"""Lanes, on an event loop whose time passes only when everybody waits for it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import pytest

from agents.lanes import QUEUE_BATCHES, TICK_S, Gather, Interrupted, Lanes


class TimelessSelector(selectors.DefaultSelector):
    """Moves the loop's clock on instead of waiting."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for something that nobody does"
            self.now_s += timeout
        return ready


class TimelessLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = TimelessSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_s


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        runner.run(story())


class Tp(NamedTuple):
    topic: str
    partition: int


class Message:
    def __init__(self, partition: int, value: str) -> None:
        self.tp = Tp("events", partition)
        self.topic = "events"
        self.partition = partition
        self.offset = 0
        self.value = [value]


class Event:
    """A Faust event, as far as lanes know it."""

    def __init__(self, told: list[str], partition: int, value: str) -> None:
        self.message = Message(partition, value)
        self._told = told

    def ack(self) -> None:
        self._told.append(f"acked {self.message.value[0]}")


class Work:
    """Tells what is asked of it. `takes_s` of a batch, a start or a stop are set by the test."""

    def __init__(self, world: "World", partition: int) -> None:
        self.world = world
        self.partition = partition

    async def start(self) -> None:
        await self._do("start", f"started {self.partition}")

    async def apply(self, topic: str, records: list[Any]) -> None:
        await self._do(records[0], f"applied {records[0]}")

    async def tick(self) -> None:
        self.world.told.append(f"ticked {self.partition}")

    async def stop(self, *, gracefully: bool) -> None:
        await self._do("stop", f"stopped {self.partition} {'gracefully' if gracefully else 'at once'}")

    async def _do(self, name: str, done: str) -> None:
        await asyncio.sleep(self.world.takes_s.get(name, 0.0))
        if name in self.world.fails:
            raise self.world.fails[name]
        self.world.told.append(done)


class World:
    def __init__(self, *partitions: int) -> None:
        self.told: list[str] = []
        self.held: list[str] = []
        self.fatal: list[BaseException] = []
        self.takes_s: dict[str, float] = {}
        self.fails: dict[str, BaseException] = {}
        self.lanes = Lanes(lambda partition: Work(self, partition), self, self.fatal.append, close_s=10.0)
        self.lanes.assign(partitions)

    def only_here(self, topic: str) -> bool:
        return topic != "alerts"

    def hold(self, tp: Tp) -> None:
        self.held.append(f"hold {tp.partition}")

    def resume(self, tp: Tp) -> None:
        self.held.append(f"resume {tp.partition}")

    async def submit(self, *values: str, partition: int = 0) -> None:
        for value in values:
            await self.lanes.submit(Event(self.told, partition, value))

    def heard(self, *beginnings: str) -> list[str]:
        return [line for line in self.told if line.startswith(beginnings)]


def test_batches_are_applied_and_acked_one_after_the_other() -> None:
    async def story() -> None:
        world = World(0)
        await world.submit("a", "b", "c")
        await asyncio.sleep(0.5)
        assert world.told == ["started 0", "applied a", "acked a", "applied b", "acked b", "applied c", "acked c"]

    run(story)


def test_a_full_lane_holds_its_partition_and_resumes_it_when_there_is_room() -> None:
    async def story() -> None:
        world = World(0)
        world.takes_s = {"a": 1.0, "b": 1.0}
        await world.submit("a")
        await asyncio.sleep(0.5)
        assert world.held == []
        await world.submit(*"bcd"[:QUEUE_BATCHES])
        assert world.held == ["hold 0"]
        await asyncio.sleep(5.0)
        assert world.held == ["hold 0", "resume 0"]

    run(story)


def test_a_slow_partition_holds_up_no_other() -> None:
    async def story() -> None:
        world = World(0, 1)
        world.takes_s = {"slow": 100.0}
        await world.submit("slow")
        await world.submit("a", "b", partition=1)
        await asyncio.sleep(50.0)
        assert world.heard("acked") == ["acked a", "acked b"]
        await asyncio.sleep(60.0)
        assert world.heard("acked") == ["acked a", "acked b", "acked slow"]

    run(story)


@pytest.mark.parametrize(
    "error", [RuntimeError("the broker is gone"), asyncio.CancelledError("a future of the client")]
)
def test_an_error_is_fatal_and_neither_its_batch_nor_a_later_one_is_acked(error: BaseException) -> None:
    async def story() -> None:
        world = World(0)
        world.fails = {"b": error}
        await world.submit("a", "b", "c")
        await asyncio.sleep(5.0)
        assert world.fatal == [error]
        assert world.heard("acked", "stopped") == ["acked a", "stopped 0 at once"]

    run(story)


def test_an_error_is_fatal_even_when_stopping_fails_too() -> None:
    async def story() -> None:
        world = World(0)
        error = RuntimeError("fenced")
        world.fails = {"a": error, "stop": OSError("disk full")}
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        await world.submit("a")
        await asyncio.sleep(1.0)
        assert world.fatal == [error]

    run(story)


def test_giving_up_finishes_the_batch_in_hand_and_drops_the_queue() -> None:
    async def story() -> None:
        world = World(0)
        world.takes_s = {"a": 3.0}
        await world.submit("a", "b")
        await asyncio.sleep(1.0)
        await world.lanes.revoke()
        assert world.told == ["started 0", "applied a", "acked a", "stopped 0 gracefully"]
        assert (world.lanes.partitions, world.fatal) == ([], [])

    run(story)


def test_giving_up_that_takes_too_long_is_fatal() -> None:
    async def story() -> None:
        world = World(0)
        world.takes_s = {"a": 100.0}
        await world.submit("a")
        await asyncio.sleep(1.0)
        await world.lanes.revoke()
        await asyncio.sleep(0.0)
        assert [type(error) for error in world.fatal] == [TimeoutError]
        assert world.heard("acked") == []

    run(story)


def test_a_takeover_is_broken_off_when_the_partition_goes_again() -> None:
    async def story() -> None:
        world = World(0)
        world.takes_s = {"start": 100.0}
        await world.submit("a")
        await asyncio.sleep(1.0)
        await world.lanes.revoke()
        assert (world.told, world.fatal) == (["stopped 0 at once"], [])

    run(story)


def test_a_partition_that_comes_back_starts_anew_without_the_dropped_batches() -> None:
    async def story() -> None:
        world = World(0)
        await asyncio.sleep(0.5)
        await world.lanes.revoke()
        waiting = asyncio.create_task(world.submit("a"))
        await asyncio.sleep(0.5)
        assert world.heard("applied") == []
        world.lanes.assign([0])
        await waiting
        await asyncio.sleep(0.5)
        assert world.told == ["started 0", "stopped 0 gracefully", "started 0", "applied a", "acked a"]

    run(story)


def test_a_batch_of_a_partition_that_went_elsewhere_stays_unacked() -> None:
    async def story() -> None:
        world = World(0)
        await world.submit("a", partition=7)
        await asyncio.sleep(1.5)
        assert world.heard("applied", "acked") == []

    run(story)


def test_ticks_come_about_once_a_second_whether_there_is_work_or_not() -> None:
    async def story() -> None:
        world = World(0)
        await asyncio.sleep(TICK_S * 5.5)
        assert len(world.heard("ticked")) == 5
        world.takes_s = dict.fromkeys(map(str, range(40)), TICK_S / 4)
        await world.submit(*map(str, range(40)))
        await asyncio.sleep(TICK_S * 5)
        assert 9 <= len(world.heard("ticked")) <= 10

    run(story)


class Waiting(Work):
    """Waits for what does not come, until it is interrupted."""

    def __init__(self, world: "World", partition: int) -> None:
        super().__init__(world, partition)
        self._interrupted = asyncio.Event()

    def interrupt(self) -> None:
        self._interrupted.set()

    async def apply(self, topic: str, records: list[Any]) -> None:
        await self._interrupted.wait()
        raise Interrupted


def test_what_waits_in_vain_is_interrupted_when_its_partition_goes_and_acks_nothing() -> None:
    async def story() -> None:
        world = World()
        world.lanes = Lanes(lambda partition: Waiting(world, partition), world, world.fatal.append, close_s=10.0)
        world.lanes.assign([0])
        await world.submit("a")
        await asyncio.sleep(1.0)
        await world.lanes.revoke()
        assert (world.told, world.fatal) == (["started 0", "stopped 0 gracefully"], [])

    run(story)


def test_an_interruption_that_nobody_asked_for_is_fatal() -> None:
    async def story() -> None:
        world = World(0)
        error = Interrupted()
        world.fails = {"a": error}
        await world.submit("a")
        await asyncio.sleep(1.0)
        assert (world.fatal, world.heard("acked")) == ([error], [])

    run(story)


class Gathering(Work):
    """Tells all records of a round."""

    async def apply(self, topic: str, records: list[Any]) -> None:
        await self._do(records[0], f"applied {'+'.join(records)} of {topic}")


def gathering(gather: Gather) -> World:
    world = World()
    world.lanes = Lanes(lambda partition: Gathering(world, partition), world, world.fatal.append, 10.0, gather)
    world.lanes.assign([0])
    return world


def test_batches_that_are_gathered_wait_for_the_round_and_are_one_for_each_topic() -> None:
    async def story() -> None:
        world = gathering(Gather(batches=8, every_s=3.0))
        await world.submit("a")
        await asyncio.sleep(0.5)
        other = Event(world.told, 0, "x")
        other.message.topic = "alerts"
        await world.submit("b")
        await world.lanes.submit(other)
        await world.submit("c")
        await asyncio.sleep(2.0)
        assert world.heard("applied") == ["applied a of events"]
        await asyncio.sleep(1.0)
        assert world.heard("applied", "acked") == [
            "applied a of events",
            "acked a",
            "applied b+c of events",
            "acked b",
            "acked c",
            "applied x of alerts",
            "acked x",
        ]

    run(story)


def test_batches_of_one_topic_that_wait_behind_each_other_are_one_up_to_so_many_records() -> None:
    async def story() -> None:
        world = gathering(Gather(batches=8, records=3))
        other = Event(world.told, 0, "x")
        other.message.topic = "alerts"
        await world.submit(*"abcdef")
        await world.lanes.submit(other)
        await world.submit("g")
        await asyncio.sleep(2.0)
        assert world.heard("applied") == [
            "applied a+b+c of events",
            "applied d+e+f of events",
            "applied x of alerts",
            "applied g of events",
        ]
        assert world.heard("acked") == [f"acked {name}" for name in "abcdefxg"]

    run(story)


def test_so_many_records_that_they_are_a_round_do_not_wait_for_it() -> None:
    async def story() -> None:
        world = gathering(Gather(every_s=100.0, round_records=3))
        await world.submit("a")
        await asyncio.sleep(0.5)
        await world.submit("b", "c")
        await asyncio.sleep(0.5)
        assert world.heard("applied") == ["applied a of events"]
        await world.submit("d")
        await asyncio.sleep(0.5)
        assert world.heard("applied") == ["applied a of events", "applied b+c+d of events"]

    run(story)


def test_a_partition_that_waits_for_its_round_is_held_until_it_begins() -> None:
    async def story() -> None:
        world = gathering(Gather(batches=8, every_s=3.0))
        world.takes_s = {"a": 1.0}
        await world.submit("a")
        await asyncio.sleep(0.5)
        assert world.held == ["hold 0", "resume 0"]
        assert world.heard("applied") == []
        await world.submit("b")
        await asyncio.sleep(2.0)
        assert world.held == ["hold 0", "resume 0", "hold 0"]
        await asyncio.sleep(1.0)
        assert world.held == ["hold 0", "resume 0", "hold 0", "resume 0"]
        assert world.heard("applied") == ["applied a of events", "applied b of events"]

    run(story)


def test_a_partition_that_others_read_too_is_not_held_while_it_waits_for_its_round() -> None:
    async def story() -> None:
        world = gathering(Gather(batches=2, every_s=100.0))
        await world.submit("a")
        await asyncio.sleep(0.5)
        world.held.clear()
        shared = [Event(world.told, 0, name) for name in "xy"]
        for event in shared:
            event.message.topic, event.message.tp = "alerts", Tp("alerts", 0)
        await world.lanes.submit(shared[0])
        assert world.held == []
        # Too many are too many whoever reads them.
        await world.lanes.submit(shared[1])
        assert world.held == ["hold 0"]

    run(story)


class Hurried(Work):
    """Wants a tick half a second after a batch."""

    wants_at: float | None = None

    def due_in_s(self) -> float | None:
        return None if self.wants_at is None else max(0.0, self.wants_at - asyncio.get_running_loop().time())

    async def apply(self, topic: str, records: list[Any]) -> None:
        await super().apply(topic, records)
        self.wants_at = asyncio.get_running_loop().time() + 0.5

    async def tick(self) -> None:
        await super().tick()
        self.wants_at = None


def test_a_work_that_is_in_a_hurry_has_its_tick_when_it_wants_it() -> None:
    async def story() -> None:
        world = World()
        world.lanes = Lanes(lambda partition: Hurried(world, partition), world, world.fatal.append, 10.0)
        world.lanes.assign([0])
        await world.submit("a")
        await asyncio.sleep(0.4)
        assert world.heard("ticked") == []
        await asyncio.sleep(0.2)
        assert world.heard("ticked") == ["ticked 0"]
        await asyncio.sleep(TICK_S * 2)
        assert len(world.heard("ticked")) == 3

    run(story)
