"""A worker of an earlier version and one of this run in one group while the partitions move to and fro, then all are
new: as an operator upgrades, but with everything that may happen meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from argus.topics import ensure_topics
from tests.faults import outside
from tests.faults.stage import Stage, event_counts, simulated
from tests.faults.workers import Worker
from tests.kafka.until import until_async
from tests.upgrade.old import VERSIONS, unpacked

PARTS = 6
PER_SECOND = 4_000.0
# What an old worker ends with where it meets a state that a newer one has written.
MET_NEWER = "the process stops: NewerVersion: .* has version [0-9]+, this Argus reads up to [0-9]+"

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def stage(tansu: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tansu, tmp_path, simulated(events=6_000, users=300, seed=71))
    yield stage
    stage.end()


def older(stage: Stage, code: Path, tmp_path: Path) -> Worker:
    """A worker of an earlier version, started."""
    data_dir, log = tmp_path / "older", tmp_path / "older.log"
    worker = Worker(stage.bootstrap, stage.settings.topic_prefix, data_dir, log, code=code)
    stage.workers.append(worker)
    worker.start()
    return worker


@pytest.mark.parametrize("version", VERSIONS)
def test_every_event_is_decided_once_while_old_and_new_share_the_partitions(
    stage: Stage, tmp_path: Path, version: str
) -> None:
    async def story() -> None:
        await ensure_topics(stage.bootstrap, stage.settings)
        parts = iter(parts_of(stage))
        old = older(stage, unpacked(version, tmp_path), tmp_path)
        await next(parts)()
        new = stage.worker()
        await shared(stage, old, new)
        await next(parts)()
        async with stage.kept():
            # From old to new, and back as it comes again.
            old.kill()
            await next(parts)()
            await shared(stage, old, new)
            # From new to old, which cannot go on with what is newer.
            new.kill()
            await next(parts)()
        old.kill()
        assert_ended_well(old)
        other = stage.worker()
        await shared(stage, other, new)
        await next(parts)()
        new.leave()
        await next(parts)()
        assert new.statuses[-1] == 0
        assert not new.said("the process stops") + other.said("the process stops")
        await check(stage)

    asyncio.run(story())


def parts_of(stage: Stage) -> list[Callable[[], Awaitable[None]]]:
    """Each sends a part of the events, and waits until all that were sent are decided."""
    ends = [len(stage.lines) * part // PARTS for part in range(PARTS + 1)]
    sent: set[str] = set()

    async def play(start: int, end: int) -> None:
        lines = stage.lines[start:end]
        await outside.send(stage.bootstrap, stage.settings.topic("events"), lines, PER_SECOND)
        sent.update(msgspec.json.decode(line)["event_id"] for _, line in lines)
        await stage.decided(len(sent))

    return [partial(play, *bounds) for bounds in pairwise(ends)]


async def shared(stage: Stage, one: Worker, other: Worker) -> None:
    """Wait until both have partitions, or one has met what it cannot read."""

    def has(worker: Worker) -> float:
        return worker.value("argus_assigned_partitions") or 0.0

    def both() -> bool:
        all_of_them = stage.settings.partitions
        return bool(one.said(MET_NEWER)) or (0 < has(one) < all_of_them and has(one) + has(other) == all_of_them)

    await until_async(both)


def assert_ended_well(old: Worker) -> None:
    """Killed, or ended of itself with the one reason that there is to."""
    of_itself = Counter(old.statuses)[70]
    assert set(old.statuses) <= {-9, 70}, old.log.read_text()[-2_000:]
    assert len(old.said("the process stops")) == len(old.said(MET_NEWER)) == of_itself


async def check(stage: Stage) -> None:
    """Every event has one decision, and every user's state counts every event once; what came again is the same."""
    counts = event_counts(stage.lines)
    wanted = {msgspec.json.decode(line)["event_id"] for _, line in stage.lines}
    await stage.decided(len(wanted))
    decisions = await stage._read("decisions")
    assert {msgspec.json.decode(record.value)["event_id"] for record in decisions} == wanted
    assert not outside.differing_repeats(decisions, lambda decision: decision["event_id"])
    for topic, identity in (("alerts", ("alert_id", "count")), ("locks", ("user_id", "version"))):
        records = await stage._read(topic)
        assert records
        assert not outside.differing_repeats(records, lambda record, names=identity: tuple(map(record.get, names)))
    changelog = await stage._read("users-changelog")
    for compacted in (False, True):
        states = outside.states(changelog, compacted)
        assert {user: state.events for user, state in states.items()} == counts
