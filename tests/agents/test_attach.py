"""Following an assignment, with Faust's signals sent by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from faust.types import TP

from agents.attach import Table, attach
from agents.standby import Place

Handler = Callable[..., Awaitable[None]]


class Signal:
    def __init__(self) -> None:
        self.handlers: list[Handler] = []

    def connect(self, handler: Handler) -> Handler:
        self.handlers.append(handler)
        return handler

    async def send(self, *args: Any) -> None:
        for handler in self.handlers:
            await handler(self, *args)


class App:
    """What `attach` needs of a Faust app, its assignor and its consumer."""

    def __init__(self) -> None:
        self.consumer = self.assignor = self
        self.fetches = False
        self.on_partitions_revoked = Signal()
        self.on_partitions_assigned = Signal()
        self.on_before_shutdown = Signal()

    def begin(self) -> None:
        self.fetches = True

    def halt(self) -> None:
        self.fetches = False

    def assigned_standbys(self) -> set[TP]:
        return set()

    def topic(self, name: str, **_: Any) -> str:
        return name

    def agent(self, *_: Any, **__: Any) -> Callable[[Handler], Handler]:
        return lambda handler: handler


class ProducerClosed(Exception):
    """What is said to whoever sends by a producer that has been stopped."""


class World:
    """Clients that tell what was asked of them, and work that needs them to begin."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fatal: list[BaseException] = []
        self.open = False
        self.start_waits = asyncio.Event()
        self.start_waits.set()

    async def start(self) -> None:
        self.told.append("start")
        await self.start_waits.wait()
        self.open = True

    async def stop(self, **_: Any) -> None:
        self.told.append("stop")
        self.open = False

    def work(self, partition: int) -> Any:
        return Work(self, partition)


class Work:
    def __init__(self, world: World, partition: int) -> None:
        self.world, self.partition = world, partition

    async def start(self) -> None:
        if not self.world.open:
            raise ProducerClosed
        self.world.told.append(f"take over {self.partition}")

    async def tick(self) -> None:
        """Nothing is due."""

    async def stop(self, *, gracefully: bool) -> None:
        self.world.told.append(f"give up {self.partition}, {'well' if gracefully else 'badly'}")


class Copies:
    """Standbys that take their time to leave what is to be worked on."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def leave(self, _places: Collection[Place]) -> None:
        await self.left.wait()

    async def follow(self, *_: object) -> None:
        """There is nothing to follow."""

    async def stop(self) -> None:
        """They are all closed."""


def attached(world: World, standbys: Copies | None = None) -> App:
    app = App()
    tables = (Table("users", ("events",), world.work),)
    attach(app, tables, world, lambda: (), world.fatal.append, 5.0, standbys=standbys)  # type: ignore[arg-type]
    return app


def events(partitions: Iterable[int]) -> set[TP]:
    return {TP("events", partition) for partition in partitions}


def test_partitions_are_taken_over_and_given_up_before_the_end() -> None:
    async def story() -> None:
        world = World()
        app = attached(world)
        await app.on_partitions_assigned.send(events([0, 1]))
        await asyncio.sleep(0)
        await app.on_before_shutdown.send()
        assert world.told == ["start", "take over 0", "take over 1", "give up 0, well", "give up 1, well", "stop"]
        assert world.fatal == []

    asyncio.run(story())


def test_nothing_is_fetched_where_there_are_no_lanes_to_take_it() -> None:
    async def story() -> None:
        world = World()
        app = attached(world)
        world.start_waits.clear()
        joining = asyncio.create_task(app.on_partitions_assigned.send(events([0])))
        await asyncio.sleep(0)
        assert not app.fetches
        world.start_waits.set()
        await joining
        assert app.fetches
        await app.on_partitions_revoked.send(events([0]))
        assert not app.fetches
        await app.on_partitions_assigned.send(events([1]))
        assert app.fetches
        await app.on_before_shutdown.send()

    asyncio.run(story())


def test_partitions_that_come_when_it_was_told_to_end_are_left_to_others() -> None:
    async def story() -> None:
        world = World()
        app = attached(world)
        await app.on_before_shutdown.send()
        await app.on_partitions_assigned.send(events([0]))
        await asyncio.sleep(0)
        assert not any(told.startswith("take over") for told in world.told)
        assert not world.open
        assert world.fatal == []

    asyncio.run(story())


def test_an_end_while_it_is_joining_leaves_nothing_open() -> None:
    async def story() -> None:
        world = World()
        app = attached(world)
        world.start_waits.clear()
        joining = asyncio.create_task(app.on_partitions_assigned.send(events([0])))
        await asyncio.sleep(0)
        await app.on_before_shutdown.send()
        world.start_waits.set()
        await joining
        assert not any(told.startswith("take over") for told in world.told)
        assert not world.open
        assert world.fatal == []

    asyncio.run(story())


def test_an_end_while_standbys_leave_what_comes_leaves_nothing_open() -> None:
    async def story() -> None:
        world, standbys = World(), Copies()
        app = attached(world, standbys)
        joining = asyncio.create_task(app.on_partitions_assigned.send(events([0])))
        await asyncio.sleep(0)
        await app.on_before_shutdown.send()
        standbys.left.set()
        await joining
        await asyncio.sleep(0)
        assert not any(told.startswith("take over") for told in world.told)
        assert not world.open
        assert world.fatal == []

    asyncio.run(story())
