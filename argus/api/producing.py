"""Records into topics: all of a request's, acknowledged, or an honest no."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.meters import UNMETERED, SendMeter
from agents.producing import MeteredProducer
from agents.sender import KafkaSender
from agents.shard import Output
from argus.api.problems import unavailable
from argus.kafka_access import access_of
from argus.log import Seldom
from argus.settings import Settings

logger = logging.getLogger(__name__)

AGAIN_S: Final = 0.5
# A record that the broker has not acknowledged by then is given up, here and in the producer's buffer alike.
ACKED_WITHIN_S: Final = 5.0
# How long a record waits for others to share its batch. At each fetch the embedded broker looks through all batches.
LINGER_MS: Final = 10


class Producing:
    """One producer, which waits for its broker in the background."""

    def __init__(self, settings: Settings, meter: SendMeter = UNMETERED) -> None:
        self._meter = meter
        self._settings = settings
        self._access = access_of(settings)
        self._started: AIOKafkaProducer | None = None
        self._producer: MeteredProducer | None = None
        self._sender: KafkaSender | None = None
        self._seldom = Seldom()

    @property
    def ready(self) -> bool:
        return self._producer is not None

    async def run(self) -> None:
        """Returns when there is a connection."""
        while self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.broker,
                client_id=f"{self._settings.app_id}-serve",
                acks="all",
                linger_ms=LINGER_MS,
                request_timeout_ms=int(ACKED_WITHIN_S * 1_000),
                max_request_size=self._settings.producer_max_bytes,
                **self._access.options(),
            )
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                with contextlib.suppress(KafkaError, OSError):
                    await producer.stop()
                if self._seldom("away") is not None:
                    logger.warning("no broker answers on %s, trying again: %s", self._settings.broker, error)
                await asyncio.sleep(AGAIN_S)
            else:
                self._started, self._producer = (
                    producer,
                    MeteredProducer(producer, self._meter, turn_within_s=ACKED_WITHIN_S),
                )
                self._sender = KafkaSender(self._producer)

    async def send(self, outputs: Sequence[Output]) -> None:
        """Returns when the broker has acknowledged every record. Raises a `Problem` of 503: then some may have come
        through all the same, and the same records may be sent again, since each is known by its id."""
        if self._producer is None or self._sender is None:
            raise unavailable("The broker cannot be reached")
        try:
            if len(outputs) == 1:
                # By itself it shares a batch with those that come at the same time.
                (one,) = outputs
                await self._producer.send_and_wait(one.topic, one.value, key=one.key, partition=one.partition)
            else:
                await self._sender.send(outputs)
        except (KafkaError, OSError) as error:
            if self._seldom("send") is not None:
                logger.warning("the broker did not take %d records: %s", len(outputs), error)
            raise unavailable("The broker did not take it; send the same again") from None

    async def stop(self) -> None:
        if self._started is not None:
            with contextlib.suppress(KafkaError, OSError):
                await self._started.stop()

    def oldest_unacked_s(self) -> Mapping[str, float]:
        """See `MeteredProducer.oldest_unacked_s`."""
        return {} if self._producer is None else self._producer.oldest_unacked_s()
