"""The app factory: settings in, a Faust app with all of Argus's agents out."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Final

import faust
from msgspec import Struct

from agents.attach import Disk, Shards, Table, attach
from agents.clients import FOLLOW_WAIT_MS, TAIL_WAIT_MS, ClientConfig, Clients, owner_name
from agents.detect import Detect
from agents.intake import Rejections
from agents.lanes import Gather, Lanes
from agents.learn import Learn
from agents.pins import Pins
from agents.placing import Placing
from agents.respond import Respond
from agents.rules import LiveRules
from agents.sender import KafkaSender
from agents.services import Services, TopicNames
from agents.sources import SourceWork
from agents.standbys import Standbys
from agents.tails import KafkaTails
from agents.users import Decide, UserWork
from agents.views import View
from argus.audit_table import audit_table
from argus.batch_meter import ProducerMeter, TableMeter
from argus.case_table import case_table
from argus.faust_app import faust_app
from argus.geo import make_locate
from argus.intelligence import ThreatLists, known_reputations
from argus.kafka_access import access_of
from argus.label_plan import label_plan
from argus.liveness import health_of
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.model_plan import model_plan, policy_of
from argus.model_sampler import ModelSampler, RulesetSampler
from argus.rule_files import compiler, read_definition, read_rules
from argus.sampler import DiskSampler, ProducerSampler, StoreSampler, StreamSampler
from argus.secret import derived_key, secret_of
from argus.settings import Settings
from argus.standby_sampler import StandbySampler
from argus.standing import Standing
from core.clock import DAY
from core.events import Rejected
from core.features import FEATURES
from core.reputation import Reputations, decode_reputation
from core.rules.book import RuleBook
from models.background import Background

CACHED_SOURCES: Final = 2_000
QUEUED_BATCHES: Final = 4
# Signals about sources are many and small. What a source did is known all over within half a second.
SIGNALS_EVERY_S: Final = 0.2
SOURCES_GATHER: Final = Gather(batches=16, every_s=0.1)
SNAPSHOT_EVERY: Final = 20_000
LISTS_EVERY_S: Final = 10.0


class Worker(Struct):
    """A worker that is ready to run."""

    app: faust.App
    lanes: dict[str, Lanes]
    metrics: Metrics
    samples: tuple[Callable[[], None], ...]
    stall_s: float

    def health(self) -> tuple[bool, dict[str, Any]]:
        """See `health_of`."""
        return health_of(self.lanes, self.stall_s)


def topic_names(settings: Settings) -> TopicNames:
    """The full names of the topics that agents use."""
    return TopicNames(**{name: settings.topic(name.replace("_", "-")) for name in TopicNames.__struct_fields__})


def build(settings: Settings, on_fatal: Callable[[BaseException], None]) -> Worker:
    """on_fatal: ends the process; what it was working on comes again. Raises `SettingsError` or `OSError` before
    anything is connected."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    topics = topic_names(settings)
    agents = {
        topics.events: "detect",
        topics.feedback: "learn",
        topics.commands: "respond",
        topics.signals: "sources",
        topics.reputation: "reputation",
        topics.rules: "rules",
    }
    book = RuleBook(settings.thresholds, settings.modes)
    metrics = Metrics(process="worker")
    meter = WorkerMeter(metrics, agents, settings.topic_prefix)
    meter.rules("builtin", [bound.rule.id for bound in book.rules if bound.mode != "off"], True)
    rules = LiveRules(compiler(book), read_definition, meter, read_rules(settings.rules_file))
    lists = ThreatLists(settings.threat_lists) if settings.threat_lists is not None else None
    reputations = known_reputations(lists)
    fitting, pins = Background(), Pins()
    services = Services(
        topics=topics,
        partitions=settings.partitions,
        book=book,
        policy=policy_of(settings),
        custom=rules.current,
        reputation=reputations,
        locate=make_locate(settings.geo_city_file),
        now_ms=lambda: time.time_ns() // 1_000_000,
        monotonic=time.monotonic,
        meter=meter,
        snapshot_key=derived_key(secret_of(settings), b"snapshot"),
        model_seed=settings.seed,
        cached_users=max(1, settings.state_cache_users // settings.partitions),
        snapshot_every=SNAPSHOT_EVERY,
        dormant_ms=int(settings.dormant_days * DAY),
        signals_every_s=SIGNALS_EVERY_S,
        labels=label_plan(settings),
        plan=model_plan(settings, fitting),
        pins=lambda: pins.current,
    )
    app = faust_app(settings)
    if lists is not None:
        _refresh(app, lists)
    client_id = f"{settings.app_id}-worker"
    clients = Clients(
        ClientConfig(
            bootstrap=tuple(settings.broker.split(",")),
            access=access_of(settings),
            client_id=client_id,
            batch_bytes=settings.batch_max_bytes,
            record_bytes=settings.producer_max_bytes,
            request_timeout_s=max(settings.session_timeout_s, 10.0),
        ),
        ProducerMeter(metrics, settings.topic_prefix),
    )
    disk = Disk(data_dir=settings.data_dir, block_cache_mb=settings.block_cache_mb)
    shards = Shards(
        services,
        clients,
        disk,
        owner_name(client_id, os.getpid(), services.now_ms()),
        recheck_s=settings.session_timeout_s / 2,
        meter=lambda table: TableMeter(metrics, table, topics.locks),
    )
    place, rejections = Placing(settings.partitions), Rejections(topics.rejected)
    decide: dict[str, Decide] = {
        topics.events: Detect(place, rejections),
        topics.feedback: Learn(place, rejections),
        topics.commands: Respond(place, rejections, derived_key(secret_of(settings), b"otp")),
    }

    def open_users(partition: int) -> UserWork:
        shard = shards.open("users", topics.users_changelog, partition)
        return UserWork(services, shard, decide, clients.reader.read, FEATURES, place)

    def open_sources(partition: int) -> SourceWork:
        shard = shards.open("sources", topics.sources_changelog, partition)
        return SourceWork(services, shard, CACHED_SOURCES, clients.reader.read)

    async def refused(record: Any, error: Exception) -> None:
        # All workers read it whole; who has the first partition tells.
        if 0 in lanes["users"].partitions:
            output = rejections.output(record, Rejected("invalid", str(error)), services.now_ms())
            await KafkaSender(clients.producer).send([output])

    def views() -> tuple[View, ...]:
        return tuple(
            View(topic, partitions, take, clients.open_consumer, on_fatal, FOLLOW_WAIT_MS, refused)
            for topic, partitions, take in (
                (
                    topics.reputation,
                    settings.partitions,
                    meter.counted(topics.reputation, lambda key, value: take_reputation(reputations, key, value)),
                ),
                (topics.rules, 1, meter.counted(topics.rules, rules.take)),
                (topics.models, 1, pins.take),
            )
        )

    standing = Standing(settings, rules)
    tables = (
        Table(
            "users",
            (topics.events, topics.feedback, topics.commands),
            open_users,
            Gather(batches=QUEUED_BATCHES, records=settings.batch_max_records),
            meter,
        ),
        Table("sources", (topics.signals,), open_sources, SOURCES_GATHER, meter),
        case_table(settings, services, shards, metrics, clients.reader.read),
        audit_table(settings, services, shards, metrics, standing, clients.reader.read),
    )
    changelogs = {table.name: settings.topic(f"{table.name}-changelog") for table in tables}
    standbys = Standbys(KafkaTails(clients.open_tail, changelogs, TAIL_WAIT_MS), disk.path)
    stream = StreamSampler(metrics, app.consumer_progress, settings.topic_prefix, services.now_ms)
    app.on_commit = stream.committed
    lanes = attach(
        app,
        tables,
        clients,
        views,
        on_fatal,
        close_s=settings.rebalance_timeout_s * 0.7,
        on_assigned=meter.assigned,
        on_revoked=stream.revoked,
        standbys=standbys if settings.standby_replicas else None,
    )
    stream.follow(tables, lanes)
    samples = (
        stream.sample,
        StoreSampler(metrics, shards.stores).sample,
        StandbySampler(metrics, standbys).sample,
        DiskSampler(metrics, settings.data_dir).sample,
        ProducerSampler(metrics, clients.oldest_unacked_s, settings.topic_prefix).sample,
        ModelSampler(metrics, settings.policy.tail_quantile, services.plan, fitting, services.labels).sample,
        RulesetSampler(metrics, book, standing).sample,
    )
    return Worker(app, dict(lanes), metrics, samples, settings.stall_s)


def take_reputation(reputations: Reputations, key: bytes, value: bytes | None) -> None:
    """Take in a record of the reputation topic."""
    reputations.learn(key.decode(), decode_reputation(value) if value is not None else None)


def _refresh(app: faust.App, lists: ThreatLists) -> None:
    """Look for changed files off the event loop."""

    @app.timer(LISTS_EVERY_S, name="threat-lists")
    async def refresh() -> None:
        await asyncio.to_thread(lists.refresh)
