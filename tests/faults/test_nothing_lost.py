"""Real workers on a real broker are killed, wiped, frozen and joined by others while events pour in. In the end every
event has its decision, every user's count is right and every alert that was due is there."""

import asyncio
import shutil
import signal
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from argus.replay import BLOCK_LINES, Engine
from argus.settings import Settings
from argus.topics import ensure_topics
from core.clock import DAY
from core.events import decode_action, nowhere
from core.policy import Policy
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from simulation.config import Config
from simulation.stream import generate
from tests.faults import outside
from tests.faults.workers import Worker

# What these rules say depends on nothing but the user's own events: a replay and a stream must agree on it.
OWN_RULES = {bound.rule.id for bound in RuleBook().rules if bound.rule.scope == "user" and not bound.rule.inputs}
EVENTS = 100_000
PER_SECOND = 4_000.0
DECIDED_WITHIN_S = 400.0

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(900)]


class Stage:
    """A broker's topics under a prefix of their own, workers on them, and the events that are due."""

    def __init__(self, bootstrap: str, tmp_path: Path, lines: list[tuple[str, bytes]]) -> None:
        self.bootstrap = bootstrap
        self.settings = Settings(broker=bootstrap, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
        self.lines = lines
        self._tmp_path = tmp_path
        self.workers: list[Worker] = []

    def worker(self) -> Worker:
        number = len(self.workers)
        worker = Worker(
            self.bootstrap,
            self.settings.topic_prefix,
            self._tmp_path / f"worker-{number}",
            self._tmp_path / f"worker-{number}.log",
        )
        self.workers.append(worker)
        worker.start()
        return worker

    async def decided(self, count: int) -> None:
        """Wait until there are so many decisions."""

        def enough(records: list[object]) -> bool:
            assert any(worker.alive for worker in self.workers), self.workers[-1].log.read_text()[-2_000:]
            return len(records) >= count

        await self._read("decisions", enough)

    async def play(self, faults: Callable[["Stage"], object]) -> None:
        """Send all events while `faults` happen; return when every event has a decision."""
        await ensure_topics(self.bootstrap, self.settings)
        sending = asyncio.create_task(
            outside.send(self.bootstrap, self.settings.topic("events"), self.lines, PER_SECOND)
        )
        await faults(self)  # type: ignore[misc]
        await sending

    async def _read(self, topic: str, enough: Callable[[list[object]], bool] | None = None) -> list[object]:
        return await outside.read(
            self.bootstrap, self.settings.topic(topic), self.settings.partitions, enough, DECIDED_WITHIN_S
        )

    async def check(self) -> None:
        """Compare the topics with what the events alone say."""
        wanted = {decode_action(line, now_ms=None, locate=nowhere).event_id for _, line in self.lines}
        ids: set[str] = set()
        read = 0

        def all_decided(records: list[object]) -> bool:
            nonlocal read
            ids.update(msgspec.json.decode(record.value)["event_id"] for record in records[read:])  # type: ignore[attr-defined]
            read = len(records)
            return ids >= wanted

        decisions = await self._read("decisions", all_decided)
        assert ids == wanted
        assert not outside.differing_repeats(decisions, lambda decision: decision["event_id"])
        alerts = await self._read("alerts")
        assert not outside.differing_repeats(alerts, lambda alert: (alert["alert_id"], alert["count"]))
        told = [msgspec.json.decode(record.value) for record in alerts]  # type: ignore[attr-defined]
        due = user_alerts(self.lines, self.settings.partitions)
        assert len(due) > 50
        assert {alert["alert_id"] for alert in told if alert["rule_id"] in OWN_RULES} == due
        locks = await self._read("locks")
        assert not outside.differing_repeats(locks, lambda lock: (lock["user_id"], lock["version"]))
        changelog = await self._read("users-changelog")
        counts = event_counts(self.lines)
        for compacted in (False, True):
            states = outside.states(changelog, compacted)
            assert {user: state.events for user, state in states.items()} == counts


def event_counts(lines: list[tuple[str, bytes]]) -> dict[str, int]:
    """Distinct events of each user, but for those that are a day behind the user's newest."""
    counts: dict[str, int] = defaultdict(int)
    newest: dict[str, int] = defaultdict(int)
    seen: set[tuple[str, str]] = set()
    for user, line in lines:
        action = decode_action(line, now_ms=None, locate=nowhere)
        if (user, action.event_id) in seen:
            continue
        seen.add((user, action.event_id))
        if action.time_ms >= newest[user] - DAY:
            counts[user] += 1
            newest[user] = max(newest[user], action.time_ms)
    return dict(counts)


def user_alerts(lines: list[tuple[str, bytes]], partitions: int) -> set[str]:
    """Ids of the alerts that rules about one user, without models or reputation, owe to these events."""
    book = RuleBook()
    engine = Engine(book=book, policy=Policy(), custom=CustomRules(), locate=nowhere, partitions=partitions, seed=0)
    due = set()
    for start in range(0, len(lines), BLOCK_LINES):
        block = engine.block([line for _, line in lines[start : start + BLOCK_LINES]])
        due |= {alert.alert_id for alert in block.alerts if alert.rule_id in OWN_RULES}
    return due


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, bytes]]:
    """User and event, in order of arrival."""
    encode = msgspec.json.Encoder().encode
    return [
        (labelled.event["user_id"], encode(labelled.event))
        for labelled in generate(Config(events=EVENTS, users=2_000, seed=11))
    ]


@pytest.fixture
def stage(bootstrap: str, tmp_path: Path, lines: list[tuple[str, bytes]]) -> Iterator[Stage]:
    stage = Stage(bootstrap, tmp_path, lines)
    yield stage
    for worker in stage.workers:
        worker.end()


def test_kills_a_wiped_disk_and_a_guest_lose_nothing_and_double_nothing(stage: Stage) -> None:
    async def faults(stage: Stage) -> None:
        worker = stage.worker()
        await stage.decided(10_000)
        worker.kill()
        worker.start()
        await stage.decided(25_000)
        guest = stage.worker()
        await stage.decided(45_000)
        worker.kill()
        shutil.rmtree(worker.data_dir)
        worker.start()
        await stage.decided(65_000)
        guest.leave()
        assert guest.statuses == [0]
        await stage.decided(80_000)
        worker.kill()
        worker.start()

    async def story() -> None:
        await stage.play(faults)
        await stage.check()

    asyncio.run(story())


def test_a_worker_that_sleeps_through_its_session_harms_nothing_even_when_all_disks_are_wiped_then(
    stage: Stage,
) -> None:
    async def faults(stage: Stage) -> None:
        sleeper = stage.worker()
        await stage.decided(10_000)
        sleeper.signal(signal.SIGSTOP)
        successor = stage.worker()
        await stage.decided(40_000)
        sleeper.signal(signal.SIGCONT)
        await stage.decided(70_000)
        for worker in (sleeper, successor):
            worker.end()
            shutil.rmtree(worker.data_dir)
        stage.worker()

    async def story() -> None:
        await stage.play(faults)
        await stage.check()

    asyncio.run(story())
