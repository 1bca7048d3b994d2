"""Cutting fetches into batches, and what of Faust and aiokafka is reached into: when a newer version differs, this
says where to look."""

import asyncio
import inspect
import re
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents import patience, transport
from agents.transport import Consumer, ConsumerThread, Transport, chunks, rewind


class Raw(NamedTuple):
    """As much of a record as is looked at."""

    value: bytes | None
    key: bytes | None = None
    offset: int = 0
    timestamp: int = 0
    timestamp_type: int = 0


def sized(*sizes: int) -> list[Raw]:
    return [Raw(b"x" * size) for size in sizes]


@pytest.mark.parametrize(
    ("records", "max_records", "max_bytes", "counts"),
    [
        (sized(), 2, 100, []),
        (sized(1), 2, 100, [1]),
        (sized(1, 1), 2, 100, [2]),
        (sized(1, 1, 1, 1, 1), 2, 100, [2, 2, 1]),
        (sized(60, 60, 60), 10, 100, [1, 1, 1]),
        (sized(50, 50, 1), 10, 100, [2, 1]),
        (sized(500, 1, 500), 10, 100, [1, 1, 1]),
        (sized(500, 500), 1, 100, [1, 1]),
        ([Raw(None, b"k"), Raw(None, None)], 10, 100, [2]),
        ([Raw(b"x" * 40, b"k" * 20), Raw(b"x" * 30, b"k" * 20)], 10, 100, [1, 1]),
    ],
)
def test_a_fetch_is_cut_by_records_and_by_bytes_with_at_least_one_record(
    records: list[Raw], max_records: int, max_bytes: int, counts: list[int]
) -> None:
    batches = list(chunks(records, max_records, max_bytes))
    assert [len(batch) for batch in batches] == counts
    assert [record for batch in batches for record in batch] == records


