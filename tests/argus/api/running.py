"""A whole `argus serve` in a thread, on a real broker and SQLite, with a stand-in for the workers."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from aiokafka import AIOKafkaProducer

from argus.api import accounts
from argus.api.serve import Serving
from argus.api.tokens import Tokens
from argus.settings import Settings
from argus.store.engine import database_url
from argus.store.rows import Rows
from argus.store.store import Store
from argus.topics import ensure_topics
from tests.argus.api.asking import Answer, Asking
from tests.argus.api.stream import Stream
from tests.kafka.until import until

__all__ = ["MEMBER", "PASSWORD", "SECRET", "Answer", "Running", "settings_for"]

SECRET = "a secret that is long enough for tests"
MEMBER = "ada"
PASSWORD = "correct horse battery"
# A bound for what hangs, not for what is slow on a busy machine.
WITHIN_S = 240.0
Result = TypeVar("Result")


def settings_for(bootstrap: str, data_dir: Path, prefix: str, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "broker": bootstrap, "data_dir": data_dir, "topic_prefix": prefix, "app_id": prefix.strip("."), "api_port": 0,
        "partitions": 2, "secret": SECRET, "fetch_max_wait_ms": 10, "sink_approve_share": 0.0,
    }  # fmt: skip
    return Settings(**(values | changed))


class Running(Asking):
    """The server and the stream while the context is open."""

    def __init__(
        self,
        settings: Settings,
        seeded: Callable[[Store], Awaitable[None]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings
        self.tls = tls
        self.stream = Stream(settings)
        self.tokens = Tokens(SECRET)
        self._seeded = seeded
        self._up = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(WITHIN_S), "the server did not start"
        if self._error is not None:
            raise self._error
        until(lambda: self.get("/ready").status == 200, WITHIN_S, "/ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self._error = error
            self._up.set()
            raise

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await ensure_topics(self.settings.broker, self.settings)
        store = Store(database_url(self.settings))
        await store.migrate()
        await accounts.create(store, "ann", "analyst", None, PASSWORD)
        await accounts.create(store, "ada@home", "member", MEMBER, PASSWORD)
        await accounts.create(store, "root", "admin", None, PASSWORD)
        if self._seeded is not None:
            await self._seeded(store)
        await store.close()
        ready = asyncio.Event()
        working = asyncio.create_task(self.stream.run(ready))
        await ready.wait()
        async with Serving(self.settings) as serving:
            self.serving, self.services, self.url = serving, serving.services, serving.url
            self.port = int(serving.url.rpartition(":")[2])
            self._up.set()
            await self._stop.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    def call(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run something in the server's loop."""

        async def run() -> Result:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def token(self, role: str, user: str | None = None) -> str:
        return self.tokens.create(role, user or (MEMBER if role == "member" else role), 600)  # type: ignore[arg-type]

    def produce(self, topic: str, *records: msgspec.Struct, key: str | None = None) -> None:
        """Put records into a topic, as a worker would: in their order, and there when it returns."""
        raw_key, partition = (None, 0) if key is None else (key.encode(), self.services.placing(key))

        async def send() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker)
            await producer.start()
            for record in records:
                await producer.send(self.settings.topic(topic), msgspec.json.encode(record), raw_key, partition)
            await producer.stop()

        asyncio.run(send())

    def write(self, batches: list[Rows]) -> None:
        self.call(lambda: self.services.store.write(batches))
