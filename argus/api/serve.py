"""`argus serve`: the API and the console, until Ctrl-C."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import uvloop
from aiohttp import web

from argus import __version__
from argus.api.app import build
from argus.api.connection import HEADERS_BYTES_MAX, KEEPALIVE_S, LINE_BYTES_MAX, Connection
from argus.api.services import Services
from argus.certificates import of_api
from argus.console.attach import attach
from argus.measure import Metrics
from argus.ports import CannotListen, pick
from argus.sampler import LoopWatch, ProducerSampler
from argus.settings import Settings

logger = logging.getLogger(__name__)

# A connection that has not sent a whole request head by then is closed.
HEAD_WITHIN_S: Final = 15.0
SHUTDOWN_S: Final = 5.0
BACKLOG: Final = 1_024


def run(settings: Settings) -> int:
    """The exit status: 0 after SIGTERM or SIGINT."""
    # The client tells of every failed try to connect; a line a minute is said in its place.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Serving(settings) as serving:
        logger.info("serving %s", serving.url)
        await stop.wait()


class Serving:
    """The server while the context is open. url: where it really listens."""

    def __init__(self, settings: Settings, head_within_s: float = HEAD_WITHIN_S) -> None:
        """Raises `CannotListen` for a host that is not this machine's, and `SettingsError`."""
        self._settings = settings
        self._tls = of_api(settings)
        self._head_within_s = head_within_s
        try:
            self._port = settings.api_port or pick(settings.api_host)
        except OSError as error:
            raise CannotListen(settings.api_host, 0, error) from None
        self._silent: set[Any] = set()
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        self.url = f"{settings.api_scheme}://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Raises `SettingsError`, and `CannotListen` where the address is taken."""
        # It logs what it cannot parse, a token in a broken header too. What handlers raise is logged by the frame.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        self.services = services = Services(self._settings, Metrics(process="serve"))
        app = build(self.services, more=(attach,))
        app.middlewares.insert(0, self._noting)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        loop = asyncio.get_running_loop()
        # The address before anything else: without it, nothing is begun.
        try:
            self._server = await loop.create_server(
                self._impatient,
                self._settings.api_host,
                self._port,
                backlog=BACKLOG,
                start_serving=False,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else self._head_within_s,
            )
        except OSError as error:
            raise CannotListen(self._settings.api_host, self._port, error) from None
        await self._runner.setup()
        unacked = ProducerSampler(services.metrics, services.producing.oldest_unacked_s, self._settings.topic_prefix)
        ready = services.metrics.number("argus_ready")
        services.metrics.info("argus_build_info", __version__)
        self._watch = LoopWatch(services.metrics, (unacked.sample, lambda: ready.set(float(not services.lacks()))))
        self._watch.begin(loop)
        await self._server.start_serving()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._watch.end()
        await self._runner.cleanup()

    @property
    def _noting(self) -> Any:
        @web.middleware
        async def noting(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._silent.discard(request.protocol)
            return await handler(request)

        return noting

    def _impatient(self) -> Any:
        """A connection's protocol. One that sends nothing, or a byte now and then, is not kept."""
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        made = Connection(
            self._runner.server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # it takes none
            keepalive_timeout=KEEPALIVE_S,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=HEADERS_BYTES_MAX,
        )
        self._silent.add(made)
        loop.call_later(self._head_within_s, self._close_silent, made)
        return made

    def _close_silent(self, made: Any) -> None:
        if made in self._silent:
            self._silent.discard(made)
            if made.transport is not None:
                made.transport.abort()
