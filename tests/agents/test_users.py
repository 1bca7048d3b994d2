"""A users partition at work, from records to what is sent, over restarts, repeats and steps that are too large."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.detect import FORWARDED_HEADER
from agents.journal import TooLarge
from agents.lanes import TICK_S
from agents.models import MODELS_KEY
from agents.shard import Output
from agents.users import IDLE_MS, UserWork
from core.audit import Entry
from core.audited import NOTES, READERS
from core.clock import DAY
from core.events import Action
from core.rules.book import RuleBook
from core.rules.custom import NO_CUSTOM_RULES
from tests.agents.fakes import Killed, MemorySender
from tests.agents.household import MINUTE_MS, NOON_MS, TOPICS, Record, Town, burst, event, users_of

HERE, THERE = users_of(0, 40), users_of(1, 5)
EVENTS = "events"


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def decided(town: Town) -> list[str]:
    return [decision["event_id"] for decision in town.sent("decisions")]


def mixed_day(users: list[str]) -> list[bytes]:
    """Ordinary life of some users and a burst of payments of one, in order of arrival."""
    values = []
    for number in range(20):
        for at, user in enumerate(users):
            at_ms = NOON_MS - 30 * MINUTE_MS + number * MINUTE_MS + at
            values.append(event(user, number, ("login", "page_view", "transaction")[number % 3], at_ms, amount=5.0))
    return values + burst(users[0], first=100)


def test_each_event_has_one_decision_on_the_partition_of_its_user_in_order(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, mixed_day(HERE[:8])))
        assert decided(town) == [msgspec.json.decode(value)["event_id"] for value in mixed_day(HERE[:8])]
        keyed = {(output.partition, output.key) for output in town.wire if output.topic == "decisions"}
        assert keyed == {(0, user.encode()) for user in HERE[:8]}
        await work.stop(gracefully=True)

    play(story)


def test_alerts_and_locks_go_out_with_the_decisions_that_they_explain(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, burst(HERE[0])))
        alert = town.sent("alerts")[-1]
        assert (alert["rule_id"], alert["severity"]) == ("payment_velocity", "CRITICAL")
        lock = town.sent("locks")[-1]
        assert (lock["user_id"], lock["state"], lock["alert_id"]) == (HERE[0], "locked", alert["alert_id"])
        assert town.sent("decisions")[-1]["decision"] == "block"
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 99, "payout", NOON_MS + MINUTE_MS)], first=10))
        assert town.sent("decisions")[-1]["decision"] == "block"
        await work.stop(gracefully=True)

    play(story)


def test_misplaced_events_are_forwarded_untouched_to_their_users_partition(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        values = [event(HERE[0], 0), event(THERE[0], 0), event(THERE[1], 0), event(HERE[0], 1)]
        await work.apply(EVENTS, town.topic(EVENTS, values))
        assert decided(town) == [f"{HERE[0]}-0", f"{HERE[0]}-1"]
        forwarded = [output for output in town.wire if output.topic == EVENTS]
        assert [(output.partition, output.key, output.value) for output in forwarded] == [
            (1, THERE[0].encode(), values[1]),
            (1, THERE[1].encode(), values[2]),
        ]
        assert all(output.headers == ((FORWARDED_HEADER, b"1"),) for output in forwarded)
        assert sum(count for name, count in town.reports["count"] if name == "forwarded") == 2
        assert work.users.load([THERE[0]], {}) == {}
        await work.stop(gracefully=True)

    play(story)


def test_what_cannot_be_read_is_rejected_untouched_and_the_batch_goes_on(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        ahead = event(HERE[0], 9, at_ms=NOON_MS + 6 * MINUTE_MS)
        bad = [b"{", None, b"", b'{"event_id": NaN}', ahead, b'"\xed\xa0\x80"', b"[" * 3_000, b"x" * 65_537]
        values: list[bytes | None] = [event(HERE[0], 0), *bad, event(HERE[0], 1)]
        await work.apply(EVENTS, town.topic(EVENTS, values, first=40))
        assert decided(town) == [f"{HERE[0]}-0", f"{HERE[0]}-1"]
        rejected = [output for output in town.wire if output.topic == "rejected"]
        assert [output.value for output in rejected] == bad
        assert [dict(output.headers)["offset"] for output in rejected] == [b"%d" % offset for offset in range(41, 49)]
        errors = [dict(output.headers)["error"].decode() for output in rejected]
        assert errors == [*["not_json"] * 4, "from_the_future", "not_json", "invalid", "too_large"]
        assert Counter(town.reports["rejected"]) == Counter((EVENTS, error) for error in errors)
        assert work.shard.meta.applied == {EVENTS: 50}
        await work.stop(gracefully=True)

    play(story)


def test_a_step_that_is_too_large_is_taken_in_parts_and_says_the_same(town: Town, tmp_path: Path) -> None:
    async def outcome(town: Town, max_entries: int) -> tuple[Any, ...]:
        work = await town.users(max_entries=max_entries)
        values = mixed_day(HERE)
        for first in range(0, len(values), 500):
            await work.apply(EVENTS, town.topic(EVENTS, values[first : first + 500], first=first))
        states = {user: msgspec.msgpack.encode(state) for user, state in work.users.load(HERE, {}).items()}
        rows = [[0.1] * len(work.scorer.features)]
        facts = (town.sent("decisions"), town.sent("alerts"), town.sent("locks"), states, work.scorer.learned)
        scores = work.scorer.score(rows)
        sequence = work.shard.meta.sequence
        await work.stop(gracefully=True)
        return sequence, (*facts, scores)

    async def story() -> None:
        whole_steps, whole = await outcome(town, 1_000_000)
        part_steps, parts = await outcome(Town(tmp_path / "parts"), 20)
        assert part_steps > 20 * whole_steps
        assert parts == whole

    play(story)


def test_a_single_record_that_fits_no_step_ends_the_process(town: Town) -> None:
    async def story() -> None:
        work = await town.users(max_entries=2)
        with pytest.raises(TooLarge):
            await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 0), event(HERE[1], 0)]))
        await work.stop(gracefully=False)

    play(story)


def test_a_redelivery_is_skipped_whole_or_in_part(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        records = town.topic(EVENTS, [event(HERE[0], number) for number in range(6)])
        await work.apply(EVENTS, records[:4])
        sent, sequence = len(town.wire), work.shard.meta.sequence
        await work.apply(EVENTS, records[:4])
        assert (len(town.wire), work.shard.meta.sequence) == (sent, sequence)
        await work.apply(EVENTS, records[2:])
        assert decided(town) == [f"{HERE[0]}-{number}" for number in range(6)]
        await work.stop(gracefully=True)

    play(story)


def test_a_repeated_event_gets_no_second_decision_even_from_another_process(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], number) for number in range(50)]))
        await work.stop(gracefully=True)
        heir = await town.users(disk="b")
        again = [event(HERE[0], number) for number in (0, 49, 50)]
        await heir.apply(EVENTS, town.topic(EVENTS, again, first=50))
        assert decided(town) == [f"{HERE[0]}-{number}" for number in range(51)]
        assert [count for name, count in town.reports["count"] if name == "duplicates"] == [0, 2]
        await heir.stop(gracefully=True)

    play(story)


def test_offsets_that_delivery_skipped_are_read_before_it_goes_on(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        work = await town.users()
        records = town.topic(EVENTS, [event(HERE[0], number) for number in range(1_300)])
        await work.apply(EVENTS, records[:10])
        await work.apply(EVENTS, records[1_250:])
        assert decided(town) == [f"{HERE[0]}-{number}" for number in range(1_300)]
        assert work.shard.meta.applied == {EVENTS: 1_300}
        await work.stop(gracefully=True)

    play(story)
    assert "delivery skipped from 10 to 1250" in caplog.text


def test_the_first_batch_of_a_topic_may_begin_anywhere(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 0)], first=700))
        assert decided(town) == [f"{HERE[0]}-0"]
        await work.stop(gracefully=True)

    play(story)


def test_the_end_of_a_lock_is_announced_by_the_partitions_event_clock(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, burst(HERE[0])))
        locked = len(town.sent("locks"))
        over_ms = NOON_MS + DAY + 9_000
        town.now_ms = over_ms + MINUTE_MS
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[1], 0, at_ms=over_ms - 1)], first=10))
        assert len(town.sent("locks")) == locked
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[1], 1, at_ms=over_ms)], first=11))
        told = town.sent("locks")[locked:]
        assert [(lock["user_id"], lock["state"], lock["by"]) for lock in told] == [(HERE[0], "unlocked", "expiry")]
        assert told[0]["version"] == town.sent("locks")[locked - 1]["version"] + 1
        assert len(work.timers) == 0
        await work.stop(gracefully=True)

    play(story)


def test_the_end_of_a_lock_is_announced_by_the_tick_of_an_idle_partition_after_a_takeover_too(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, burst(HERE[0])))
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        locked = len(town.sent("locks"))
        await heir.tick()
        for more_ms in (DAY - 1, IDLE_MS + 9_000):
            assert len(town.sent("locks")) == locked
            town.now_ms += more_ms
            town.monotonic.now_s += TICK_S
            await heir.tick()
        assert [lock["state"] for lock in town.sent("locks")[locked:]] == ["unlocked"]
        town.monotonic.now_s += TICK_S
        await heir.tick()
        assert len(town.sent("locks")) == locked + 1
        await heir.stop(gracefully=True)

    play(story)


def test_the_end_of_a_lock_is_counted_once_though_its_step_is_taken_in_halves(town: Town) -> None:
    async def story() -> None:
        work = await town.users(max_entries=12)
        await work.apply(EVENTS, town.topic(EVENTS, burst(HERE[0])))
        sequence = work.shard.meta.sequence
        town.now_ms += 2 * DAY
        later = [event(user, 0, at_ms=town.now_ms) for user in HERE[1:11]]
        await work.apply(EVENTS, town.topic(EVENTS, later, first=10))
        assert work.shard.meta.sequence > sequence + 1
        assert [lock for lock in town.reports["lock"] if lock[1] == "expiry"] == [("unlocked", "expiry", None)]
        await work.stop(gracefully=True)

    play(story)


def test_any_number_of_locks_that_end_at_once_are_announced_in_steps_that_fit(town: Town) -> None:
    users = users_of(0, 200)

    async def story() -> None:
        work = await town.users(max_entries=3 * 64 + 8)
        first = 0
        for user in users:
            await work.apply(EVENTS, town.topic(EVENTS, burst(user), first=first))
            first += 10
        locked = len(town.sent("locks"))
        town.now_ms += 2 * DAY
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 500, at_ms=town.now_ms)], first=first))
        await work.tick()
        over = town.sent("locks")[locked:]
        assert Counter(lock["user_id"] for lock in over) == Counter(users)
        assert {lock["state"] for lock in over} == {"unlocked"}
        await work.stop(gracefully=True)

    play(story)


def test_an_idle_partition_without_a_timer_writes_nothing(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 0)]))
        end = town.logs["users0"].end
        town.now_ms += DAY
        await work.tick()
        assert town.logs["users0"].end == end
        await work.stop(gracefully=True)

    play(story)


def test_ticks_that_signals_want_sooner_do_no_more_than_send_them(tmp_path: Path) -> None:
    town = Town(tmp_path, dormant_ms=10 * DAY, signals_every_s=0.2)

    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 0)]))
        await work.tick()
        town.now_ms += 11 * DAY
        signups = [event(HERE[1], at, "signup", town.now_ms, ip="203.0.113.9") for at in range(2)]
        for at, signup in enumerate(signups):
            await work.apply(EVENTS, town.topic(EVENTS, [signup], first=1 + at))
        town.monotonic.now_s += 0.2
        assert work.due_in_s() == 0.0
        await work.tick()
        assert work.due_in_s() is None
        assert set(work.users.load(HERE[:2], {})) == set(HERE[:2])
        town.monotonic.now_s += 0.8
        await work.tick()
        assert set(work.users.load(HERE[:2], {})) == {HERE[1]}
        await work.stop(gracefully=True)

    play(story)


def test_dormant_users_are_forgotten_in_memory_on_disk_and_in_the_changelog(tmp_path: Path) -> None:
    town = Town(tmp_path, dormant_ms=10 * DAY)

    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], number) for number in range(40)]))
        town.now_ms += 11 * DAY
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[1], 0, at_ms=town.now_ms)], first=40))
        await work.tick()
        assert set(work.users.load(HERE[:2], {})) == {HERE[1]}
        await work.stop(gracefully=True)
        heir = await town.users(disk="b")
        assert set(heir.users.load(HERE[:2], {})) == {HERE[1]}
        await heir.stop(gracefully=True)

    play(story)


def test_models_are_saved_after_so_many_rows_and_at_the_end_and_an_heir_scores_as_they_do(tmp_path: Path) -> None:
    town = Town(tmp_path, snapshot_every=300)

    async def story() -> None:
        work = await town.users()
        for first in range(0, 1_500, 100):
            # A second apart: nobody asks for 30 pages in 20 seconds, which would not be learnt.
            values = [event(HERE[at % 40], at, at_ms=NOON_MS + 1_000 * at) for at in range(first, first + 100)]
            town.now_ms = NOON_MS + 1_000 * (first + 100)
            await work.apply(EVENTS, town.topic(EVENTS, values, first=first))
        saved = town.reports["snapshot"]
        assert len(saved) == work.scorer.learned // 300 >= 4
        assert saved[0][0] == work.partition
        assert saved[0][1] == len(work.shard.store.get(MODELS_KEY) or b"") or saved[0][1] > 1_000
        await work.stop(gracefully=True)
        heir = await town.users(disk="b")
        rows = [[0.2] * len(heir.scorer.features)]
        assert heir.scorer.learned == work.scorer.learned > 1_000
        assert heir.scorer.score(rows) == work.scorer.score(rows)
        await heir.stop(gracefully=True)

    play(story)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: b"garbage", lambda raw: raw[:60] + b"\0" + raw[61:]]
)
def test_models_that_cannot_be_read_start_fresh_and_loudly(
    town: Town, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], number) for number in range(5)]))
        await work.stop(gracefully=True)
        work = await town.users()
        raw = work.shard.store.get(MODELS_KEY)
        assert raw is not None
        work.shard.store.write({MODELS_KEY: damage(raw)}, work.shard.store.next_offset)
        await work.stop(gracefully=False)
        heir = await town.users()
        assert heir.scorer.learned == 0
        await heir.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 5)], first=5))
        assert decided(town)[-1] == f"{HERE[0]}-5"
        await heir.stop(gracefully=True)

    play(story)
    assert "models of partition 0 start fresh" in caplog.text


class Moody(RuleBook):
    """The rule book with one rule that raises for one user."""

    def user_rules(self, type_: str) -> Any:
        return [_Raises(bound) for bound in super().user_rules(type_)]


class _Raises:
    def __init__(self, bound: Any) -> None:
        self.rule, self.t, self.mode = bound.rule, bound.t, bound.mode
        self._check = bound.check

    def check(self, action: Action, *facts: Any) -> Any:
        if action.user_id == HERE[1]:
            raise ZeroDivisionError("moody")
        return self._check(action, *facts)


def test_an_event_that_cannot_be_judged_whole_is_decided_all_the_same_and_sinks_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    town = Town(tmp_path, book=Moody())

    async def story() -> None:
        work = await town.users()
        values = [event(user, 0, "transaction", amount=5.0, currency="USD") for user in HERE[:3]]
        await work.apply(EVENTS, town.topic(EVENTS, values))
        assert decided(town) == [f"{user}-0" for user in HERE[:3]]
        assert work.users.load([HERE[1]], {})[HERE[1]].events == 1
        await work.stop(gracefully=True)

    play(story)
    assert f"event {HERE[1]}-0 of type transaction could not be judged whole" in caplog.text


def test_what_a_dead_process_may_not_have_sent_is_sent_by_its_heir_byte_for_byte(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        records = town.topic(EVENTS, [event(HERE[0], number) for number in range(3)])

        async def dies(point: str) -> None:
            if point == "amid send":
                raise Killed

        work.shard._sender = MemorySender(town.wire, dies)
        with pytest.raises(Killed):
            await work.apply(EVENTS, records)
        before = list(town.wire)
        await work.stop(gracefully=False)
        heir = await town.users(disk="b")
        await heir.apply(EVENTS, records)
        assert sorted(set(decided(town))) == [f"{HERE[0]}-{number}" for number in range(3)]
        assert [output for output in town.wire if output in before][: len(before)] == before
        assert len({output.value for output in town.wire if output.topic == "decisions"}) == 3
        await heir.stop(gracefully=True)

    play(story)


def test_latency_is_measured_from_the_brokers_timestamp(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        town.now_ms = NOON_MS + 250
        records = [
            Record(EVENTS, 0, at, b"k", value, NOON_MS)
            for at, value in enumerate(burst(HERE[0], at_ms=NOON_MS - DAY))
        ]
        await work.apply(EVENTS, records)
        assert {latency_s for _, _, latency_s, _ in town.reports["alert"]} == {0.25}
        assert town.reports["latencies"][-1] == ([250] * 10,)
        (skews_ms,) = town.reports["skews"][-1]
        assert len(skews_ms) == 10
        assert all(86_000_000 < skew_ms <= 86_400_250 for skew_ms in skews_ms)
        await work.stop(gracefully=True)

    play(story)


def test_a_graceful_stop_leaves_nothing_to_send_again(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], 0)]))
        await work.stop(gracefully=True)
        sent = len(town.wire)
        heir = await town.users(disk="b")
        assert len(town.wire) == sent
        await heir.stop(gracefully=True)

    play(story)


def test_the_rules_in_force_are_asked_for_at_each_step(tmp_path: Path) -> None:
    asked: list[int] = []

    def custom() -> Any:
        asked.append(1)
        return NO_CUSTOM_RULES

    town = Town(tmp_path, custom=custom)

    async def story() -> None:
        work: UserWork = await town.users()
        for first in range(3):
            await work.apply(EVENTS, town.topic(EVENTS, [event(HERE[0], first)], first=first))
        await work.stop(gracefully=True)

    play(story)
    assert len(asked) == 3


def test_the_audit_is_told_of_each_snapshot_of_the_models(town: Town) -> None:
    async def story() -> None:
        work = await town.users()
        await work.stop(gracefully=True)

    play(story)
    (told,) = [entry_of(output) for output in town.wire if output.topic == TOPICS.audit_notes]
    assert (told.subject, told.action, told.by) == ("models:0", "model.snapshot", "argus")
    assert told.details["learned"] == 0


def entry_of(output: Output) -> Entry:
    return READERS[NOTES](output.value or b"")
