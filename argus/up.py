"""`argus up`: broker, workers and simulated traffic on one machine, supervised, with the alerts on the terminal."""

import asyncio
import contextlib
import logging
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from aiokafka.errors import KafkaError
from asyncpg import PostgresError
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from argus import broker as embedded
from argus import monitoring
from argus.alerts_view import Tail
from argus.broker import BrokerError
from argus.certificates import of_own_api
from argus.children import (
    ARGUS,
    api_child,
    broker_child,
    healthy,
    notify_child,
    simulator_child,
    sink_child,
    worker_child,
)
from argus.kafka_access import access_of
from argus.lease import belong_to, held
from argus.ports import LOOPBACK, given_or_picked, is_free, pick
from argus.restore import restore
from argus.secret import secret_of
from argus.settings import Settings
from argus.store.engine import words
from argus.store.migrate import NewerSchema
from argus.supervisor import Backoff, Child, keep, stop_all
from argus.terminal import Addresses, Terminal
from argus.topics import cluster_id, ensure_topics

BROKER_PORT: Final = 9_092
BROKER_WITHIN_S: Final = 30.0
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 15.0
LOST: Final = "events, users' histories and what the models had learnt are gone"


class Plan(Struct, frozen=True, kw_only=True):
    """What to run. broker: None for the embedded one, on `broker_port` (None: the usual one, or a free one if that is
    taken). monitoring: whether Prometheus and Alertmanager run beside it, where they are on PATH. argus: the command
    line that `worker` and `simulate` are put behind."""

    settings: Settings
    broker: str | None = None
    workers: int = 1
    simulate: bool = True
    duration_s: float | None = None
    broker_port: int | None = None
    api_port: int | None = None
    monitoring: bool = False
    as_json: bool = False
    argus: tuple[str, ...] = ARGUS


def run(
    settings: Settings,
    *,
    broker: str | None,
    workers: int,
    simulate: bool,
    duration_s: float | None,
    broker_port: int | None,
    api_port: int | None,
    monitored: bool,
    as_json: bool,
) -> int:
    """Runs until SIGINT, SIGTERM or the end of `duration_s`; the exit status, when every child is gone."""
    plan = Plan(
        settings=msgspec.structs.replace(settings, secret=secret_of(settings)),
        broker=broker,
        workers=workers,
        simulate=simulate,
        duration_s=duration_s,
        broker_port=broker_port,
        api_port=api_port,
        monitoring=monitored,
        as_json=as_json,
    )
    # A broker that comes and goes is told in one line of ours.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with held(settings.data_dir) as run_dir:
        return asyncio.run(Up(plan, run_dir).run())


