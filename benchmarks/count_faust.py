"""Events counted by user as one would write it in Faust: a table, an event at a time."""

import os
from collections.abc import Mapping
from typing import Any

import faust
import uvloop
from faust.worker import Worker

from argus.settings import Settings, load_settings
from benchmarks.events import read_head
from benchmarks.idiomatic import idiomatic_app
from benchmarks.marks import MARK


def make_app(settings: Settings) -> faust.App:
    app = idiomatic_app(settings, "count")
    raw: Mapping[str, Any] = {"key_type": bytes, "value_type": bytes, "value_serializer": "raw"}
    events, answers = (app.topic(settings.topic(name), **raw) for name in ("events", "decisions"))
    counts = app.Table("counts", default=int, key_type=str, value_type=int)

    @app.agent(events)
    async def count(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            head = read_head(event.value)
            counts[head.user_id] += 1
            if head.event_id.startswith(MARK):
                await answers.send(key=event.key, value=event.value)

    return app


def main() -> None:
    uvloop.install()
    app = make_app(load_settings(os.environ))
    Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
