"""One promise of the state protocol a test; `test_crashes` looks for what nobody thought of."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from rocksdict import Cache

from agents.journal import OWNER_KEY, TooLarge
from agents.shard import META_KEY, OUTBOX_KEY, Fenced, Meta, Output, Shard
from tables.store import Store, discard
from tests.agents.fakes import (
    Killed,
    Log,
    Lost,
    ManualClock,
    MemoryJournal,
    MemorySender,
    Reach,
    state_of,
    undisturbed,
)

RECHECK_S = 5.0
CACHE = Cache(1024 * 1024)


class Partition:
    """A partition's log and wire, and the processes that come and go."""

    def __init__(self, path: Path) -> None:
        self.log = Log()
        self.wire: list[Output] = []
        self.clock = ManualClock()
        self._path = path

    def process(
        self,
        name: str = "worker",
        reach: Reach = undisturbed,
        *,
        dies_at: str = "",
        max_entries: int = 1_000,
        doubles: Callable[[int], str | None] = lambda number: None,
    ) -> Shard:
        """A process with a local state of its own (by name)."""

        def crash_point(point: str) -> None:
            if point == dies_at:
                raise Killed(point)

        return Shard(
            partition=0,
            owner=name,
            store=Store(self._path / name, CACHE, 1),
            journal=MemoryJournal(self.log, reach, max_entries=max_entries, doubles=doubles),
            sender=MemorySender(self.wire, reach),
            monotonic=self.clock,
            recheck_s=RECHECK_S,
            crash_point=crash_point,
        )

    def wipe(self, name: str) -> None:
        discard(self._path / name)

    @property
    def sent(self) -> list[bytes]:
        return [output.value or b"" for output in self.wire]


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return Partition(tmp_path)


class Gate:
    """Holds a process up at a point, once."""

    def __init__(self, point: str) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._point = point

    async def __call__(self, point: str) -> None:
        if point == self._point and not self.reached.is_set():
            self.reached.set()
            await self.opened.wait()


def losing(point: str) -> Reach:
    async def reach(now: str) -> None:
        if now == point:
            raise Lost(point)

    return reach


async def put(shard: Shard, key: str, value: str, *outputs: str) -> None:
    sent = [Output("out", 0, key.encode(), text.encode()) for text in outputs]
    await shard.commit(
        {key.encode(): value.encode()}, sent, Meta(applied={"in": shard.meta.applied.get("in", 0) + 1})
    )


async def dead(step: Awaitable[object], shard: Shard) -> None:
    with pytest.raises((Killed, Lost)):
        await step
    shard.store.close()


async def worked(shard: Shard, *steps: tuple[str, ...]) -> Shard:
    await shard.take_over()
    for step in steps:
        await put(shard, *step)
    return shard


def test_a_takeover_recovers_state_and_progress_from_the_changelog_alone(partition: Partition) -> None:
    async def story() -> None:
        first = await worked(partition.process(), ("a", "1"), ("b", "2"), ("a", "3"))
        first.store.close()
        partition.wipe("worker")
        second = partition.process()
        assert await second.take_over() == 1 + 3 * 3 + 1, (
            "the first owner's marker and steps, and the own first claim"
        )
        assert (second.store.get(b"a"), second.store.get(b"b")) == (b"3", b"2")
        assert (second.meta.applied, second.meta.sequence, second.epoch) == ({"in": 3}, 3, 2)

    asyncio.run(story())


def test_a_kept_local_state_reads_only_what_is_new(partition: Partition) -> None:
    async def story() -> None:
        first = await worked(partition.process(), ("a", "1"), ("b", "2"))
        first.store.close()
        assert await partition.process().take_over() == 0

    asyncio.run(story())


@pytest.mark.parametrize("point", ["appended", "stored", "sent"])
def test_the_outbox_of_an_owner_that_died_is_sent_again_once(partition: Partition, point: str) -> None:
    async def story() -> None:
        first = partition.process(dies_at=point)
        await first.take_over()
        await dead(put(first, "a", "1", "locked", "alerted"), first)
        before = len(partition.sent)
        await partition.process("other").take_over()
        assert partition.sent[before:] == [b"locked", b"alerted"]

    asyncio.run(story())


