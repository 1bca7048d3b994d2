"""`argus up`: broker, workers and simulated traffic on one machine, supervised, with the alerts on the terminal."""

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from msgspec import Struct

from argus import broker as embedded
from argus.alerts_view import Lines, Tail
from argus.broker import BrokerError
from argus.lease import belong_to, held
from argus.ports import LOOPBACK, given_or_picked, is_free, pick
from argus.settings import ALIASES, PREFIX, Settings, to_environment
from argus.supervisor import Backoff, Child, Spec, keep, stop_all
from argus.topics import ensure_topics

BROKER_PORT: Final = 9_092
BROKER_WITHIN_S: Final = 30.0
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 15.0
LOST: Final = "events, alerts, user states, locks and what the models had learnt are gone with it"


class Plan(Struct, frozen=True, kw_only=True):
    """What to run. argus: the command line that `worker` and `simulate` are put behind. broker: None for the embedded
    one, on `broker_port` (None: the usual one, or a free one if that is taken)."""

    settings: Settings
    broker: str | None = None
    workers: int = 1
    simulate: bool = True
    duration_s: float | None = None
    broker_port: int | None = None
    as_json: bool = False
    argus: tuple[str, ...] = (sys.executable, "-m", "argus")


def run(
    settings: Settings,
    *,
    broker: str | None,
    workers: int,
    simulate: bool,
    duration_s: float | None,
    broker_port: int | None,
    api_port: int | None,  # noqa: ARG001
    as_json: bool,
) -> int:
    """Runs until SIGINT, SIGTERM or the end of `duration_s`; the exit status, when every child is gone."""
    plan = Plan(
        settings=settings,
        broker=broker,
        workers=workers,
        simulate=simulate,
        duration_s=duration_s,
        broker_port=broker_port,
        as_json=as_json,
    )
    # A broker that comes and goes is told in one line of ours.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with held(settings.data_dir) as run_dir:
        return asyncio.run(Up(plan, run_dir).run())


