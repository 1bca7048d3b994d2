"""Cutting fetches into batches, and what of Faust and aiokafka is reached into: when a newer version differs, this
says where to look."""

import inspect
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import pytest
from aiokafka.consumer.fetcher import Fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents import patience, transport
from agents.transport import Consumer, ConsumerThread, Transport, chunks


class Raw(NamedTuple):
    """As much of a record as `chunks` looks at."""

    value: bytes | None
    key: bytes | None = None


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
        (driver.Consumer.perform_seek, ["self"]),
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
