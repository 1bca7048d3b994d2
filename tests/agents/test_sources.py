"""A sources partition at work: what users partitions tell, repeats dropped, alerts and reputation out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from agents.eviction import SCANNED_PER_TICK
from agents.journal import TooLarge
from agents.shard import Output
from agents.signalling import Signals, encode_signals
from agents.sources import SOURCE_PREFIX, merged
from core.reputation import BAD, decode_reputation
from core.signal import ALL, FAILED, FAILED_LOGIN, LEGIT, SIGNUP, UNFAMILIAR, Signal
from tables.sources import SOURCES
from tests.agents.household import NOON_MS, PLACE, TOPICS, Record, Town, event, users_of

SIGNALS = "signals"
IP = next(f"198.51.100.{host}" for host in range(256) if PLACE(f"ip:198.51.100.{host}") == 0)
SOURCE = f"ip:{IP}"


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def failures(first: int, count: int) -> list[Signal]:
    return [
        Signal(FAILED_LOGIN, NOON_MS + at * 1_000, f"victim-{at}", f"e{at}", IP, FAILED | UNFAMILIAR)
        for at in range(first, first + count)
    ]


def told(sequence: int, by_source: dict[str, list[Signal]], upstream: int = 0) -> bytes:
    return encode_signals(Signals(upstream, sequence, by_source))


def stuffing(steps: int = 6, each: int = 10) -> list[bytes]:
    return [told(step + 1, {SOURCE: failures(step * each, each)}) for step in range(steps)]


def records(values: list[bytes | None]) -> list[Record]:
    return [Record(SIGNALS, 0, offset, b"0", value) for offset, value in enumerate(values)]


def test_repeats_are_dropped_by_the_sequence_of_their_upstream_partition() -> None:
    one, two, three = failures(0, 3)
    values: list[bytes | None] = [
        told(5, {"a": [one]}),
        told(5, {"a": [one]}),
        told(4, {"a": [one]}),
        told(5, {"a": [two]}, upstream=1),
        told(6, {"a": [three], "b": [one]}),
    ]
    origins = {"0": 3}
    assert merged(records(values), origins) == {"a": [one, two, three], "b": [one]}
    assert origins == {"0": 6, "1": 5}
    assert merged(records(values), origins) == {}


def test_records_that_are_not_of_argus_are_skipped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    good = told(1, {"a": failures(0, 1)})
    garbage: list[bytes | None] = [b"", None, b"garbage", b"\xc1", good[:-3], msgspec.msgpack.encode([0, "x", {}])]
    assert list(merged(records([*garbage, good]), {})) == ["a"]
    assert [entry.args[2] for entry in caplog.records] == list(range(len(garbage)))  # type: ignore[index]


def test_stuffing_from_one_address_is_told_as_an_alert_about_it_and_as_its_reputation(town: Town) -> None:
    async def story() -> None:
        work = await town.sources()
        await work.apply(SIGNALS, town.topic(SIGNALS, stuffing()))
        alert = next(alert for alert in town.sent("alerts") if alert["rule_id"] == "credential_stuffing")
        assert (alert["user_id"], alert["source"]) == (None, {"type": "ip", "id": IP})
        assert alert["severity"] == "HIGH"
        assert len(alert["users"]) >= 15
        told = [output for output in town.wire if output.topic == TOPICS.reputation]
        assert {(output.partition, output.key) for output in told} == {(0, SOURCE.encode())}
        reputation = decode_reputation(told[-1].value or b"")
        assert reputation.level == BAD
        assert reputation.in_force(NOON_MS + 60_000)
        keys = {output.key for output in town.wire if output.topic == "alerts"}
        assert keys == {SOURCE.encode()}
        await work.stop(gracefully=True)

    play(story)


def test_a_spray_from_everywhere_is_about_every_address_and_makes_strange_logins_suspect(town: Town) -> None:
    async def story() -> None:
        partition = PLACE(ALL)
        work = await town.sources(partition)
        sprayed = [
            Signal(FAILED_LOGIN, NOON_MS + at * 1_000, f"victim-{at}", f"e{at}", f"ip{at % 9}", FAILED | UNFAMILIAR)
            for at in range(80)
        ]
        await work.apply(SIGNALS, town.topic(SIGNALS, [told(1, {ALL: sprayed})], partition))
        alert = town.sent("alerts")[0]
        assert alert["source"] == {"type": "network", "id": "0.0.0.0/0"}
        assert {output.key for output in town.wire if output.topic == TOPICS.alerts} == {b"network:0.0.0.0/0"}
        # What everybody is accused of is a record of its own, and no address's.
        assert {output.key for output in town.wire if output.topic == TOPICS.reputation} == {ALL.encode()}
        await work.stop(gracefully=True)

    play(story)


def states(town: Town, wire: list[Output], state: bytes | None) -> tuple[object, ...]:
    decoded = SOURCES.decode(state or b"")
    return [(output.topic, output.key, output.value) for output in wire], decoded


def test_redeliveries_and_resends_change_nothing(town: Town, tmp_path: Path) -> None:
    async def outcome(town: Town, batches: list[list[Record]], disks: str) -> object:
        for batch, disk in zip(batches, disks, strict=True):
            work = await town.sources(disk=disk)
            await work.apply(SIGNALS, batch)
            state = work.shard.store.get(SOURCE_PREFIX + SOURCE.encode())
            await work.stop(gracefully=True)
        return states(town, town.wire, state)

    async def story() -> None:
        values: list[bytes | None] = [*stuffing()]
        plain = records(values)
        once = await outcome(town, [plain], "a")
        doubled = records([value for value in values for _ in range(2)])
        assert await outcome(Town(tmp_path / "resent"), [doubled], "a") == once
        again = [plain[:3], plain[1:4], plain[4:]]
        assert await outcome(Town(tmp_path / "again"), again, "aba") != ()
        state = (await outcome(Town(tmp_path / "again2"), again, "bab"))[1]  # type: ignore[index]
        assert state == once[1]  # type: ignore[index]

    play(story)


def test_a_step_that_is_too_large_is_taken_in_parts_and_says_the_same(town: Town, tmp_path: Path) -> None:
    async def outcome(town: Town, most: int) -> object:
        work = await town.sources(max_entries=most)
        values: list[bytes | None] = [
            told(step + 1, {f"ip:10.0.0.{step}": failures(step, 1), SOURCE: failures(step * 10, 10)})
            for step in range(6)
        ]
        await work.apply(SIGNALS, records(values))
        state = work.shard.store.get(SOURCE_PREFIX + SOURCE.encode())
        await work.stop(gracefully=True)
        return {(alert["alert_id"], alert["count"]) for alert in town.sent("alerts")}, SOURCES.decode(
            state or b""
        ).rings

    async def story() -> None:
        whole = await outcome(town, 1_000)
        assert await outcome(Town(tmp_path / "parts"), 4) == whole
        with pytest.raises(TooLarge):
            await outcome(Town(tmp_path / "never"), 3)

    play(story)


def test_what_is_not_in_memory_is_read_from_disk(tmp_path: Path) -> None:
    town = Town(tmp_path)

    async def story() -> None:
        work = await town.sources()
        work._cached = 2
        for offset, host in enumerate((1, 2, 3, 4, 1)):
            value = told(offset + 1, {f"ip:10.0.0.{host}": [Signal(SIGNUP, NOON_MS + offset, "u", f"e{offset}")]})
            await work.apply(SIGNALS, [Record(SIGNALS, 0, offset, b"0", value)])
            assert len(work._cache) <= 2
        state = SOURCES.decode(work.shard.store.get(SOURCE_PREFIX + b"ip:10.0.0.1") or b"")
        assert len(state.rings[SIGNUP]) == 2
        await work.stop(gracefully=True)

    play(story)


def test_a_signal_that_cannot_be_judged_is_said_and_costs_no_other(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        work = await town.sources()
        bad = Signal(FAILED_LOGIN, NOON_MS, "u", "bad", IP, 0)
        poison = msgspec.msgpack.encode([0, 1, {SOURCE: [["fraud", NOON_MS, "u", "bad", "", 0, float("nan")]]}])
        await work.apply(SIGNALS, records([poison, told(2, {SOURCE: [bad]})]))
        state = SOURCES.decode(work.shard.store.get(SOURCE_PREFIX + SOURCE.encode()) or b"")
        assert len(state.rings["logins"]) == 1
        await work.stop(gracefully=True)

    play(story)
    assert "a fraud signal of event bad could not be judged" in caplog.text


def test_a_login_that_fails_on_many_users_reaches_the_sources_and_comes_back_as_what_users_are_judged_by(
    town: Town,
) -> None:
    async def story() -> None:
        users = await town.users()
        sources = await town.sources()
        values = [
            event(user, 0, "login", NOON_MS + at * 1_000, outcome="failure", ip=IP, device_id=f"d{at}")
            for at, user in enumerate(users_of(0, 60))
        ]
        await users.apply("events", town.topic("events", values))
        signals = [output for output in town.wire if output.topic == SIGNALS and output.partition == 0]
        await sources.apply(SIGNALS, records([output.value for output in signals]))
        reputations = [output for output in town.wire if output.topic == TOPICS.reputation]
        town.reputations.learn(SOURCE, decode_reputation(reputations[-1].value or b""))
        victim = users_of(0, 1)[0]
        login = event(victim, 1, "login", NOON_MS + 120_000, ip=IP, device_id="d-new")
        await users.apply("events", town.topic("events", [login], first=60))
        assert town.sent("decisions")[-1]["rules"]
        assert any("attack" in rule for rule in town.sent("decisions")[-1]["rules"])
        for work in (users, sources):
            await work.stop(gracefully=True)

    play(story)


def test_a_source_that_was_silent_for_long_is_forgotten_and_its_reputation_with_it(town: Town) -> None:
    async def story() -> None:
        work = await town.sources()
        await work.apply(SIGNALS, records([*stuffing()]))
        quiet, later = "ip:10.0.0.1", "ip:10.0.0.2"
        signup = Signal(SIGNUP, NOON_MS, "u", "e")
        await work.apply(SIGNALS, [Record(SIGNALS, 0, 6, b"0", told(7, {quiet: [signup]}))])
        await work.tick()
        kept = {state.key for state in work.stored()}
        assert kept == {SOURCE, quiet}
        after_ms = NOON_MS + town.services().dormant_ms + 61_000
        signup = Signal(SIGNUP, after_ms, "u", "e2")
        await work.apply(SIGNALS, [Record(SIGNALS, 0, 7, b"0", told(8, {later: [signup]}))])
        await work.tick()
        assert {state.key for state in work.stored()} == {later}
        assert work.load([SOURCE, quiet, later]).keys() == {later}
        told_last = [output for output in town.wire if output.topic == TOPICS.reputation][-1]
        assert (told_last.key, told_last.value) == (SOURCE.encode(), None)
        await work.stop(gracefully=True)

    play(story)


def test_a_reputation_that_still_counts_keeps_its_source(town: Town) -> None:
    async def story() -> None:
        work = await town.sources()
        await work.apply(SIGNALS, records([*stuffing()]))
        state = next(iter(work.stored()))
        assert state.reputation is not None
        clock_ms = state.clock_ms + town.services().dormant_ms + 61_000
        lasting = msgspec.structs.replace(state.reputation, until_ms=clock_ms + 1_000)
        state = msgspec.structs.replace(state, reputation=lasting)
        meta = msgspec.structs.replace(work.shard.meta, clock_ms=clock_ms)
        await work.shard.commit({SOURCE_PREFIX + SOURCE.encode(): SOURCES.encode(state)}, [], meta)
        await work.tick()
        assert [state.key for state in work.stored()] == [SOURCE]
        await work.stop(gracefully=True)

    play(story)


def test_the_faster_sources_come_the_more_are_looked_at(town: Town) -> None:
    async def story() -> None:
        work = await town.sources()
        count = 4 * SCANNED_PER_TICK
        signup, later = (Signal(SIGNUP, NOON_MS + at * 1_000 * town.services().dormant_ms, "u", "e") for at in (0, 1))
        await work.apply(SIGNALS, records([told(1, {f"ip:10.0.0.{at}": [signup] for at in range(count)})]))
        await work.apply(SIGNALS, [Record(SIGNALS, 0, 1, b"0", told(2, {SOURCE: [later]}))])
        await work.tick()
        assert [state.key for state in work.stored()] == [SOURCE]
        await work.stop(gracefully=True)

    play(story)


def test_a_label_that_comes_late_makes_no_source_old(town: Town) -> None:
    async def story() -> None:
        work = await town.sources()
        late_ms = NOON_MS + 2 * town.services().dormant_ms
        batch = {"ip:10.0.0.1": [Signal(SIGNUP, NOON_MS, "u", "e")], SOURCE: [Signal(LEGIT, late_ms, "u", "e")]}
        await work.apply(SIGNALS, records([told(1, batch)]))
        await work.tick()
        assert {state.key for state in work.stored()} == {"ip:10.0.0.1", SOURCE}
        await work.stop(gracefully=True)

    play(story)
