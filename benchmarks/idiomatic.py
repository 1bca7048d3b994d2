"""The peer: detection as one would write it in Faust, an event at a time, with one table and `topic.send`.

It calls the same `core.detect.judge` with the same rules, models and user records. Everything that is not a matter
of the broker at hand is Faust's default. It has no sources agent, no outbox and no epochs: it does less than Argus.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import faust
import uvloop
from faust.worker import Worker

from argus.geo import make_locate
from argus.settings import Settings, load_settings
from core.detect import judge
from core.events import Rejected, decode_action
from core.features import FEATURES
from core.records import encode
from core.rules.book import RuleBook
from models.ensemble import Ensemble
from tables.users import decode_user, encode_user


def make_app(settings: Settings) -> faust.App:
    app = idiomatic_app(settings, "idiomatic")
    attach(app, settings)
    return app


def idiomatic_app(settings: Settings, name: str) -> faust.App:
    """An app with Faust's defaults on the broker of the settings."""
    return faust.App(
        name,
        broker=f"kafka://{settings.broker}",
        datadir=str(settings.data_dir),
        store="rocksdb://?driver=rocksdict",
        topic_partitions=settings.partitions,
        # As the embedded broker needs it, and as Argus has it there.
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_interval_s,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        web_enabled=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
    )


def attach(app: faust.App, settings: Settings) -> None:
    book, locate = RuleBook(settings.thresholds, settings.modes), make_locate(settings.geo_city_file)
    raw: Mapping[str, Any] = {"key_type": bytes, "value_type": bytes, "value_serializer": "raw"}
    events, decisions, alerts, locks = (
        app.topic(settings.topic(name), **raw) for name in ("events", "decisions", "alerts", "locks")
    )
    users = app.Table("users", key_type=bytes, value_type=bytes)
    scorers: dict[int, Ensemble] = {}

    @app.agent(events)
    async def detect(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            now_ms = time.time_ns() // 1_000_000
            try:
                action = decode_action(event.value, now_ms=now_ms, locate=locate)
            except Rejected:
                continue
            partition = event.message.partition
            if partition not in scorers:
                scorers[partition] = Ensemble(FEATURES, seed=settings.seed)
            key = action.user_id.encode()
            stored = users.get(key)
            states = {action.user_id: decode_user(stored)} if stored is not None else {}
            judged = judge(
                [action], states, book=book, policy=settings.policy, scorer=scorers[partition], now_ms=now_ms
            )
            users[key] = encode_user(states[action.user_id])
            for topic, records in ((decisions, judged.decisions), (alerts, judged.alerts), (locks, judged.locks)):
                for record in records:
                    await topic.send(key=key, value=encode(record))


def main() -> None:
    uvloop.install()
    app = make_app(load_settings(os.environ))
    Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
