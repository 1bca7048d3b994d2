"""What a users partition tells the sources: in which records, and when, over steps, ticks and restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agents.shard import Output
from agents.signalling import SOURCES_MOST, WAITING_MOST, Signals, sequence_of, signal_outputs
from core.signal import SIGNUP, Signal
from tests.agents.household import NOON_MS, PLACE, TOPICS, Town, event, users_of

HERE = users_of(0, 1)
EVENTS = "events"


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def told(count: int) -> dict[str, list[Signal]]:
    return {f"ip:10.0.{at // 256}.{at % 256}": [Signal(SIGNUP, at, "u", f"e{at}")] for at in range(count)}


def outputs(signals: dict[str, list[Signal]], step: int = 8) -> list[Output]:
    return signal_outputs(TOPICS.signals, 1, step, signals, PLACE)


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
        assert sequences[-1] < decoded(outputs(told(1), step=9)[0]).sequence
    assert {source: told for output in sent for source, told in decoded(output).by_source.items()} == signals


def signups(count: int, first: int = 0) -> list[bytes]:
    return [event(HERE[0], first + at, "signup", NOON_MS + at, ip="203.0.113.7") for at in range(count)]


def told_of(wire: Sequence[Output]) -> list[str]:
    """The events that sources were told of, in order."""
    sent = [decoded(output) for output in wire if output.topic == TOPICS.signals]
    return [signal.event_id for record in sent for signals in record.by_source.values() for signal in signals]


def waiting(path: Path, **more: float) -> Town:
    return Town(path, signals_every_s=1.0, **more)


def test_signals_wait_for_the_next_time_and_go_out_together(tmp_path: Path) -> None:
    town = waiting(tmp_path)

    async def story() -> None:
        work = await town.users()
        assert work.due_in_s() is None
        await work.apply(EVENTS, town.topic(EVENTS, signups(1)))
        assert told_of(town.wire) == [f"{HERE[0]}-0"]
        for at in (1, 2):
            town.monotonic.now_s += 0.25
            await work.apply(EVENTS, town.topic(EVENTS, signups(1, at), first=at))
        assert told_of(town.wire) == [f"{HERE[0]}-0"]
        assert work.due_in_s() == 0.5
        town.monotonic.now_s += 0.5
        assert work.due_in_s() == 0.0
        await work.apply(EVENTS, town.topic(EVENTS, signups(1, 3), first=3))
        assert told_of(town.wire) == [f"{HERE[0]}-{at}" for at in range(4)]
        assert work.due_in_s() is None
        await work.stop(gracefully=True)

    play(story)


def test_a_tick_sends_what_is_due_and_nothing_twice(tmp_path: Path) -> None:
    town = waiting(tmp_path)

    async def story() -> None:
        work = await town.users()
        for at in (0, 1):
            await work.apply(EVENTS, town.topic(EVENTS, signups(1, at), first=at))
        await work.tick()
        assert told_of(town.wire) == [f"{HERE[0]}-0"]
        town.monotonic.now_s += 1.0
        for _ in range(2):
            await work.tick()
            assert told_of(town.wire) == [f"{HERE[0]}-0", f"{HERE[0]}-1"]
        await work.stop(gracefully=True)

    play(story)


def test_an_heir_sends_what_waited_and_knows_what_was_sent(tmp_path: Path) -> None:
    town = waiting(tmp_path)

    async def story() -> None:
        work = await town.users(disk="a")
        for at in (0, 1):
            await work.apply(EVENTS, town.topic(EVENTS, signups(1, at), first=at))
        await work.stop(gracefully=False)
        # The outbox of the last step, which had nothing to send to the sources.
        heir = await town.users(disk="b")
        assert told_of(town.wire) == [f"{HERE[0]}-0"]
        assert heir.due_in_s() == 0.0
        await heir.tick()
        assert told_of(town.wire) == [f"{HERE[0]}-0", f"{HERE[0]}-1"]
        await heir.stop(gracefully=True)
        third = await town.users(disk="c")
        assert third.due_in_s() is None
        await third.stop(gracefully=True)

    play(story)


def test_too_many_do_not_wait(tmp_path: Path) -> None:
    town = waiting(tmp_path)

    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, signups(1)))
        await work.apply(EVENTS, town.topic(EVENTS, signups(WAITING_MOST, 1), first=1))
        assert work.due_in_s() is not None
        await work.apply(EVENTS, town.topic(EVENTS, signups(1, WAITING_MOST + 1), first=WAITING_MOST + 1))
        assert len(told_of(town.wire)) == WAITING_MOST + 2
        assert work.due_in_s() is None
        await work.stop(gracefully=True)

    play(story)