def test_a_step_that_died_before_its_append_never_happened(partition: Partition) -> None:
    async def story() -> None:
        first = partition.process(dies_at="decided")
        await first.take_over()
        await dead(put(first, "a", "1", "locked"), first)
        second = await worked(partition.process())
        assert (second.store.get(b"a"), second.meta.applied, partition.sent) == (None, {}, [])

    asyncio.run(story())


def test_a_step_whose_acknowledgement_was_lost_did_happen(partition: Partition) -> None:
    async def story() -> None:
        first = partition.process()
        await first.take_over()
        first.store.close()
        first = partition.process(reach=losing("after append"))
        await dead(first.take_over(), first)
        second = await worked(partition.process(), ("a", "1", "sent"))
        second.store.close()
        assert partition.sent == [b"sent"]
        third = await worked(partition.process())
        assert (third.store.get(b"a"), partition.sent) == (b"1", [b"sent", b"sent"])

    asyncio.run(story())


def test_after_a_graceful_release_nothing_is_sent_again(partition: Partition) -> None:
    async def story() -> None:
        first = await worked(partition.process(), ("a", "1", "sent"))
        await first.release()
        first.store.close()
        await partition.process("other").take_over()
        await partition.process().take_over()
        assert partition.sent == [b"sent"]

    asyncio.run(story())


def test_an_old_local_state_sends_nothing_again_when_others_have_released_since(partition: Partition) -> None:
    async def story() -> None:
        first = await worked(partition.process("old"), ("a", "1", "sent"))
        first.store.close()
        second = await worked(partition.process("new"), ("a", "2", "sent later"))
        await second.release()
        partition.log.compact(partition.log.end, partition.log.end)
        before = len(partition.sent)
        await partition.process("old").take_over()
        assert partition.sent[before:] == []

    asyncio.run(story())


@pytest.mark.parametrize("point", ["before append", "after append", "before send"])
def test_a_zombie_sends_and_stores_nothing_of_its_own(partition: Partition, point: str) -> None:
    async def story() -> None:
        gate = Gate("never")
        zombie = await worked(partition.process("zombie", lambda now: gate(now)), ("a", "1", "one"))
        gate = Gate(point)
        step = asyncio.create_task(put(zombie, "a", "2", "two"))
        await gate.reached.wait()
        partition.clock.now_s += RECHECK_S + 1
        owner = await worked(partition.process("owner"), ("a", "3", "three"))
        before, stored = len(partition.sent), zombie.store.get(b"a")
        gate.opened.set()
        if point == "before send":
            await step
            assert partition.sent[before:] == [b"two"], "the exact bytes that its successor has sent for it"
            with pytest.raises(Fenced):
                await put(zombie, "a", "4", "four")
        else:
            with pytest.raises(Fenced):
                await step
            assert partition.sent[before:] == []
            assert partition.sent.count(b"two") == int(point == "after append"), (
                "by its successor, if it was appended"
            )
        await put(owner, "b", "5")
        values, void = state_of(partition.log.history)
        assert (values[b"a"], void) == (b"3", [])
        if point == "before append":
            assert zombie.store.get(b"a") == stored == b"1"

    asyncio.run(story())


def test_void_records_are_ignored_and_their_keys_written_again_before_compaction_keeps_them(
    partition: Partition,
) -> None:
    async def story() -> None:
        zombie = await worked(partition.process("zombie"), ("a", "1"), ("b", "1"))
        owner = await worked(partition.process("owner"))
        with pytest.raises(Fenced):
            await put(zombie, "a", "void")
        await put(owner, "b", "2")
        partition.log.compact(partition.log.end, partition.log.end)
        values, _ = state_of(partition.log.entries)
        assert (values[b"a"], values[b"b"]) == (b"1", b"2")
        reader = await worked(partition.process("reader"))
        assert (reader.store.get(b"a"), reader.store.get(b"b")) == (b"1", b"2")
        assert reader.meta.applied == owner.meta.applied

    asyncio.run(story())


