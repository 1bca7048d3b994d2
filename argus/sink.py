"""`argus sink`: follows the topics that people look things up in, into the database.

It is a process of its own, with a consumer group of its own, so that a database that is slow or away never holds up
the stream. A batch is one transaction, tried until it succeeds, and only then acked: nothing is lost, and since a
repeat of a record changes nothing, nothing is doubled.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import faust
from asyncpg import PostgresError
from msgspec import Struct, structs
from sqlalchemy.exc import SQLAlchemyError

from agents.attach import Table, attach
from agents.clients import ClientConfig, Clients
from agents.intake import Rejections
from agents.lanes import Gather, Interrupted, Lanes
from agents.sender import KafkaSender
from agents.shard import Output
from argus.batch_meter import BatchCounts, ProducerMeter
from argus.faust_app import faust_app
from argus.kafka_access import access_of
from argus.liveness import health_of
from argus.log import Seldom
from argus.measure import Metrics
from argus.process import run_app, stop_at_once
from argus.sampler import DiskSampler, ProducerSampler, StreamSampler
from argus.settings import Settings
from argus.sink_figures import DatabaseFigures
from argus.sink_meter import SinkMeter
from argus.store.engine import database_url, is_bad_row, masked, words
from argus.store.migrate import NewerSchema
from argus.store.retention import forget, kept
from argus.store.rows import TOPICS, Rows, reader
from argus.store.store import Store
from core.canary import has_header
from core.events import Rejected

logger = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0
# A write that is under way when the partition goes may still end well.
GRACE_S: Final = 3.0
RETENTION_EVERY_S: Final = 600.0
# Half a second's delay is nothing to those who look things up: rows come in larger transactions, and the broker is
# asked less often, which costs sink and embedded broker a seventh of what a hundred times a second does.
FETCH_WAIT_MS: Final = 200
ROUNDS: Final = Gather(batches=8, every_s=0.25)

Unit = tuple[Any, Rows]


class Writes(Protocol):
    """The part of `argus.store.store.Store` that the sink writes by."""

    async def migrate(self) -> None: ...
    async def write(self, batches: Sequence[Rows]) -> None: ...


class Sends(Protocol):
    """Sends records, as `agents.sender.KafkaSender` does."""

    async def send(self, outputs: Sequence[Output]) -> None: ...


class Waiting:
    """Tries until it succeeds or is told to stop; says once a minute what it waits for."""

    def __init__(self, meter: SinkMeter) -> None:
        self._meter = meter
        self._seldom = Seldom()

    async def __call__(self, name: str, act: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Raises `Interrupted`, and what is no use to be tried again."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await _unless(stop, act())
            except (NewerSchema, Interrupted):
                raise
            except Exception as error:
                if is_bad_row(error):
                    raise
                self._meter.retry(name)
                if self._seldom("away") is not None:
                    logger.warning("the database does not do what it should, and is waited for: %s", words(error))
            else:
                if not self._meter.database_up:
                    logger.info("the database works")
                    self._meter.database(up=True)
                return
            await _pause(stop, wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)


class SinkWork:
    """One partition of one topic on its way into the database (see `agents.lanes.Work`)."""

    def __init__(
        self,
        table: str,
        store: Writes,
        read: Callable[[Any], Rows],
        rejections: Rejections,
        send: Callable[[], Sends],
        waiting: Waiting,
        meter: SinkMeter,
        now_ms: Callable[[], int],
    ) -> None:
        self._table = table
        self._store = store
        self._read = read
        self._rejections = rejections
        self._send = send
        self._waiting = waiting
        self._meter = meter
        self._now_ms = now_ms
        self._stop = asyncio.Event()

    async def start(self) -> None:
        await self._waiting(self._table, self._store.migrate, self._stop)

    async def apply(self, _topic: str, records: list[Any]) -> None:
        begin = time.monotonic()
        units: list[Unit] = []
        rejected: list[tuple[Any, Rejected]] = []
        for record in records:
            if record.headers and has_header(record.headers):
                continue
            try:
                rows = self._read(record)
            except Rejected as reason:
                rejected.append((record, reason))
                continue
            if rows:
                units.append((record, rows))
        refused = await self._write(units)
        rejected += refused
        if rejected:
            await self._reject(rejected)
        self._meter.batch(
            self._table,
            len(units) - len(refused),
            len(records) - len(units) - len(rejected) + len(refused),
            time.monotonic() - begin,
        )

    async def tick(self) -> None:
        """Nothing is due."""

    async def stop(self, *, gracefully: bool) -> None:
        """Nothing is held."""

    def interrupt(self) -> None:
        self._stop.set()

    async def _write(self, units: list[Unit]) -> list[tuple[Any, Rejected]]:
        """Write all of them; those that the database will not take, each found by halving."""
        if not units:
            return []
        try:
            await self._waiting(self._table, lambda: self._store.write([rows for _, rows in units]), self._stop)
        except Exception as error:
            if not is_bad_row(error):
                raise
            if len(units) == 1:
                return [(units[0][0], Rejected("invalid", f"the database refuses it: {words(error)}"))]
            middle = len(units) // 2
            return [*await self._write(units[:middle]), *await self._write(units[middle:])]
        return []

    async def _reject(self, rejected: list[tuple[Any, Rejected]]) -> None:
        now_ms = self._now_ms()
        await self._send().send([self._rejections.output(record, reason, now_ms) for record, reason in rejected])
        for _ in rejected:
            self._meter.rejected(self._table)


class Sink(Struct):
    """A sink that is ready to run."""

    app: faust.App
    lanes: dict[str, Lanes]
    metrics: Metrics
    samples: tuple[Callable[[], None], ...]
    meter: SinkMeter
    stall_s: float

    def health(self) -> tuple[bool, dict[str, Any]]:
        """As `health_of`, and the database has been found once. One that is away later is waited for, and is no
        reason to start the sink again."""
        up = self.meter.database_up
        healthy, facts = health_of(self.lanes, self.stall_s, waits=not up)
        return healthy, {**facts, "database": "up" if up else "waited for"}


def build(settings: Settings, on_fatal: Callable[[BaseException], None]) -> Sink:
    """Raises `SettingsError` and OSError before anything is connected."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = database_url(settings)
    store, metrics = Store(url), Metrics(process="sink")
    logger.info("alerts, cases and the like go to %s", masked(url))
    meter = SinkMeter(metrics)
    app = faust_app(settings, "sink")
    app.batching = structs.replace(app.batching, fetch_wait_ms=max(FETCH_WAIT_MS, settings.fetch_max_wait_ms))
    clients = Clients(
        ClientConfig(
            bootstrap=tuple(settings.broker.split(",")),
            access=access_of(settings),
            client_id=f"{settings.app_id}-sink",
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=max(settings.session_timeout_s, 10.0),
        ),
        ProducerMeter(metrics, settings.topic_prefix),
    )
    waiting, rejections = Waiting(meter), Rejections(settings.topic("rejected"))

    def table(topic: str) -> Table:
        def open_work(_partition: int) -> SinkWork:
            return SinkWork(
                topic,
                store,
                reader(topic, settings.sink_approve_share),
                rejections,
                lambda: KafkaSender(clients.producer, clients.batch_bytes),
                waiting,
                meter,
                _now_ms,
            )

        return Table(topic, (settings.topic(topic),), open_work, ROUNDS, batches)

    topics = [topic for topic in TOPICS if topic != "audit" or settings.sink_audit]
    batches = BatchCounts(metrics, {settings.topic(topic): "sink" for topic in topics})
    tables = tuple(map(table, topics))
    stream = StreamSampler(metrics, app.consumer_progress, settings.topic_prefix, _now_ms)
    app.on_commit = stream.committed
    lanes = attach(
        app,
        tables,
        clients,
        lambda: (),
        on_fatal,
        close_s=settings.rebalance_timeout_s * 0.7,
        on_assigned=batches.assigned,
        on_revoked=stream.revoked,
    )
    stream.follow(tables, lanes)
    _forgetting(app, store, settings, meter)
    figures = DatabaseFigures(metrics, store, settings.policy.tail_quantile)

    @app.task
    async def figures_are_taken() -> None:
        await figures.run()

    @app.on_before_shutdown.connect
    async def close(*_: Any, **__: Any) -> None:
        await store.close()

    samples = (
        stream.sample,
        DiskSampler(metrics, settings.data_dir).sample,
        ProducerSampler(metrics, clients.oldest_unacked_s, settings.topic_prefix).sample,
    )
    return Sink(app, dict(lanes), metrics, samples, meter, settings.stall_s)


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    sink = build(settings, stop_at_once)
    return run_app(sink.app, settings, sink.metrics, sink.health, sink.samples)


