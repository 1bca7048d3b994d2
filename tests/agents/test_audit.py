"""An audit partition at work: records of six topics in, one chain out, whatever happens in between."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.audit import CHECKPOINT_MS, CHECKPOINT_RECORDS, REPEATS_KEPT, Audit, AuditWork
from agents.journal import Append, TooLarge
from agents.shard import OUTBOX_KEY
from core.audit import Verifier, read_record
from core.audited import READERS
from core.records import AuditRecord, Decision, Lock, Outcome, encode
from tests.agents.fakes import Killed, MemoryJournal, MemorySender
from tests.agents.household import NOON_MS, Record, Town

KEY = b"k" * 32
TIME = "2026-03-02T12:00:00.000Z"


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def decisions(count: int, verdict: str = "approve", first: int = 0) -> list[bytes]:
    return [
        encode(
            Decision(
                event_id=f"e{number}",
                user_id="u1",
                time=TIME,
                risk_score=1.0,
                decision=verdict,  # type: ignore[arg-type]
                scores={},
                rules=[],
            )
        )
        for number in range(first, first + count)
    ]


def lock(version: int) -> bytes:
    return encode(
        Lock(
            user_id="u1",
            state="locked",
            scope=["payout"],
            reason="Impossible travel",
            alert_id="a1",
            since=TIME,
            until=None,
            by="rule",
            version=version,
        )
    )


def outcome(number: int) -> bytes:
    return encode(Outcome(command_id=f"c{number}", user_id="u1", status="done", reason="", time=TIME))


class Narrow(MemoryJournal):
    """Takes an outbox of some three records."""

    async def append(self, entries: Mapping[bytes, bytes | None], epoch: int) -> Append:
        if len(entries.get(OUTBOX_KEY) or b"") > 2_400:
            raise TooLarge("the outbox")
        return await super().append(entries, epoch)


class Office:
    """A town whose audit partitions are opened and closed again and again. kept: the checkpoints kept elsewhere."""

    def __init__(self, path: Path) -> None:
        self.town = Town(path)
        self.kept: list[bytes] = []
        self.standing: Mapping[str, str] = {}

    async def work(self, partition: int = 0, *, disk: str = "a") -> Any:
        audit = Audit(
            topic="audit",
            decisions="decisions",
            readers=READERS,
            key=KEY,
            by="uid:7",
            standing=lambda: self.standing,
            keep=self.kept.append,
        )
        shard = self.town.shard("audit", partition, disk, 1_000_000)
        work = AuditWork(self.town.services(), shard, audit, self.town._missed)
        await work.start()
        return work

    def sequences(self, partition: int = 0) -> list[int]:
        """Of the records as the topic has them, repeats and all."""
        return [
            read_record(output.value or b"", KEY).sequence
            for output in self.town.wire
            if output.partition == partition
        ]

    def written(self, partition: int = 0) -> list[AuditRecord]:
        """The chain as the topic has it, which stands as a whole, without repeats."""
        verifier = Verifier(KEY)
        raws = [output.value or b"" for output in self.town.wire if output.partition == partition]
        taken = [verifier.take(raw, partition) for raw in raws]
        assert verifier.records + verifier.repeats == len(taken)
        return list({record.sequence: record for record in taken}.values())

    def actions(self, partition: int = 0) -> list[str]:
        return [record.action for record in self.written(partition)]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def arrived(topic: str, values: Sequence[bytes | None], first: int = 0) -> list[Record]:
    return [Record(topic, 0, first + at, b"u1", value) for at, value in enumerate(values)]


def test_approvals_are_one_record_and_everything_else_is_told_one_by_one(office: Office) -> None:
    async def story() -> None:
        work = await office.work()
        mixed = [*decisions(3), *decisions(2, "block", 3), *decisions(4, "approve", 5), *decisions(1, "challenge", 9)]
        await work.apply("decisions", arrived("decisions", mixed))
        await work.apply("locks", arrived("locks", [lock(1), lock(2)]))
        await work.stop(gracefully=False)

    play(story)
    assert office.actions() == [
        "decision.approve",
        "decision.block",
        "decision.block",
        "decision.challenge",
        "lock.locked",
        "lock.locked",
    ]
    approved = office.written()[0].details
    assert (approved["count"], approved["first_offset"], approved["last_offset"]) == (7, 0, 8)
    assert [output.key for output in office.town.wire][:2] == [b"decisions", b"u1"]
    assert {output.topic for output in office.town.wire} == {"audit"}


def test_a_partitions_chain_goes_to_the_partition_of_its_number(office: Office) -> None:
    async def story() -> None:
        for partition in (0, 1):
            work = await office.work(partition)
            await work.apply("locks", arrived("locks", [lock(1)]))
            await work.stop(gracefully=True)

    play(story)
    assert office.actions(0) == office.actions(1) == ["lock.locked", "checkpoint"]


def test_the_chain_goes_on_where_it_was_on_another_disk_too(office: Office) -> None:
    async def story() -> None:
        for number, disk in enumerate("aabba"):
            work = await office.work(disk=disk)
            await work.apply("outcomes", arrived("outcomes", [outcome(number)], first=number))
            await work.stop(gracefully=number % 2 == 0)

    play(story)
    assert office.actions().count("outcome.done") == 5
    assert office.actions().count("checkpoint") == 3


def test_what_was_decided_and_not_sent_is_sent_by_the_next_owner_byte_for_byte(office: Office) -> None:
    town = office.town

    async def die(point: str) -> None:
        if point == "amid send":
            raise Killed(point)

    async def story() -> None:
        work = await office.work()
        await work.apply("locks", arrived("locks", [lock(1)]))
        work.shard._sender = MemorySender(town.wire, die)
        with pytest.raises(Killed):
            await work.apply("locks", arrived("locks", [lock(2), lock(3), lock(4), lock(5)], first=1))
        work.shard.store.close()
        town.now_ms += 60_000
        work = await office.work()
        await work.apply("locks", arrived("locks", [lock(version) for version in range(1, 7)]))
        await work.stop(gracefully=False)

    play(story)
    assert office.sequences() == [1, 2, 3, 2, 3, 4, 5, 6]
    assert [record.details["version"] for record in office.written()] == [1, 2, 3, 4, 5, 6]


def test_a_record_that_comes_again_at_another_offset_is_told_once(office: Office) -> None:
    async def story() -> None:
        work = await office.work()
        await work.apply("locks", arrived("locks", [lock(1), lock(2), lock(1)]))
        await work.stop(gracefully=False)
        work = await office.work()
        await work.apply("locks", arrived("locks", [lock(2), lock(3)], first=3))
        await work.stop(gracefully=False)

    play(story)
    assert [record.details["version"] for record in office.written()] == [1, 2, 3]


def test_what_is_known_of_repeats_is_bounded(office: Office) -> None:
    async def story() -> None:
        work = await office.work()
        many = [outcome(number) for number in range(REPEATS_KEPT + 1)]
        await work.apply("outcomes", arrived("outcomes", [*many, many[0]]))
        assert len(work._repeats) == REPEATS_KEPT
        await work.stop(gracefully=False)

    play(story)
    assert office.actions().count("outcome.done") == REPEATS_KEPT + 2


def test_checkpoints_come_by_number_by_time_and_at_the_end(office: Office) -> None:
    town = office.town

    async def story() -> None:
        work = await office.work()
        values = [outcome(number) for number in range(CHECKPOINT_RECORDS)]
        await work.apply("outcomes", arrived("outcomes", values))
        assert office.actions()[-2:] == ["outcome.done", "checkpoint"]
        await work.apply("locks", arrived("locks", [lock(1)]))
        await work.tick()
        assert office.actions()[-1] == "lock.locked"
        town.now_ms += CHECKPOINT_MS
        await work.tick()
        await work.tick()
        assert office.actions()[-2:] == ["lock.locked", "checkpoint"]
        await work.apply("locks", arrived("locks", [lock(2)], first=1))
        await work.stop(gracefully=True)

    play(story)
    assert office.actions()[-2:] == ["lock.locked", "checkpoint"]
    checkpoints = [record for record in office.written() if record.action == "checkpoint"]
    assert [read_record(raw, KEY) for raw in office.kept] == checkpoints
    assert [checkpoint.details["records"] for checkpoint in checkpoints] == [CHECKPOINT_RECORDS, 1, 1]
    assert town.reports["count"].count(("audit_checkpoints", 1)) == 3


def test_a_step_too_large_for_the_changelog_is_taken_as_two(office: Office) -> None:
    async def story() -> None:
        work = await office.work()
        work.shard._journal = Narrow(work.shard._journal.log)
        await work.apply("decisions", arrived("decisions", [*decisions(6), *decisions(6, "block", 6)]))
        await work.stop(gracefully=False)

    play(story)
    assert office.actions() == ["decision.approve", *["decision.block"] * 6]
    assert office.town.wire[-1].value is not None


def test_records_that_delivery_skipped_are_read(office: Office) -> None:
    town = office.town

    async def story() -> None:
        work = await office.work()
        values = [lock(version) for version in range(1, 7)]
        come = town.topic("locks", values)
        await work.apply("locks", come[:2])
        await work.apply("locks", come[4:])
        await work.stop(gracefully=False)

    play(story)
    assert [record.details["version"] for record in office.written()] == [1, 2, 3, 4, 5, 6]


def test_what_can_not_be_read_does_not_stop_the_chain(office: Office) -> None:
    async def story() -> None:
        work = await office.work()
        await work.apply("commands", arrived("commands", [b"no JSON", None, b'"decision":"approve"']))
        await work.apply("decisions", arrived("decisions", [None, b"no JSON"]))
        await work.stop(gracefully=False)

    play(story)
    assert office.actions() == ["record.unreadable"] * 3


def test_what_is_in_force_is_told_once_and_again_when_it_changes(office: Office) -> None:
    async def story() -> None:
        office.standing = {"ARGUS_BLOCK_SCORE_THRESHOLD": "90.0", "rule:r1": "11"}
        for _ in range(2):
            for partition in (0, 1):
                work = await office.work(partition)
                await work.stop(gracefully=False)
        work = await office.work()
        office.standing = {"ARGUS_BLOCK_SCORE_THRESHOLD": "95.0"}
        await work.tick()
        await work.tick()
        await work.stop(gracefully=False)

    play(story)
    changes = [record for record in office.written() if record.action == "configuration.change"]
    told = [(change.subject, change.by, change.details) for change in changes]
    assert told == [
        ("ARGUS_BLOCK_SCORE_THRESHOLD", "uid:7", {"before": None, "after": "90.0"}),
        ("rule:r1", "uid:7", {"before": None, "after": "11"}),
        ("ARGUS_BLOCK_SCORE_THRESHOLD", "uid:7", {"before": "90.0", "after": "95.0"}),
        ("rule:r1", "uid:7", {"before": "11", "after": None}),
    ]
    assert office.written(1) == []


def test_the_time_of_a_record_is_its_own_and_when_it_was_recorded_stands_beside(office: Office) -> None:
    async def story() -> None:
        office.town.now_ms = NOON_MS + 5_000
        work = await office.work()
        await work.apply("locks", arrived("locks", [lock(1)]))
        await work.stop(gracefully=False)

    play(story)
    (record,) = office.written()
    assert (record.time, record.recorded) == (TIME, "2026-03-02T12:00:05.000Z")
    assert msgspec.json.decode(office.town.wire[0].value or b"")["hash"] == record.hash