def test_a_second_zombie_amid_the_rewriting_does_not_bring_the_old_state_back(partition: Partition) -> None:
    async def story() -> None:
        first = await worked(partition.process("first"), ("a", "1"), ("b", "1"))
        second = await worked(partition.process("second"))
        appends = 0

        async def reach(point: str) -> None:
            nonlocal appends
            appends += point == "before append"
            if point == "before append" and appends == 4:
                with pytest.raises(Fenced):
                    await put(second, "a", "void")

        owner = await worked(partition.process("owner", reach))
        with pytest.raises(Fenced):
            await put(first, "b", "void")
        await put(owner, "a", "new")
        assert appends > 4
        values, void = state_of(partition.log.history)
        assert (values[b"a"], values[b"b"], void) == (b"new", b"1", [])
        assert msgspec.msgpack.decode(values[META_KEY], type=Meta) == owner.meta

    asyncio.run(story())


def test_a_restart_between_reading_void_records_and_rewriting_them_reads_them_again(partition: Partition) -> None:
    async def story() -> None:
        zombie = await worked(partition.process("zombie"), ("a", "1"))
        owner = await worked(partition.process("owner"))
        with pytest.raises(Fenced):
            await put(zombie, "a", "void")
        owner.store.close()
        appends = 0

        async def dies_rewriting(point: str) -> None:
            nonlocal appends
            appends += point == "before append"
            if appends == 2:
                raise Killed(point)

        next_owner = partition.process("owner", dies_rewriting)
        await dead(next_owner.take_over(), next_owner)
        assert state_of(partition.log.history)[1] != []
        last = await worked(partition.process("owner"))
        values, void = state_of(partition.log.history)
        assert (values[b"a"], last.store.get(b"a"), void) == (b"1", b"1", [])

    asyncio.run(story())


def test_rewriting_more_than_fits_into_one_batch_takes_several(partition: Partition) -> None:
    async def story() -> None:
        zombie = partition.process("zombie")
        await zombie.take_over()
        keys = [b"k%d" % number for number in range(20)]
        await zombie.commit(dict.fromkeys(keys, b"good"), [], Meta())
        owner = await worked(partition.process("owner", max_entries=5))
        with pytest.raises(Fenced):
            await zombie.commit(dict.fromkeys(keys, b"void"), [], Meta())
        await put(owner, "a", "1")
        values, void = state_of(partition.log.history)
        assert ({values[key] for key in keys}, void) == ({b"good"}, [])

    asyncio.run(story())


def test_of_two_claims_of_the_same_epoch_one_wins_and_the_other_claims_again(partition: Partition) -> None:
    async def story() -> None:
        gate = Gate("after append")
        late = partition.process("late", gate)
        claim = asyncio.create_task(late.take_over())
        await gate.reached.wait()
        early = partition.process("early")
        await early.take_over()
        gate.opened.set()
        await claim
        assert late.epoch != early.epoch
        loser, winner = sorted((late, early), key=lambda shard: shard.epoch)
        with pytest.raises(Fenced):
            await put(loser, "a", "loser", "loser")
        await put(winner, "a", "winner", "winner")
        assert partition.sent == [b"winner"]
        assert state_of(partition.log.history)[0][b"a"] == b"winner"

    asyncio.run(story())


@pytest.mark.parametrize("acknowledged", ["first", "second"])
def test_a_batch_that_a_retry_appended_twice_does_no_harm(partition: Partition, acknowledged: str) -> None:
    async def story() -> None:
        owner = partition.process(doubles=lambda number: acknowledged if number > 1 else None)
        await worked(owner, ("a", "1", "one"), ("b", "1"), ("a", "2", "two"))
        owner.store.close()
        partition.wipe("worker")
        reader = await worked(partition.process())
        assert (reader.store.get(b"a"), reader.store.get(b"b"), reader.meta.sequence) == (b"2", b"1", 3)
        assert partition.sent == [b"one", b"two", b"two"]

    asyncio.run(story())


