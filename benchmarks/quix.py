"""The peer: detection as one would write it in Quix Streams, an event at a time, with its RocksDB state per user.

It calls the same `core.detect.judge` with the same rules, models and user records, and takes and sends bytes, so that
Quix's JSON costs it nothing. Everything that is not a matter of the broker at hand is Quix's default: state is held
back and written at a checkpoint every five seconds. It has no sources agent, no outbox and no epochs, answers are
sent before the state that they come from is safe, and a crash decides up to five seconds of events again: it does
less than Argus.
"""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from quixstreams import Application, message_context
from quixstreams.models import Serializer, Topic

from argus.geo import make_locate
from argus.settings import Settings, load_settings
from core.detect import judge
from core.events import Rejected, decode_action
from core.features import FEATURES
from core.records import Alert, Decision, Lock, encode
from core.rules.book import RuleBook
from models.ensemble import Ensemble
from tables.users import decode_user, encode_user

# Kinds of records, and where they go.
TOPICS: Final[Mapping[type, str]] = {Decision: "decisions", Alert: "alerts", Lock: "locks"}


class Memory(Protocol):
    """What is used of Quix's state of one message key."""

    def get_bytes(self, key: str, default: None = None) -> bytes | None: ...

    def set_bytes(self, key: str, value: bytes) -> None: ...


class Records(Serializer):
    """Argus's records as JSON."""

    def __call__(self, value: Any, *_: Any, **__: Any) -> bytes:
        return encode(value)


class Detection:
    """Judges one event with its user's state."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book = RuleBook(settings.thresholds, settings.modes)
        self._locate = make_locate(settings.geo_city_file)
        self._scorers: dict[int, Ensemble] = {}

    def __call__(self, value: bytes, partition: int, memory: Memory) -> Iterator[Decision | Alert | Lock]:
        now_ms = time.time_ns() // 1_000_000
        try:
            action = decode_action(value, now_ms=now_ms, locate=self._locate)
        except Rejected:
            return
        if partition not in self._scorers:
            self._scorers[partition] = Ensemble(FEATURES, seed=self._settings.seed)
        stored = memory.get_bytes("user")
        states = {action.user_id: decode_user(stored)} if stored is not None else {}
        scorer, policy = self._scorers[partition], self._settings.policy
        judged = judge([action], states, book=self._book, policy=policy, scorer=scorer, now_ms=now_ms)
        memory.set_bytes("user", encode_user(states[action.user_id]))
        yield from judged.decisions
        yield from judged.alerts
        yield from judged.locks


def make_app(settings: Settings) -> Application:
    app = application(settings, "quix")
    detection = Detection(settings)
    events = app.topic(settings.topic("events"), key_deserializer="bytes", value_deserializer="bytes")
    out: dict[type, Topic] = {
        kind: app.topic(settings.topic(name), key_serializer="bytes", value_serializer=Records())
        for kind, name in TOPICS.items()
    }

    def detect(value: bytes, state: Memory) -> list[Decision | Alert | Lock]:
        return list(detection(value, message_context().partition, state))

    stream = app.dataframe(events).apply(detect, stateful=True, expand=True)
    stream.to_topic(lambda record, _key, _timestamp, _headers: out[type(record)])
    return app


def application(settings: Settings, group: str) -> Application:
    """An app on the broker of the settings, which reads what is there already."""
    return Application(
        broker_address=settings.broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=settings.data_dir,
        loglevel="WARNING",
        # As the embedded broker needs it, and as Argus has it there.
        consumer_extra_config={
            "session.timeout.ms": round(settings.session_timeout_s * 1_000),
            "heartbeat.interval.ms": round(settings.heartbeat_interval_s * 1_000),
            "fetch.wait.max.ms": settings.fetch_max_wait_ms,
        },
    )


def main() -> None:
    make_app(load_settings(os.environ)).run()


if __name__ == "__main__":
    main()
