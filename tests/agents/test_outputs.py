from types import SimpleNamespace
from typing import Any

import msgspec

from agents.outputs import SOURCES_MOST, Signals, sequence_of, signal_outputs
from agents.shard import Meta
from core.signal import SIGNUP, Signal
from tests.agents.household import PLACE, TOPICS


def told(count: int) -> dict[str, list[Signal]]:
    return {f"ip:10.0.{at // 256}.{at % 256}": [Signal(SIGNUP, at, "u", f"e{at}")] for at in range(count)}


def outputs(signals: dict[str, list[Signal]], step: int = 7) -> list[Any]:
    work: Any = SimpleNamespace(
        partition=1, shard=SimpleNamespace(meta=Meta(sequence=step)), services=SimpleNamespace(topics=TOPICS)
    )
    return signal_outputs(work, signals, PLACE)


def decoded(output: Any) -> Signals:
    return msgspec.msgpack.decode(output.value, type=Signals)


def test_each_source_is_told_on_its_own_partition_in_one_record_with_the_others_there() -> None:
    signals = told(10)
    sent = outputs(signals)
    assert sorted(output.partition for output in sent) == [0, 1]
    for output in sent:
        assert (output.topic, output.key) == (TOPICS.signals, b"1")
        record = decoded(output)
        assert (record.upstream, record.sequence) == (1, sequence_of(8, 0))
        assert all(PLACE(source) == output.partition for source in record.by_source)
    assert {source: told for output in sent for source, told in decoded(output).by_source.items()} == signals


def test_nothing_to_tell_sends_nothing() -> None:
    assert outputs({}) == []


def test_many_sources_are_told_in_records_that_fit_whose_sequence_grows_within_the_step_and_with_it() -> None:
    signals = told(5 * SOURCES_MOST)
    sent = outputs(signals)
    for partition in (0, 1):
        records = [decoded(output) for output in sent if output.partition == partition]
        assert all(0 < len(record.by_source) <= SOURCES_MOST for record in records)
        sequences = [record.sequence for record in records]
        assert sequences == sorted(set(sequences))
        assert sequences[-1] < decoded(outputs(told(1), step=8)[0]).sequence
    assert {source: told for output in sent for source, told in decoded(output).by_source.items()} == signals