class Unreachable(Exception):
    """The database cannot be migrated; the message says which and why."""


def migrate_only(settings: Settings) -> str:
    """Migrates the database and names it. Raises `Unreachable`, `NewerSchema` and `SettingsError`."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = database_url(settings)

    async def migrate() -> None:
        store = Store(url)
        try:
            await store.migrate()
        except (SQLAlchemyError, PostgresError, OSError) as error:
            raise Unreachable(f"{masked(url)} cannot be migrated: {words(error)}") from None
        finally:
            await store.close()

    asyncio.run(migrate())
    return masked(url)


def _forgetting(app: faust.App, store: Store, settings: Settings, meter: SinkMeter) -> None:
    keeps = kept(settings)

    @app.timer(RETENTION_EVERY_S, name="retention")
    async def old_rows_go() -> None:
        try:
            deleted = await forget(store, keeps, _now_ms())
        except Exception as error:  # noqa: BLE001 - whatever keeps the database from it, there is a next time
            logger.warning("old rows could not be deleted, and will be later: %s", words(error))
            return
        for name, count in deleted.items():
            meter.deleted(name, count)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _unless(stop: asyncio.Event, act: Awaitable[None]) -> None:
    """Act; broken off some time after `stop` is set. Raises `Interrupted` then."""
    acting = asyncio.ensure_future(act)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({acting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not acting.done():
            await asyncio.wait({acting}, timeout=GRACE_S)
        if not acting.done():
            raise Interrupted
        await acting
    finally:
        stopping.cancel()
        acting.cancel()


async def _pause(stop: asyncio.Event, wait_s: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), wait_s)
    except TimeoutError:
        return
    raise Interrupted