class Up:
    """One `argus up`. Each round is the life of one broker; with an existing Kafka there is one round."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.run_dir = run_dir
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._greeted = False
        self._lines = Lines()
        self._broker_port = 0

    async def run(self) -> int:
        deadline = time.monotonic() + self.plan.duration_s if self.plan.duration_s else None
        self._metrics_port = self._choose("metrics", self.settings.metrics_port, self.plan.workers)
        with self._signals():
            waited_s, backoff = 0.0, Backoff()
            while True:
                started = time.monotonic()
                died = await self._round(deadline)
                if died is None:
                    return 0
                self.say(f"the embedded broker ended ({died}) and is started anew: {LOST}")
                waited_s = backoff.next_s(waited_s, time.monotonic() - started)
                await _either(self._stop.wait(), asyncio.sleep(waited_s))

    def say(self, line: str) -> None:
        """To whoever watches: beside the alerts, which have standard output to themselves as JSON."""
        out = sys.stderr if self.plan.as_json else sys.stdout
        out.write(f"{line}\n")
        out.flush()

    async def _round(self, deadline: float | None) -> str | None:
        """How the embedded broker died; None when it was time to stop."""
        stopped = asyncio.create_task(_until(self._stop, deadline))
        try:
            if self.plan.broker:
                incarnation = await self._incarnation(self.plan.broker)
                await self._work(self.plan.broker, incarnation, stopped)
                return None
            async with self._embedded() as (bootstrap, child):
                died = asyncio.create_task(child.wait())
                answers = asyncio.create_task(embedded.answers(bootstrap, BROKER_WITHIN_S))
                await asyncio.wait({died, answers, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    return None
                if not answers.done() or not answers.result():
                    answers.cancel()
                    words = child.last_words() or "it said nothing"
                    if not self._greeted:
                        raise BrokerError(f"the embedded broker does not answer on {bootstrap}: {words}")
                    return died.result() if died.done() else "no answer"
                work = asyncio.create_task(self._work(bootstrap, f"embedded:{uuid.uuid4().hex}", stopped))
                await asyncio.wait({work, died}, return_when=asyncio.FIRST_COMPLETED)
                if work.done() and not died.done():
                    died.cancel()
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
        report = await ensure_topics(bootstrap, self.settings)
        for difference in report.different:
            self.say(f"a topic exists with another shape: {difference}")
        if belong_to(self.settings.data_dir, incarnation):
            self.say("the workers' tables were made from another broker's topics and are begun anew")
        topic = self.settings.topic("alerts")
        tail = Tail(bootstrap, topic, self.settings.partitions, from_start=not self.plan.broker)
        children = [Child(spec, self.run_dir) for spec in self._workers(bootstrap)]
        tasks: list[asyncio.Task[None]] = []
        try:
            await tail.start()
            tasks += [asyncio.create_task(keep(child, self.say)) for child in children]
            ready = asyncio.create_task(self._ready())
            await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if stopped.done():
                return
            self._greet(bootstrap)
            tasks.append(asyncio.create_task(self._show(tail)))
            if self.plan.simulate:
                simulator = Child(self._simulator(bootstrap), self.run_dir)
                children.append(simulator)
                tasks.append(asyncio.create_task(keep(simulator, self.say)))
            await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
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

    async def _stop_children(self, children: list[Child]) -> None:
        """A second signal makes it short."""
        stopping = asyncio.create_task(stop_all(children, STOP_WITHIN_S))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not stopping.done():
            await stop_all(children, 0)
        await stopping

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

    @contextlib.asynccontextmanager
    async def _embedded(self) -> AsyncIterator[tuple[str, Child]]:
        if not self._broker_port:
            self._broker_port = self._choose("broker", self.plan.broker_port)
        elif not is_free(self._broker_port):
            self._broker_port = pick()
        spec = Spec(
            "broker",
            embedded.command(embedded.binary(self.run_dir), self._broker_port),
            {"RUST_LOG": "off", **os.environ},
        )
        child = Child(spec, self.run_dir)
        await child.start()
        try:
            yield f"{LOOPBACK}:{self._broker_port}", child
        finally:
            await stop_all([child], 2.0)

    async def _incarnation(self, bootstrap: str) -> str:
        """What the contents of an existing Kafka are known by."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            cluster = (await admin.describe_cluster())["cluster_id"]
        except (KafkaError, OSError) as error:
            raise BrokerError(f"no broker answers on {bootstrap}: {error}") from None
        finally:
            await admin.close()
        return f"kafka:{cluster}:{self.settings.topic_prefix}:{self.settings.app_id}"

    def _choose(self, what: str, wanted: int | None, count: int = 1) -> int:
        """The port wanted. One that is taken: a free one, with a line that says so."""
        if wanted == 0:
            return given_or_picked(pick(), count)
        usual = wanted or BROKER_PORT
        port = given_or_picked(usual, count)
        if port != usual:
            self.say(f"{what} port {usual} is taken; using {port}")
        return port

    def _environment(self) -> Mapping[str, str]:
        """The settings in force, and nothing else that could be taken for one."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ALIASES and (not name.startswith(PREFIX) or name == "ARGUS_CI")
        }
        return {**kept, **to_environment(self.settings)}

    def _workers(self, bootstrap: str) -> list[Spec]:
        return [
            Spec(
                f"worker-{i}",
                [
                    *(*self.plan.argus, "worker", "--broker", bootstrap),
                    *("--datadir", str(self.settings.data_dir / f"worker-{i}")),
                    *("--metrics-port", str(self._metrics_port + i)),
                ],
                self._environment(),
            )
            for i in range(self.plan.workers)
        ]

    def _simulator(self, bootstrap: str) -> Spec:
        return Spec("simulator", [*self.plan.argus, "simulate", "--broker", bootstrap], self._environment())

    async def _ready(self) -> None:
        """Returns when every worker says that it is healthy, or when it has had its time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN_S):
                await asyncio.gather(*(_healthy(self.settings.metrics_host, port) for port in self._metrics_ports()))

    def _metrics_ports(self) -> list[int]:
        return [self._metrics_port + i for i in range(self.plan.workers)]

    def _greet(self, bootstrap: str) -> None:
        """Where to look; once, however many brokers it takes."""
        if self._greeted:
            self.say(f"running again on {bootstrap}")
            return
        self._greeted = True
        metrics = [f"http://{self.settings.metrics_host}:{port}/metrics" for port in self._metrics_ports()]
        addresses: dict[str, Any] = {
            "broker": bootstrap,
            "metrics": metrics,
            "topic_prefix": self.settings.topic_prefix,
            "data_dir": str(self.settings.data_dir.absolute()),
        }
        if self.plan.as_json:
            sys.stdout.write(msgspec.json.encode({"ready": addresses}).decode() + "\n")
            sys.stdout.flush()
            return
        kind = "existing Kafka" if self.plan.broker else "embedded, in memory: what it holds ends with it"
        self.say(f"Argus is running. Ctrl-C stops it.\n  broker   {bootstrap} ({kind})")
        self.say(f"  topics   {self.settings.topic_prefix}*, see `argus schema --asyncapi`")
        self.say("\n".join(f"  metrics  {address}" for address in metrics))
        self.say(f"  logs     {shlex.quote(str(self.run_dir))}")
        if self.plan.simulate:
            self.say(f"  traffic  simulated, {self.settings.simulate_rate:g} events/s, seed {self.settings.seed}")
        self.say("Alerts:")

    async def _show(self, tail: Tail) -> None:
        async for value in tail.values():
            line = value.decode() if self.plan.as_json else self._lines.line(value)
            if line is not None:
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()


async def _until(event: asyncio.Event, deadline: float | None) -> None:
    """Until the event, or until the time has come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
            await event.wait()


async def _either(*waits: Any) -> None:
    """Until the first of them is over; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _healthy(host: str, port: int) -> None:
    """Until a worker's /health answers 200."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                if b" 200 " in await reader.readline():
                    return
            finally:
                writer.close()
        await asyncio.sleep(0.05)
