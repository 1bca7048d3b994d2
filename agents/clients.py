"""The Kafka clients of a worker besides Faust's consumer: two producers, ranges to read, topics to follow.

A producer has one request at a time under way to a broker. Changelogs have their own, so that what makes a step
durable does not wait behind what another has to send.
"""

from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from msgspec import Struct

from agents.access import OPEN, Access
from agents.journal import RangeReader
from agents.meters import UNMETERED, SendMeter
from agents.producing import MeteredProducer

FRAME_BYTES: Final = 64 * 1024


# What a followed topic says matters within a fraction of a second; asking all the time would keep the broker busy.
FOLLOW_WAIT_MS: Final = 200
# Of changelogs nothing is fetched but what is there.
TAIL_WAIT_MS: Final = 100


class ClientConfig(Struct, frozen=True, kw_only=True):
    """bootstrap: "host:port" of some brokers. batch_bytes: of what is sent to one partition at once;
    record_bytes: of the largest record, and of a step's changelog batch; both before compression.
    request_timeout_s: how long the broker may take to acknowledge; after that the worker stops and starts again.
    compression: in a changelog batch of 500 events zstd leaves 42 % at 3 us an event; aiokafka's lz4, which is of
    level 9, leaves 45 % at 10 us."""

    bootstrap: tuple[str, ...]
    access: Access = OPEN
    client_id: str
    batch_bytes: int
    record_bytes: int
    request_timeout_s: float
    compression: str | None = "zstd"


class Clients:
    """Started once, in the event loop that uses them."""

    def __init__(self, config: ClientConfig, meter: SendMeter = UNMETERED) -> None:
        self._config = config
        self._meter = meter
        self.reader = RangeReader(config.bootstrap, config.access)
        self._started: list[AIOKafkaProducer] = []
        self._producer: MeteredProducer | None = None
        self._changelogs: MeteredProducer | None = None

    @property
    def batch_bytes(self) -> int:
        return self._config.batch_bytes

    @property
    def producer(self) -> MeteredProducer:
        assert self._producer is not None, "clients are used before they are started"
        return self._producer

    @property
    def changelogs(self) -> MeteredProducer:
        assert self._changelogs is not None, "clients are used before they are started"
        return self._changelogs

    async def start(self) -> None:
        self._producer, self._changelogs = await self._open_producer(), await self._open_producer()

    async def _open_producer(self) -> MeteredProducer:
        config = self._config
        producer = AIOKafkaProducer(
            bootstrap_servers=list(config.bootstrap),
            client_id=config.client_id,
            acks="all",
            compression_type=config.compression,
            # Compression may fail to shrink, and there is a frame around the records.
            max_batch_size=config.record_bytes - FRAME_BYTES,
            max_request_size=config.record_bytes,
            request_timeout_ms=int(config.request_timeout_s * 1_000),
            linger_ms=0,
            **config.access.options(),
        )
        await producer.start()
        self._started.append(producer)
        return MeteredProducer(producer, self._meter, turn_within_s=config.request_timeout_s)

    async def stop(self) -> None:
        for producer in self._started:
            await producer.stop()

    def oldest_unacked_s(self) -> Mapping[str, float]:
        """See `MeteredProducer.oldest_unacked_s`."""
        both = (self._producer, self._changelogs)
        return {topic: age for one in both if one is not None for topic, age in one.oldest_unacked_s().items()}

    def open_tail(self) -> AIOKafkaConsumer:
        """A consumer without a group for the tails of changelogs. It raises where an offset is out of range."""
        return self._open_consumer("none", TAIL_WAIT_MS)

    def open_consumer(self) -> AIOKafkaConsumer:
        """A consumer without a group, for a topic that is read whole."""
        return self._open_consumer("earliest", FOLLOW_WAIT_MS)

    def _open_consumer(self, out_of_range: str, wait_ms: int) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=list(self._config.bootstrap),
            client_id=self._config.client_id,
            enable_auto_commit=False,
            auto_offset_reset=out_of_range,
            fetch_max_wait_ms=wait_ms,
            max_partition_fetch_bytes=self._config.record_bytes,
            **self._config.access.options(),
        )


def owner_name(client_id: str, pid: int, started_ms: int) -> str:
    """Names a process in owner markers, for people who read a changelog."""
    return f"{client_id}/{pid}/{started_ms}"