def test_a_retried_batch_that_lands_after_a_newer_one_is_undone(partition: Partition) -> None:
    async def story() -> None:
        owner = await worked(partition.process(), ("a", "1"))
        late = [entry for entry in partition.log.history if entry.key in (b"a", META_KEY, OUTBOX_KEY)]
        await put(owner, "a", "2")
        partition.log.append({entry.key: entry.value for entry in late}, owner.epoch)
        await put(owner, "b", "1")
        values, _ = state_of(partition.log.history)
        assert values[b"a"] == b"2"
        assert msgspec.msgpack.decode(values[META_KEY], type=Meta) == owner.meta

    asyncio.run(story())


def test_a_step_that_was_held_up_asks_first_whether_it_is_still_the_owner(partition: Partition) -> None:
    async def story() -> None:
        async def reach(point: str) -> None:
            if point == "after append" and held_up:
                partition.clock.now_s += RECHECK_S + 1

        held_up = False
        owner = await worked(partition.process(reach=reach), ("a", "1", "one"))
        markers = [entry for entry in partition.log.history if entry.key == OWNER_KEY]
        held_up = True
        await put(owner, "a", "2", "two")
        assert len([entry for entry in partition.log.history if entry.key == OWNER_KEY]) == len(markers) + 1
        assert partition.sent == [b"one", b"two"]

    asyncio.run(story())


def test_an_idle_owner_that_confirms_learns_that_it_is_not_the_owner(partition: Partition) -> None:
    async def story() -> None:
        idle = await worked(partition.process("idle"))
        await idle.confirm()
        await worked(partition.process("owner"))
        with pytest.raises(Fenced):
            await idle.confirm()

    asyncio.run(story())


def test_a_process_away_for_so_long_that_compaction_has_been_there_stops(partition: Partition) -> None:
    async def story() -> None:
        zombie = await worked(partition.process("zombie"), ("a", "1"))
        partition.log.append({b"a": b"void"}, 0)
        partition.log.append({b"a": b"void"}, 0)
        partition.log.compact(partition.log.end, 0)
        with pytest.raises(Fenced, match="has lost entries"):
            await put(zombie, "a", "2", "two")
        assert partition.sent == []

    asyncio.run(story())


def test_a_restart_remembers_an_epoch_whose_marker_compaction_has_taken(partition: Partition) -> None:
    async def story() -> None:
        partition.log.append({b"a": b"valid"}, 5)
        appends = 0

        async def dies_claiming_again(point: str) -> None:
            nonlocal appends
            appends += point == "before append"
            if appends == 2:
                raise Killed(point)

        first = partition.process(reach=dies_claiming_again)
        await dead(first.take_over(), first)
        partition.log.append({b"a": b"void"}, 4)
        again = await worked(partition.process())
        assert (again.epoch, again.store.get(b"a")) == (6, b"valid")

    asyncio.run(story())


def test_a_batch_that_is_too_large_leaves_no_trace(partition: Partition) -> None:
    async def story() -> None:
        owner = await worked(partition.process(max_entries=4), ("a", "1", "one"))
        before, end = msgspec.structs.replace(owner.meta), partition.log.end
        with pytest.raises(TooLarge):
            await owner.commit({b"%d" % number: b"x" for number in range(9)}, [], Meta(applied={"in": 2}))
        assert (partition.log.end, owner.meta, owner.store.get(b"1")) == (end, before, None)
        await put(owner, "a", "2", "two")
        assert (owner.meta.sequence, partition.sent) == (2, [b"one", b"two"])

    asyncio.run(story())


def test_a_local_state_ahead_of_the_changelog_is_an_error_that_says_what_to_do(partition: Partition) -> None:
    async def story() -> None:
        owner = await worked(partition.process(), ("a", "1"))
        owner.store.close()
        partition.log = Log()
        with pytest.raises(Fenced, match="delete the data directory"):
            await partition.process().take_over()

    asyncio.run(story())


def test_deletes_stay_deleted(partition: Partition) -> None:
    async def story() -> None:
        owner = await worked(partition.process(), ("a", "1"))
        await owner.commit({b"a": None}, [], Meta())
        owner.store.close()
        partition.wipe("worker")
        assert (await worked(partition.process())).store.get(b"a") is None

    asyncio.run(story())
