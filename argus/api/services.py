"""What handlers work with: the database, the topics, and who may do what."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from agents.placing import Placing
from argus.api.decided import Decided
from argus.api.feed import Feed
from argus.api.follow import Follower
from argus.api.jwks import Jwks, from_url
from argus.api.lately import Lately
from argus.api.meter import ApiMeter
from argus.api.once import Once
from argus.api.producing import Producing
from argus.api.rates import Rates
from argus.api.recent import Recent
from argus.api.route import Reply
from argus.api.sessions import Sessions
from argus.api.simulated import Simulated
from argus.api.tokens import Tokens
from argus.api.waiting_store import migrated
from argus.batch_meter import ProducerMeter
from argus.kafka_access import access_of
from argus.measure import Metrics
from argus.secret import derived_key, secret_of
from argus.settings import Settings, SettingsError
from argus.store.engine import database_url
from argus.store.store import Store
from core.records import Case, Lock, Outcome

OUTCOMES_KEPT: Final = 20_000
CASES_KEPT: Final = 5_000
LOCKS_KEPT: Final = 20_000
# With so many records of each partition a start begins: what was decided or answered just before it is known.
BACK: Final = 2_000
# People wait for these; to ask more often would keep the embedded broker busy.
ANSWERS_WAIT_MS: Final = 100
BURST_S: Final = 2.0
MINUTE_S: Final = 60.0
# Failed logins that become events, of all addresses together.
WATCHED_PER_S: Final = 50.0


class Services:
    """Made in the event loop, before anything is connected; `start` begins all that runs in the background."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Raises `SettingsError`."""
        _check(settings)
        secret = secret_of(settings)
        self.settings = settings
        self.metrics = metrics
        self.meter = ApiMeter(metrics)
        self.store = Store(database_url(settings))
        self.store_ready = False
        self.placing = Placing(settings.partitions)
        self.producing = Producing(settings, ProducerMeter(metrics, settings.topic_prefix))
        self.decided = Decided(self.store, settings.sink_approve_share)
        self.feed = Feed()
        self.lately = Lately(settings)
        self.simulated = Simulated()
        self.outcomes: Recent[Outcome] = Recent(OUTCOMES_KEPT)
        self.cases: Recent[Case] = Recent(CASES_KEPT, lambda new, old: new.version > old.version)
        self.locks: Recent[Lock] = Recent(LOCKS_KEPT, lambda new, old: new.version > old.version)
        issuer = Jwks(from_url(settings.jwks_url)) if settings.jwks_url else None
        self.tokens = Tokens(secret, issuer=issuer, audience=settings.jwt_audience)
        self.sessions = Sessions(
            self.store,
            secret,
            public_url=settings.public_url,
            only_tls=settings.only_tls,
            lifetime_s=settings.api_session_s,
        )
        self.otp_key = derived_key(secret, b"otp")
        self.once: Once[Reply] = Once()
        self.rates = Rates(settings.api_rate_per_s, settings.api_rate_per_s * BURST_S)
        service_rate = settings.api_service_rate_per_s
        self.service_rates = Rates(service_rate, service_rate * BURST_S)
        failures = settings.api_failures_per_min
        self.wrong_tokens = Rates(failures / MINUTE_S, failures)
        self.wrong_passwords = Rates(failures / MINUTE_S, failures)
        self.watched = Rates(WATCHED_PER_S, WATCHED_PER_S)
        self.background: set[asyncio.Task[Any]] = set()
        topic, access = settings.topic, access_of(settings)
        self.followers = (
            Follower(
                settings.broker,
                {topic("decisions"): self._take_decision},
                settings.partitions,
                wait_ms=settings.fetch_max_wait_ms,
                back=BACK,
                access=access,
            ),
            Follower(
                settings.broker,
                {
                    topic("outcomes"): _taking(Outcome, self.outcomes, lambda outcome: outcome.command_id),
                    topic("cases"): _taking(Case, self.cases, lambda case: case.case_id),
                    topic("locks"): _taking(Lock, self.locks, lambda lock: lock.user_id),
                    topic("alerts"): self.feed.take,
                },
                settings.partitions,
                wait_ms=max(settings.fetch_max_wait_ms, ANSWERS_WAIT_MS),
                back=BACK,
                access=access,
            ),
        )

    def _take_decision(self, record: Any) -> None:
        self.decided.take(record)
        self.simulated.take(record)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def seconds(self) -> float:
        return time.perf_counter()

    def lacks(self) -> list[str]:
        """What is missing to be able to work, empty where nothing is."""
        lacking = [follower.trouble for follower in self.followers if not follower.ready]
        if not self.producing.ready:
            lacking.append("the broker cannot be reached")
        if not self.store_ready:
            lacking.append("the database cannot be reached")
        return list(dict.fromkeys(lacking))

    def spawn(self, work: Any) -> None:
        """Run something beside requests; it is ended with them."""
        task = asyncio.create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def start(self, _app: web.Application | None = None) -> None:
        self.spawn(self.producing.run())
        self.spawn(self._open_store())
        self.spawn(self.decided.run())
        for follower in self.followers:
            self.spawn(follower.run())

    async def stop(self, _app: web.Application | None = None) -> None:
        for task in list(self.background):
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
        await self.producing.stop()
        await self.lately.close()
        await self.decided.flush()
        await self.store.close()

    async def _open_store(self) -> None:
        await migrated(self.store)
        self.store_ready = True
        await self.followers[0].followed.wait()
        await self.decided.begin()


def _check(settings: Settings) -> None:
    """What only this process asks of its settings. Raises `SettingsError`."""
    if settings.jwks_url and not settings.jwt_audience:
        raise SettingsError("jwt_audience: tokens of an issuer must be for somebody, say for whom")
    for name, url in (("jwks_url", settings.jwks_url), ("public_url", settings.public_url)):
        if url is not None and not _is_address(url):
            raise SettingsError(f"{name}: expected an address like https://host/path, got {url!r}")
    for origin in settings.cors_origins:
        if not _is_address(origin) or urlsplit(origin).path:
            raise SettingsError(f"cors_origins: expected origins like https://host, got {origin!r}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _taking(type_: Any, recent: Recent[Any], key: Callable[[Any], str]) -> Callable[[Any], None]:
    decode = msgspec.json.Decoder(type_).decode

    def take(record: Any) -> None:
        if record.value is not None:
            found = decode(record.value)
            recent.put(key(found), found)

    return take


SERVICES: Final = web.AppKey("services", Services)
