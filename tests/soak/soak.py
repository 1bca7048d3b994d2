"""One soak: a worker and a sink under a steady load, in a world whose people change, watched from outside."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import msgspec
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from argus import children
from argus.ports import pick
from argus.settings import Settings
from benchmarks.house import House, Reader, guest
from benchmarks.process import BenchError, Child, Deadline, child
from core.policy import Policy
from tests.soak.reading import READ, Outside
from tests.soak.sampling import Processors, Series, sample_disk, sample_gauges, sample_process
from tests.soak.verdict import SETTLED_S

CAPACITY_SHARE = 0.7
CALIBRATION_EVENTS, CALIBRATION_USERS = 20_000, 1_000
WARM_SHARE, WARM_MOST_S = 1 / 3, SETTLED_S
SAMPLE_S = 2.0
LEAD_S = 3.0
WITHIN_S = 180.0
# At so many users for each event a second, a simulated day takes about 10 s.
USERS_PER_RATE = 0.7
USERS_LEAST = 100
CASE_MEMORY_S = 20
SMALL = {
    "partitions": 2,
    # What fills up to a bound does so within the warm-up.
    "state_cache_users": 500,
    "block_cache_mb": 8,
    "label_rows": 1_000,
    # Days of the simulation, which pass in seconds.
    "dormant_days": 2.0,
    "label_delay_days": 1.0,
    "label_window_days": 2.0,
    # Approvals, which would only fill the database.
    "sink_approve_share": 0.0,
}


class Soaked(Struct):
    """What was measured. sent, decided: events under load; start_s, end_s: what counts of the series, in seconds
    since the load began."""

    capacity: float
    rate: float
    sent: int
    decided: int
    start_s: float
    end_s: float
    series: Series


class Soak:
    """The run in one house: `calibrated`, then `loaded`."""

    def __init__(self, home: House, seconds: float, most: float, say: Callable[[str], None]) -> None:
        self._home = home
        self._seconds = seconds
        self._most = most
        self._say = say
        self._outside = Outside(home)
        self._series = Series()
        self._ports = {"worker": pick(), "sink": pick()}
        self._processors = Processors()

    async def run(self) -> Soaked:
        home = self._home
        with self._traffic(CALIBRATION_USERS, 0, CALIBRATION_EVENTS, 0.0, 0.0) as filling:
            try:
                filling.process.wait(WITHIN_S)
            except subprocess.TimeoutExpired:
                raise BenchError("the broker does not take the events") from None
            filling.check()
        async with AsyncExitStack() as stack:
            processes = {name: stack.enter_context(self._process(name)) for name in self._ports}
            reader = await stack.enter_async_context(home.reader(*READ))
            capacity = await self._calibrated(reader, processes)
            rate = min(self._most, CAPACITY_SHARE * capacity)
            sent = int(rate * self._seconds)
            self._say(f"{capacity:,.0f} events a second at most; {sent:,} follow at {rate:,.0f} a second")
            await self._loaded(reader, processes, rate, sent)
        warm_s = min(WARM_MOST_S, WARM_SHARE * self._seconds)
        return Soaked(capacity, rate, sent, self._outside.decided, warm_s, self._seconds, self._series)

    async def _calibrated(self, reader: Reader, processes: dict[str, Child]) -> float:
        """Events a second at which the worker takes what has piled up before it came."""
        outside, deadline = self._outside, Deadline(WITHIN_S)
        while outside.decided < CALIBRATION_EVENTS:
            records = await reader.poll(200)
            outside.take(records)
            if records:
                deadline.moved()
            for process in processes.values():
                process.check()
            deadline.check(f"{outside.decided:,} of {CALIBRATION_EVENTS:,} events are decided")
        return outside.capacity()

    async def _loaded(self, reader: Reader, processes: dict[str, Child], rate: float, sent: int) -> None:
        outside, deadline = self._outside, Deadline(WITHIN_S)
        producer = AIOKafkaProducer(bootstrap_servers=self._home.bootstrap)
        await producer.start()
        start_s = time.monotonic() + LEAD_S
        users = max(USERS_LEAST, int(rate * USERS_PER_RATE))
        outside.paced(start_s, rate)
        sampling: asyncio.Task[None] | None = None
        next_s = start_s
        try:
            with self._traffic(users, 1, sent, rate, start_s) as traffic:
                while outside.decided < sent or traffic.process.poll() is None:
                    records = await reader.poll(100)
                    outside.take(records)
                    await outside.work(producer)
                    if records:
                        deadline.moved()
                    for process in (*processes.values(), traffic):
                        process.check()
                    deadline.check(f"{outside.decided:,} of {sent:,} events are decided")
                    if time.monotonic() >= next_s and (sampling is None or sampling.done()):
                        if sampling is not None:
                            sampling.result()
                        at_s = time.monotonic() - start_s
                        outside.sample(self._series, at_s)
                        sampling = asyncio.create_task(asyncio.to_thread(self._sample, at_s, processes))
                        next_s = max(next_s + SAMPLE_S, time.monotonic())
                outside.take(await reader.rest())
        finally:
            if sampling is not None:
                await asyncio.gather(sampling, return_exceptions=True)
            await producer.stop()

    def _sample(self, at_s: float, processes: dict[str, Child]) -> None:
        series, directory = self._series, self._home.directory
        for name, process in processes.items():
            sample_process(series, at_s, name, process.pid)
        series.add(at_s, "others", self._processors.others())
        sample_disk(series, at_s, "worker", directory / "worker-0")
        sample_gauges(series, at_s, "worker", self._ports["worker"])

    @contextmanager
    def _process(self, name: str) -> Iterator[Child]:
        port = self._ports[name]
        settings, bootstrap = self._home.settings, self._home.bootstrap
        if name == "worker":
            spec = children.worker_child(children.ARGUS, settings, bootstrap, 0, port)
        else:
            spec = children.sink_child(children.ARGUS, settings, bootstrap, port)
        with child(name, spec.argv, spec.env, self._home.directory) as process:
            yield process

    @contextmanager
    def _traffic(self, users: int, year: int, count: int, rate: float, start_s: float) -> Iterator[Child]:
        home = self._home
        numbers = map(repr, (home.settings.partitions, users, year, count, rate, start_s))
        argv = (sys.executable, "-m", "tests.soak.traffic", home.bootstrap, home.settings.topic("events"), *numbers)
        with child("traffic", argv, os.environ, home.directory) as process:
            yield process


async def soak(bootstrap: str, seconds: float, most: float, say: Callable[[str], None]) -> Soaked:
    """Run for so long, on a Kafka that is there, with topics and a group of its own. most: events a second that are
    not exceeded, whatever the worker could do. Raises `BenchError`."""
    policy = Policy(case_memory_s=CASE_MEMORY_S)
    settings = msgspec.structs.replace(Settings(), policy=policy, **SMALL)
    async with guest(settings, bootstrap) as home:
        return await Soak(home, seconds, most, say).run()
