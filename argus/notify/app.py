"""Puts the notify process together: settings in, a Faust app out."""

import logging
import os
import time
from collections.abc import Callable, Collection
from typing import Any, Final

import aiohttp
import click
import faust
from msgspec import Struct

from agents.attach import Table, attach
from agents.clients import FOLLOW_WAIT_MS, ClientConfig, Clients, owner_name
from agents.journal import KafkaJournal
from agents.lanes import Lanes
from agents.rules import LiveRules, Unheard
from agents.sender import KafkaSender
from agents.shard import Shard
from agents.stores import Stores
from agents.views import View
from argus.batch_meter import BatchCounts, ProducerMeter, TableMeter
from argus.faust_app import faust_app
from argus.kafka_access import access_of
from argus.liveness import health_of
from argus.measure import Metrics
from argus.notify.alertmanager import Alertmanager
from argus.notify.canary import Canaries
from argus.notify.channels import Named, read_channels, sender_of
from argus.notify.delivery import MemberSender, OtpSender, Outlet
from argus.notify.intake import READERS, IntakeWork
from argus.notify.meter import NotifyMeter
from argus.notify.pump import Pump
from argus.notify.sending import Sender, Threads
from argus.notify.state import Notices
from argus.notify.work import NoticeWork
from argus.process import run_app, stop_at_once
from argus.rule_files import compiler, read_definition, read_rules
from argus.sampler import DiskSampler, ProducerSampler, StoreSampler, StreamSampler
from argus.secret import derived_key, secret_of
from argus.settings import Settings, SettingsError
from core.notices import MEMBERS, OTP, Channel, Pace
from core.pages import Links, bad_label_names
from core.rules.book import RuleBook
from tables.store import MEBIBYTE

logger = logging.getLogger(__name__)

ROLE: Final = "notify"
CACHE_BYTES: Final = 4 * MEBIBYTE
WRITE_BUFFER_MIB: Final = 4


class Notify(Struct):
    """The process, ready to run."""

    app: faust.App
    lanes: dict[str, Lanes]
    metrics: Metrics
    samples: tuple[Callable[[], None], ...]
    threads: Threads
    stall_s: float

    def health(self) -> tuple[bool, dict[str, Any]]:
        """See `health_of`."""
        return health_of(self.lanes, self.stall_s)


