"""Whether there is a broker to work with: asked once, before anything is begun."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from argus.kafka_access import access_of
from argus.settings import Settings

logger = logging.getLogger(__name__)

# Brokers and those who need them are often started together.
WITHIN_S: Final = 30.0
AGAIN_S: Final = 1.0
TRY_MS: Final = 5_000


class NoBroker(Exception):
    """None answers; the message names where it was looked for, and why not."""


def reach(settings: Settings, within_s: float = WITHIN_S) -> None:
    """Returns as soon as a broker answers. Raises `NoBroker` and `SettingsError`."""
    # A loop of its own, that leaves alone what this thread has for one: Faust asks for that later.
    loop = asyncio.new_event_loop()
    try:
        with quiet():
            loop.run_until_complete(_reach(settings, within_s))
    finally:
        loop.close()


async def _reach(settings: Settings, within_s: float) -> None:
    deadline, said = time.monotonic() + within_s, False
    options = access_of(settings).options()
    while True:
        client = AIOKafkaClient(bootstrap_servers=settings.broker, request_timeout_ms=TRY_MS, **options)
        try:
            await client.bootstrap()
        except (KafkaError, OSError, ValueError) as error:
            if time.monotonic() + AGAIN_S > deadline:
                raise NoBroker(f"no broker answers on {settings.broker}, for {within_s:.0f} s now: {error}") from None
            if not said:
                logger.warning("no broker answers on %s, waiting up to %.0f s", settings.broker, within_s)
                said = True
        else:
            return
        finally:
            await client.close()
        await asyncio.sleep(AGAIN_S)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The client tells of every failed try to connect; whoever asks says it in its own way, or lives without."""
    log = logging.getLogger("aiokafka")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