class Up:
    """One `argus up`. Each round is the life of one broker; with an existing Kafka there is one round."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self._plan = plan
        self._settings = plan.settings
        self._own_api = of_own_api(plan.settings)
        self._run_dir = run_dir
        self._terminal = Terminal(as_json=plan.as_json)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._greeted = False
        self._broker_port = 0
        self._metrics_ports: list[int] = []
        self._beside: monitoring.Beside | None = None

    async def run(self) -> int:
        deadline = time.monotonic() + self._plan.duration_s if self._plan.duration_s else None
        first = self._choose("metrics", self._settings.metrics_port, self._plan.workers)
        self._metrics_ports = [first + i for i in range(self._plan.workers)]
        wanted = self._settings.api_port if self._plan.api_port is None else self._plan.api_port
        self._settings = _at(self._settings, self._choose("api", wanted), self._metrics_ports)
        monitors = monitoring.kept(self._monitors(), self._terminal.say, self._stop_children)
        with self._signals():
            async with monitors:
                status = await self._rounds(deadline)
        if deadline is not None and not self._greeted:
            self._terminal.say(f"--duration {self._plan.duration_s:g} was over before everything was ready")
        return status

    async def _rounds(self, deadline: float | None) -> int:
        waited_s, backoff = 0.0, Backoff()
        while True:
            started = time.monotonic()
            died = await self._round(deadline)
            if died is None:
                return 0
            self._terminal.say(f"the embedded broker ended ({died}) and is started anew: {LOST}")
            waited_s = backoff.next_s(waited_s, time.monotonic() - started)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), waited_s)

    async def _round(self, deadline: float | None) -> str | None:
        """How the embedded broker died; None when it was time to stop."""
        stopped = asyncio.create_task(_until(self._stop, deadline))
        try:
            if self._plan.broker:
                await self._work(self._plan.broker, await self._contents(self._plan.broker), stopped)
                return None
            async with self._embedded() as (bootstrap, child):
                died = asyncio.create_task(child.wait())
                answers = asyncio.create_task(embedded.answers(bootstrap, BROKER_WITHIN_S))
                await _first(died, answers, stopped)
                if stopped.done():
                    return None
                if not answers.done() or not answers.result():
                    answers.cancel()
                    if not self._greeted:
                        words = child.last_words() or "it said nothing"
                        raise BrokerError(f"the embedded broker does not answer on {bootstrap}: {words}")
                    return died.result() if died.done() else "it did not answer"
                work = asyncio.create_task(self._work(bootstrap, f"embedded:{uuid.uuid4().hex}", stopped))
                await _first(work, died)
                if not died.done() and not work.cancelled() and work.exception():
                    await asyncio.wait({died}, timeout=1.0)  # the broker's end may show in the work first
                if not died.done():
                    await work
                    return None
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError, KafkaError, BrokerError, OSError):
                    await work
                return None if stopped.done() else died.result()
        finally:
            stopped.cancel()

    async def _work(self, bootstrap: str, incarnation: str, stopped: asyncio.Task[None]) -> None:
        """Topics, workers, alerts, traffic; until it is time to stop, or until cancelled."""
        say, settings = self._terminal.say, self._settings
        for difference in (await ensure_topics(bootstrap, settings)).different:
            say(f"a topic exists with another shape: {difference}")
        if belong_to(settings.data_dir, incarnation):
            say("the workers' tables were made from another broker's topics and are begun anew")
        if not self._plan.broker:
            await self._restore(bootstrap)
        tail = Tail(
            bootstrap,
            settings.topic("alerts"),
            settings.partitions,
            from_start=not self._plan.broker,
            access=access_of(settings),
        )
        children = [
            Child(worker_child(self._plan.argus, settings, bootstrap, number, port), self._run_dir)
            for number, port in enumerate(self._metrics_ports)
        ]
        beside = self._beside
        ports = (beside.ports.sink, beside.ports.notify) if beside else (0, 0)
        children.append(Child(sink_child(self._plan.argus, settings, bootstrap, ports[0]), self._run_dir))
        children.append(Child(api_child(self._plan.argus, settings, bootstrap), self._run_dir))
        children.append(Child(notify_child(self._plan.argus, settings, bootstrap, ports[1]), self._run_dir))
        tasks: list[asyncio.Task[None]] = []
        try:
            await tail.start()
            tasks += [asyncio.create_task(keep(child, say)) for child in children]
            ready = asyncio.create_task(self._ready())
            await _first(ready, stopped, *tasks)
            ready.cancel()
            if not stopped.done():
                self._greet(bootstrap)
                tasks.append(asyncio.create_task(self._terminal.show(tail.values())))
                if self._plan.simulate:
                    children.append(Child(simulator_child(self._plan.argus, settings, bootstrap), self._run_dir))
                    tasks.append(asyncio.create_task(keep(children[-1], say)))
                await _first(stopped, *tasks)
            for task in tasks:
                if task.done():
                    task.result()  # none of them ends but by an error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_children(children)
            with contextlib.suppress(KafkaError, OSError):
                await tail.stop()

    def _monitors(self) -> list[Child]:
        """Prometheus and Alertmanager, ready to be started; none where they are not there or not wanted."""
        self._beside = monitoring.beside(self._settings, self._metrics_ports) if self._plan.monitoring else None
        if self._beside is None:
            return []
        if self._settings.alertmanager_url is None:
            self._settings = msgspec.structs.replace(self._settings, alertmanager_url=self._beside.alertmanager)
        return [Child(spec, self._run_dir) for spec in self._beside.specs]

    async def _restore(self, bootstrap: str) -> None:
        """Put back what the database has of an earlier broker. Without it, work begins with nothing."""
        try:
            restored = await restore(self._settings, bootstrap)
        except (SQLAlchemyError, PostgresError, NewerSchema, OSError, ValueError) as error:
            self._terminal.say(f"no locks, rules and cases were restored: {words(error)}")
        else:
            if restored is not None:
                self._terminal.say(f"restored {restored}; {LOST}")

    async def _stop_children(self, children: list[Child]) -> None:
        """A second signal makes it short."""
        stopping = asyncio.create_task(stop_all(children, STOP_WITHIN_S))
        hurried = asyncio.create_task(self._hurry.wait())
        await _first(stopping, hurried)
        hurried.cancel()
        if not stopping.done():
            await stop_all(children, 0)
        await stopping

    async def _ready(self) -> None:
        """Returns when every worker and the API say that they are healthy, or when they have had their time."""
        settings = self._settings
        asked = [healthy(settings.metrics_host, port) for port in self._metrics_ports]
        asked.append(healthy(settings.api_host, settings.api_port, self._own_api))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN_S):
                await asyncio.gather(*asked)

    def _greet(self, bootstrap: str) -> None:
        if self._greeted:
            self._terminal.say(f"running again on {bootstrap}")
            return
        self._greeted = True
        settings = self._settings
        metrics = tuple(f"http://{settings.metrics_host}:{port}/metrics" for port in self._metrics_ports)
        addresses = Addresses(
            bootstrap,
            settings.public_url,
            metrics,
            settings.topic_prefix,
            str(settings.data_dir.absolute()),
            self._beside.prometheus if self._beside else None,
            self._beside.alertmanager if self._beside else None,
        )
        self._terminal.greet(addresses, settings, embedded=not self._plan.broker, traffic=self._plan.simulate)

    @contextlib.asynccontextmanager
    async def _embedded(self) -> AsyncIterator[tuple[str, Child]]:
        if not self._broker_port:
            self._broker_port = self._choose("broker", self._plan.broker_port)
        elif not is_free(self._broker_port):
            self._broker_port = pick()
        child = Child(broker_child(self._run_dir, self._broker_port), self._run_dir)
        await child.start()
        try:
            yield f"{LOOPBACK}:{self._broker_port}", child
        finally:
            await stop_all([child], 2.0)

    async def _contents(self, bootstrap: str) -> str:
        """What the contents of an existing Kafka are known by."""
        cluster = await cluster_id(bootstrap, self._settings)
        return f"kafka:{cluster}:{self._settings.topic_prefix}:{self._settings.app_id}"

    def _choose(self, what: str, wanted: int | None, count: int = 1) -> int:
        """The port wanted. One that is taken: a free one, with a line that says so."""
        if wanted == 0:
            return given_or_picked(pick(), count)
        usual = wanted or BROKER_PORT
        port = given_or_picked(usual, count)
        if port != usual:
            self._terminal.say(f"{what} port {usual} is taken; using {port}")
        return port

    def _told_to_stop(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _at(settings: Settings, api_port: int, metrics_ports: list[int]) -> Settings:
    """The settings with the API's port, and where the workers' figures are; where nobody says how people reach the
    console, that is where."""
    local = f"{settings.api_scheme}://{LOOPBACK}:{api_port}"
    url = local if settings.public_url == Settings().public_url else settings.public_url
    host = settings.metrics_host
    figures = settings.worker_metrics or tuple(f"http://{host}:{port}/metrics" for port in metrics_ports)
    return msgspec.structs.replace(settings, api_port=api_port, public_url=url, worker_metrics=figures)


async def _until(event: asyncio.Event, deadline: float | None) -> None:
    """Until the event, or until the time has come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
            await event.wait()


async def _first(*tasks: Awaitable[object]) -> None:
    """Until the first of them is over; the others go on."""
    await asyncio.wait([asyncio.ensure_future(task) for task in tasks], return_when=asyncio.FIRST_COMPLETED)