def build(settings: Settings, on_fatal: Callable[[BaseException], None], pace: Pace | None = None) -> Notify:
    """Raises `SettingsError` or OSError before anything is connected."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    channels = read_channels(settings.notify_file)
    links = links_of(settings)
    threads = Threads(settings.notify_threads)
    outlet = Outlet("otp_delivery", settings.otp_delivery, threads)
    members = Outlet("member_notices", settings.member_notices, threads) if settings.member_notices else None
    book = RuleBook(settings.thresholds, settings.modes)
    names = [*(channel.name for channel in channels), OTP, MEMBERS]
    metrics = Metrics({"channel": names, "watched": map(str, range(settings.partitions))}, "notify")
    meter = NotifyMeter(metrics, outlet.way)
    rules = LiveRules(compiler(book), read_definition, Unheard(), read_rules(settings.rules_file))
    session = Session()
    senders: dict[str, Sender] = {
        channel.name: sender_of(channel, threads, session.get, _now_ms) for channel in channels
    }
    senders[OTP] = OtpSender(outlet, derived_key(secret_of(settings), b"otp"))
    if members is not None:
        senders[MEMBERS] = MemberSender(members)
    alertmanager = Alertmanager(session.get, settings.alertmanager_url) if settings.alertmanager_url else None
    clients = Clients(
        ClientConfig(
            bootstrap=tuple(settings.broker.split(",")),
            access=access_of(settings),
            client_id=f"{settings.app_id}-{ROLE}",
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=max(settings.session_timeout_s, 10.0),
        ),
        ProducerMeter(metrics, settings.topic_prefix),
    )
    named = Named(rules, {channel.name for channel in channels})
    positions: dict[tuple[str, int], int] = {}
    stores = Stores(CACHE_BYTES)
    notices = settings.topic("notices")
    owner = owner_name(f"{settings.app_id}-{ROLE}", os.getpid(), _now_ms())

    def send() -> KafkaSender:
        return KafkaSender(clients.producer, clients.batch_bytes)

    canaries = None
    if settings.canary_interval_s:
        canaries = Canaries(
            lambda outputs: send().send(outputs),
            settings.topic("events"),
            settings.partitions,
            settings.canary_interval_s,
            meter,
            _now_ms,
        )

    def open_intake(_partition: int) -> IntakeWork:
        readers = {settings.topic(name): read for name, read in READERS.items()}
        return IntakeWork(readers, settings.topic("notices"), send, clients.reader.read, positions)

    def open_notices(partition: int) -> NoticeWork:
        path = settings.data_dir / "notices" / str(partition)
        store = stores.open("notices", partition, path, WRITE_BUFFER_MIB)
        journal = KafkaJournal(clients.changelogs, clients.reader, settings.topic("notices-changelog"), partition)
        shard = Shard(
            partition=partition,
            owner=owner,
            store=store,
            journal=journal,
            sender=send(),
            monotonic=time.monotonic,
            recheck_s=settings.session_timeout_s / 2,
            meter=TableMeter(metrics, "notices", settings.topic("locks")),
        )

        def open_state() -> Notices:
            return Notices(
                store,
                channels,
                links,
                members=members is not None,
                named=named,
                count=meter.outcome,
                pace=pace or Pace(),
            )

        return NoticeWork(
            shard,
            open_state,
            lambda: Pump(senders, meter, time.monotonic),
            alertmanager,
            links,
            meter,
            settings.topic("undelivered"),
            _now_ms,
            clients.reader.read,
            settings.alertmanager_interval_s,
            canaries=canaries,
        )

    def views() -> tuple[View, ...]:
        topic = settings.topic("rules")
        return (View(topic, 1, rules.take, clients.open_consumer, on_fatal, FOLLOW_WAIT_MS),)

    app = faust_app(settings, ROLE)
    topics = tuple(
        settings.topic(name)
        for name in topics_read(channels, paging=alertmanager is not None, members=members is not None)
    )
    batches = BatchCounts(metrics, dict.fromkeys(topics, "notify") | {notices: "notices"})
    tables = (
        Table("intake", topics, open_intake, meter=batches),
        Table("notices", (notices,), open_notices, meter=batches),
    )
    stream = StreamSampler(metrics, app.consumer_progress, settings.topic_prefix, _now_ms)
    app.on_commit = stream.committed
    lanes = attach(
        app,
        tables,
        clients,
        views,
        on_fatal,
        close_s=settings.rebalance_timeout_s * 0.7,
        on_assigned=batches.assigned,
        on_revoked=stream.revoked,
    )
    stream.follow(tables, lanes)
    samples = (
        stream.sample,
        StoreSampler(metrics, stores).sample,
        DiskSampler(metrics, settings.data_dir).sample,
        ProducerSampler(metrics, clients.oldest_unacked_s, settings.topic_prefix).sample,
    )

    @app.on_before_shutdown.connect
    async def close(*_: Any, **__: Any) -> None:
        threads.close()
        await session.close()

    return Notify(app, dict(lanes), metrics, samples, threads, settings.stall_s)


def topics_read(channels: Collection[Channel], *, paging: bool, members: bool) -> list[str]:
    """Only what somebody wants to be told is read: whatever is forwarded costs the broker."""
    about = {what for channel in channels for what in channel.about}
    names = ["deliveries"]
    # Any rule of the user's own may name a channel.
    if channels:
        names.append("alerts")
    if paging or "cases" in about:
        names.append("cases")
    if members or "locks" in about:
        names.append("locks")
    return names


def links_of(settings: Settings) -> Links:
    """Raises `SettingsError` for labels that Alertmanager would refuse."""
    bad = bad_label_names(settings.alertmanager_labels)
    if bad:
        raise SettingsError(f"alertmanager_labels: {', '.join(map(repr, bad))} will not do as names of labels")
    return Links(
        public_url=settings.public_url, runbook_url=settings.runbook_url, labels=settings.alertmanager_labels
    )


def check(settings: Settings, echo: Callable[[str], object] = click.echo) -> int:
    """`argus notify --check`: a line for each channel, without a secret. Raises `SettingsError`."""
    threads = Threads(1)
    channels = read_channels(settings.notify_file)
    links_of(settings)
    ways = {"otp_delivery": settings.otp_delivery, "member_notices": settings.member_notices}
    for channel in channels:
        what = ", ".join(channel.about)
        which = ", ".join(channel.severities) or "every severity"
        echo(f"{channel.name}: {what}; {which}; by {'webhook' if channel.secret else 'Apprise'}")
    for name, target in ways.items():
        echo(f"{name}: {Outlet(name, target, threads).way if target else 'none'}")
    echo(f"alertmanager: {'pushed to' if settings.alertmanager_url else 'none'}")
    return 0


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    notify = build(settings, stop_at_once)
    status = run_app(notify.app, settings, notify.metrics, notify.health, notify.samples)
    if notify.threads.hang:
        # The interpreter would wait for a library that never returns.
        logging.shutdown()
        os._exit(status)
    return status


class Session:
    """An HTTP session, begun in the loop that uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def get(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