@pytest.mark.parametrize("package", ["faust-streaming", "mode-streaming", "aiokafka"])
def test_what_is_installed_is_the_version_that_was_read(package: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    pinned = dict(line.split("==") for line in project["dependencies"] if "==" in line)
    assert version(package) == {name.split("[")[0]: exact for name, exact in pinned.items()}[package]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (driver.AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
        (
            driver.AIOKafkaConsumerThread._fetch_records,
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (driver.AIOKafkaConsumerThread.verify_event_path, ["self", "now", "tp"]),
        (driver.Consumer._new_consumer_thread, ["self"]),
        (driver.Consumer.getmany, ["self", "timeout"]),
        (driver.Consumer._wait_next_records, ["self", "timeout"]),
        (driver.Consumer._get_active_partitions, ["self"]),
        (driver.Consumer._new_offset, ["self", "tp"]),
        (driver.Consumer._add_gap, ["self", "tp", "offset_from", "offset_to"]),
        (driver.Consumer.pause_partitions, ["self", "tps"]),
        (driver.Consumer.resume_partitions, ["self", "tps"]),
        (driver.Consumer.assignment, ["self"]),
        (driver.Consumer.highwater, ["self", "tp"]),
        (driver.AIOKafkaConsumerThread.call_thread, ["self", "fun", "args", "kwargs"]),
        (driver.AIOKafkaConsumerThread._ensure_consumer, ["self"]),
        (driver.credentials_to_aiokafka_auth, ["credentials", "ssl_context"]),
        (driver.server_list, ["urls", "default_port"]),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_what_is_overridden_or_called_has_the_parameters_it_had(
    function: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize(
    ("ours", "names"),
    [
        (Consumer, ["_new_consumer_thread", "on_init", "getmany", "_new_offset", "_add_gap"]),
        (ConsumerThread, ["_create_worker_consumer", "_fetch_records", "verify_event_path"]),
        (Transport, ["Consumer"]),
    ],
)
def test_every_override_still_overrides_something(ours: type, names: list[str]) -> None:
    for name in names:
        assert name in vars(ours)
        assert hasattr(ours.__mro__[1], name)


@pytest.mark.parametrize(
    ("function", "texts"),
    [
        # What these do is relied on, not only how they are called.
        (driver.Consumer._new_offset, ["self._acked[tp]", "self._acked_index[tp]", "return batch[-1] + 1"]),
        (driver.Consumer._filter_committable_offsets, ["_new_offset"]),
        (driver.Consumer.getmany, ["self._wait_next_records(timeout)", "track_tp_end_offset", "self.flow_active"]),
        (driver.Consumer._wait_next_records, ["return records, active_partitions", "self.sleep(1)"]),
        # It goes nowhere where nothing is committed: whatever is dropped has to be rewound.
        (aiokafka.AIOKafkaConsumer.seek_to_committed, ["if offset and offset > 0:"]),
        (driver.Consumer._drain_messages, ["_add_gap", "getmany", "_read_offset"]),
        (driver.AIOKafkaConsumerThread._create_worker_consumer, ["fetch_max_wait_ms=1500", "self._assignor"]),
        (
            Fetcher._get_actions_per_node,
            ["self._fetch_max_wait_ms", "self._max_partition_fetch_bytes", "calculate_backoff()"],
        ),
        (Fetcher._proc_fetch_request, ["backoff=self._prefetch_backoff"]),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_what_is_replaced_still_reads_as_it_did(function: Callable[..., Any], texts: list[str]) -> None:
    source = inspect.getsource(function)
    assert [text for text in texts if text not in source] == []


class Positions:
    """As much of aiokafka's consumer as is rewound. None: of a partition whose beginning is not known yet."""

    def __init__(self, positions: Mapping[TopicPartition, int | None]) -> None:
        self._subscription = SubscriptionState()
        self._subscription.assign_from_user(set(positions))
        for target, position in positions.items():
            if position is not None:
                self.seek(target, position)

    def seek(self, target: TopicPartition, offset: int) -> None:
        self._subscription.seek(target, offset)

    def now(self) -> dict[int, int | None]:
        assignment = self._subscription.subscription.assignment
        return {target.partition: assignment.state_value(target)._position for target in assignment.tps}


class Thread:
    """Faust's consumer thread, in this one."""

    def __init__(self, consumer: Positions) -> None:
        self._consumer = consumer

    async def rewind(self, offsets: Mapping[TP, int]) -> None:
        await rewind(self._consumer, offsets)


class Bench(Consumer):
    """Our consumer without Faust's: it is given what is fetched, and may be stopped by a rebalance meanwhile."""

    should_stop = False  # type: ignore[assignment]

    def __init__(
        self, consumer: Positions, fetched: Mapping[TopicPartition, list[Any]], *, rebalance: bool = False
    ) -> None:
        self.on_init()
        self._thread = Thread(consumer)  # type: ignore[assignment]
        self._active_partitions = {TP(*target) for target in fetched}
        self._fetched = fetched
        self._rebalance = rebalance
        self.fetches = 0
        told: Any = lambda *_: None  # noqa: E731
        self.app = SimpleNamespace(
            consumer_generation_id=1,
            monitor=SimpleNamespace(track_tp_end_offset=told),
            batching=SimpleNamespace(max_records=100, max_bytes=100),
        )
        self.flow_active = True

    def highwater(self, _tp: TP) -> int:
        return 1

    async def _wait_next_records(self, _timeout: float) -> Any:
        self.fetches += 1
        self.flow_active = not self._rebalance
        return self._fetched, self._active_partitions


def test_nothing_is_fetched_before_there_are_lanes() -> None:
    target = TopicPartition("events", 0)

    async def story() -> None:
        consumer = Bench(Positions({target: 1}), {target: [Raw(b"1", timestamp=1)]})
        first = asyncio.ensure_future(anext(consumer.getmany(1.0)))
        await asyncio.sleep(0)
        assert not consumer.fetches
        consumer.begin()
        assert (await first)[0] == target
        consumer.halt()
        assert [message async for message in consumer.getmany(1.0)] == []
        assert consumer.fetches == 1

    asyncio.run(story())


@pytest.mark.parametrize("turns", range(4))
def test_fetching_that_is_cancelled_ends_whenever_that_is(turns: int) -> None:
    class Quiet(Bench):
        async def _wait_next_records(self, _timeout: float) -> Any:
            await asyncio.Event().wait()

    target = TopicPartition("events", 0)

    async def story() -> None:
        consumer = Quiet(Positions({target: 1}), {target: []})
        consumer.begin()
        fetching = asyncio.ensure_future(anext(consumer.getmany(1.0)))
        for _ in range(turns):
            await asyncio.sleep(0)
        fetching.cancel()
        for _ in range(4):
            await asyncio.sleep(0)
        assert fetching.cancelled()

    asyncio.run(story())


def test_what_is_fetched_while_a_rebalance_stops_the_flow_is_fetched_again() -> None:
    here, dropped, elsewhere, gone, unknown = (TopicPartition("events", partition) for partition in range(5))

    async def story() -> None:
        # `dropped` was assigned anew before what a lane had, `elsewhere` behind what others have done since.
        positions = Positions({here: 500, dropped: 0, elsewhere: 900, unknown: None})
        firsts = {here: 0, dropped: 500, elsewhere: 400, gone: 7, unknown: 7}
        fetched = {target: [Raw(b"", offset=first)] for target, first in firsts.items()}
        consumer = Bench(positions, fetched, rebalance=True)
        consumer.begin()
        assert [message async for message in consumer.getmany(1.0)] == []
        assert positions.now() == {0: 0, 1: 0, 2: 400, 4: None}

    asyncio.run(story())


def test_a_message_takes_a_list_of_records_for_its_value() -> None:
    tp = TP("events", 3)
    records = [object(), object()]
    message = ConsumerMessage("events", 3, 7, 1.5, 0, (), None, records, None, 0, 0, tp, generation_id=4)
    assert (message.tp, message.offset, message.value, message.generation_id) == (tp, 7, records, 4)


def test_the_consumer_takes_every_setting_it_is_given() -> None:
    source = inspect.getsource(transport.ConsumerThread._create_worker_consumer)
    known = inspect.signature(aiokafka.AIOKafkaConsumer.__init__).parameters
    given = [line.split("=")[0].strip() for line in source.splitlines() if line.startswith(" " * 12) and "=" in line]
    assert "fetch_max_wait_ms" in given
    assert [name for name in given if name not in known] == []


def test_patience_finds_what_it_adjusts() -> None:
    adjusted = re.findall(r"_fetcher\.(\w+)", inspect.getsource(patience))
    assert {"_fetch_max_wait_ms", "_max_partition_fetch_bytes"} == set(adjusted)
    for name in adjusted:
        assert f"self.{name} = " in inspect.getsource(Fetcher.__init__)
    known = aiokafka.AIOKafkaConsumer.__init__.__code__.co_names
    assert {"_fetcher", "_subscription", "_max_partition_fetch_bytes"} <= set(known)
