"""Events counted by user as one would write it in Quix Streams: a value in the state of each message key."""

import os
from collections.abc import Sequence

from quixstreams import Application, State

from argus.settings import Settings, load_settings
from benchmarks.events import read_head
from benchmarks.marks import MARK
from benchmarks.quix import application


def make_app(settings: Settings) -> Application:
    app = application(settings, "count")
    events = app.topic(settings.topic("events"), key_deserializer="bytes", value_deserializer="bytes")
    answers = app.topic(settings.topic("decisions"), key_serializer="bytes", value_serializer="bytes")

    def count(value: bytes, state: State[str, int]) -> Sequence[bytes]:
        state.set("count", state.get("count", 0) + 1)
        return (value,) if read_head(value).event_id.startswith(MARK) else ()

    app.dataframe(events).apply(count, stateful=True, expand=True).to_topic(answers)
    return app


if __name__ == "__main__":
    make_app(load_settings(os.environ)).run()
