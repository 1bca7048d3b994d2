"""Every reach into Faust's transport, in one place: agents that receive one message per partition and fetch.

Faust hands an agent one record at a time, at about 60 us each. Here its consumer yields one `ConsumerMessage` per
partition and fetch, whose value is the list of aiokafka records, so that Faust's cost is paid per batch. What is
changed, and why (faust-streaming 0.15.3; `tests/agents/test_transport.py` fails when a newer Faust differs):

- `Consumer.getmany`: batches, capped by records and by bytes; a partition that is full isn't fetched, the others are,
  and none before there are lanes: Faust itself keeps thousands of batches that nobody takes yet.
  What comes while a rebalance has stopped the flow is fetched again later (`rewind`): Faust goes back to what is
  committed, which is nowhere before the first commit.
- `Consumer._new_offset`, `_add_gap`: batches are acked whole and in order, so the newest ack is the offset to commit.
  Faust looks for consecutive offsets and would commit one batch per interval.
- `ConsumerThread._create_worker_consumer`: Faust hard-codes a fetch wait of 1,500 ms (the embedded broker waits it
  out), and takes a round-robin assignor where no table is registered: events, commands and feedback of a user must
  arrive at the same worker, which is what Faust's own copartitioned assignor does.
- `Consumer._commit`: timed, for whoever sets `app.on_commit`; `progress`: where aiokafka stands.
- `ConsumerThread._fetch_records`: a fetch that is given up too early is given longer (`agents.patience`).
- `ConsumerThread.verify_event_path`: Faust's guess at what is stuck, which is wrong about quiet partitions.
- aiokafka's fetcher, asked for nothing else while a partition on hold has records waiting, sends no fetch for 100 ms:
  one busy lane would stop them all (`PREFETCH_BACKOFF_S`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents.patience import Patience

FULL_POLL_S = 0.5
PREFETCH_BACKOFF_S = 0.003


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with our fetch settings and the copartitioned assignor."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        self._patience: Patience | None = None
        auth = driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context)
        batching = self.app.batching
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            max_poll_records=None,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=batching.fetch_bytes,
            fetch_max_wait_ms=batching.fetch_wait_ms,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **auth,
        )

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Says nothing: Faust takes a quiet partition beside busy ones for a fault of its own. Lag by age, `/live`
        and the canaries tell of a consumer that stands still."""

    async def _fetch_records(
        self, consumer: aiokafka.AIOKafkaConsumer, active_partitions: set[TP], **more: Any
    ) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, **more)
        if self._patience is None:
            consumer._fetcher._prefetch_backoff = PREFETCH_BACKOFF_S
            self._patience = Patience(consumer, self.app.batching.fetch_wait_ms)
        # A copy: it is the agents' thread that changes the set.
        self._patience.after(bool(records), tuple(active_partitions or ()))
        return records

    async def rewind(self, offsets: Mapping[TP, int]) -> None:
        """See `rewind`."""
        await self.call_thread(rewind, self._ensure_consumer(), offsets)


class Consumer(driver.Consumer):
    """Yields one message per partition and fetch."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_init(self) -> None:
        super().on_init()
        self._room = asyncio.Event()
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """Fetch: there is a lane for whatever comes, which will hold it."""
        self._begun.set()

    def halt(self) -> None:
        """Fetch nothing more until `begin`."""
        self._begun.clear()

    def hold(self, tp: TP) -> None:
        """Stop fetching a partition whose queue is full."""
        self.pause_partitions({TP(tp.topic, tp.partition)})

    def resume(self, tp: TP) -> None:
        """Fetch it again."""
        if tp in self.assignment():
            # Faust keeps what it is given, and asserts later that it was one of its own kind.
            self.resume_partitions({TP(tp.topic, tp.partition)})
            self._room.set()

    def progress(self, tp: TP) -> tuple[int | None, int | None]:
        """The offset behind a partition's last record, and where fetching goes on, as far as they are known."""
        thread = self._thread
        consumer = thread._consumer if thread is not None else None
        known = known_of(consumer, tp) if consumer is not None else None
        if known is None:
            return None, None
        return known.highwater, known.position if known.has_valid_position else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        begin, done = time.monotonic(), False
        try:
            done = bool(await super()._commit(offsets))
        finally:
            self.app.on_commit(time.monotonic() - begin, done)
        return done

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        if not await in_time(self._begun):
            return
        if self.flow_active and not self._get_active_partitions():
            # All are full or nothing is assigned: Faust would sleep a second here.
            self._room.clear()
            if not await in_time(self._room):
                return
        records, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self._thread.rewind({tp: fetched[0].offset for tp, fetched in records.items()})
            return
        # What has been fetched is delivered, even to a partition put on hold meanwhile: nobody fetches it again.
        for tp, fetched in records.items():
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            for chunk in chunks(fetched, self.app.batching.max_records, self.app.batching.max_bytes):
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                yield tp, self._batch_message(tp, chunk, generation)

    def _batch_message(self, tp: TP, chunk: list[Any], generation: int) -> ConsumerMessage:
        last = chunk[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            (),
            None,
            chunk,
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return int(newest) + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A batch has no gaps that matter."""


class Transport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = Consumer


async def in_time(event: asyncio.Event) -> bool:
    """Whether it comes before Faust is to look around again."""
    # Not `wait_for`: it forgets that it is cancelled as the event comes (Python 3.11), and Faust cancels once.
    with suppress(TimeoutError):
        async with asyncio.timeout(FULL_POLL_S):
            await event.wait()
    return event.is_set()


def known_of(consumer: aiokafka.AIOKafkaConsumer, tp: TP) -> Any:
    """What aiokafka knows of a partition; None where it is not assigned."""
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    return assignment.state_value(aiokafka.TopicPartition(tp.topic, tp.partition)) if assignment is not None else None


async def rewind(consumer: aiokafka.AIOKafkaConsumer, offsets: Mapping[TP, int]) -> None:
    """Go back to these offsets, in aiokafka's own thread. Never forward: a partition that has been assigned anew
    begins with what is not done, which may be before them. One that has gone is its next owner's."""
    for tp, offset in offsets.items():
        known = known_of(consumer, tp)
        if known is not None and known.has_valid_position and known.position > offset:
            consumer.seek(aiokafka.TopicPartition(tp.topic, tp.partition), offset)


def chunks(records: list[Any], max_records: int, max_bytes: int) -> Iterable[list[Any]]:
    """Cut a fetch into batches of at most `max_records` records and about `max_bytes` bytes, at least one record."""
    start, size = 0, 0
    for index, record in enumerate(records):
        size += len(record.value or b"") + len(record.key or b"")
        if index > start and (index - start >= max_records or size > max_bytes):
            yield records[start:index]
            start, size = index, len(record.value or b"")
    if start < len(records):
        yield records[start:]
