"""A stage for faults: topics of its own on a broker, workers that can be broken, and events whose due is known."""

import asyncio
import contextlib
import math
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

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
DECIDED_WITHIN_S = 400.0
RESTART_S = 0.25
# Events that are still to come when a fault sets in.
AHEAD = 500

Lines = Sequence[tuple[str, bytes]]


class Stage:
    """A broker's topics under a prefix of their own, workers on them, and the events that are due.

    `bootstrap` is what the checker uses; `workers_see` what workers are told, a proxy for example."""

    def __init__(
        self, bootstrap: str, tmp_path: Path, lines: Lines, workers_see: str | None = None, replication: int = 1
    ) -> None:
        self.bootstrap = bootstrap
        self.settings = Settings(broker=bootstrap, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", replication=replication)
        self.lines = lines
        self.workers: list[Worker] = []
        self._workers_see = workers_see or bootstrap
        self._tmp_path = tmp_path
        self._kept = False
        self._let: float = math.inf

    def worker(self, data_dir: Path | None = None, **settings: str) -> Worker:
        """Another worker, started. data_dir: None for one of its own; settings: by their environment variables."""
        number = len(self.workers)
        worker = Worker(
            self._workers_see,
            self.settings.topic_prefix,
            data_dir or self._tmp_path / f"worker-{number}",
            self._tmp_path / f"worker-{number}.log",
            settings=settings,
        )
        self.workers.append(worker)
        worker.start()
        return worker

    def end(self) -> None:
        for worker in self.workers:
            worker.end()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Meanwhile a worker that ends is started again, as whatever supervises workers would."""

        async def keep() -> None:
            while True:
                for worker in self.workers:
                    if not worker.alive:
                        worker.wait()
                        worker.start()
                await asyncio.sleep(RESTART_S)

        self._kept, keeping = True, asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            self._kept = False

    async def decided(self, count: int, ahead: int = AHEAD) -> None:
        """Wait until there are so many decisions. Later events are held back for what happens then, but for `ahead`
        now and as many afterwards."""
        self._let = count + ahead

        def enough(records: list[Any]) -> bool:
            alive = self._kept or any(worker.alive for worker in self.workers)
            assert alive, self.workers[-1].log.read_text()[-2_000:]
            return len(records) >= count

        await self._read("decisions", enough)
        self._let += ahead

    async def play(self, faults: Callable[["Stage"], Any], per_second: float) -> None:
        """Send all events while `faults` happen."""
        await ensure_topics(self.bootstrap, self.settings)
        topic = self.settings.topic("events")
        sending = asyncio.create_task(
            outside.send(self.bootstrap, topic, self.lines, per_second, lambda sent: sent < self._let)
        )
        try:
            await faults(self)
            self._let = math.inf
            await sending
        finally:
            sending.cancel()

    async def _read(self, topic: str, enough: Callable[[list[Any]], bool] | None = None) -> list[Any]:
        return await outside.read(
            self.bootstrap, self.settings.topic(topic), self.settings.partitions, enough, DECIDED_WITHIN_S
        )

    async def check(self) -> None:
        """Compare the topics with what the events alone say, once every event has a decision."""
        wanted = {decode_action(line, now_ms=None, locate=nowhere).event_id for _, line in self.lines}
        ids: set[str] = set()
        read = 0

        def all_decided(records: list[Any]) -> bool:
            nonlocal read
            ids.update(msgspec.json.decode(record.value)["event_id"] for record in records[read:])
            read = len(records)
            return ids >= wanted

        decisions = await self._read("decisions", all_decided)
        assert ids == wanted
        assert not outside.differing_repeats(decisions, lambda decision: decision["event_id"])
        due = user_alerts(self.lines, self.settings.partitions)
        assert due
        # Decisions may be out while the alerts of the same step wait for a worker to come back.
        await self._read("alerts", lambda alerts: own_alerts(alerts) >= due)
        alerts = await self._read("alerts")
        assert not outside.differing_repeats(alerts, lambda alert: (alert["alert_id"], alert["count"]))
        assert own_alerts(alerts) == due
        locks = await self._read("locks")
        assert not outside.differing_repeats(locks, lambda lock: (lock["user_id"], lock["version"]))
        changelog = await self._read("users-changelog")
        counts = event_counts(self.lines)
        for compacted in (False, True):
            states = outside.states(changelog, compacted)
            assert {user: state.events for user, state in states.items()} == counts


def own_alerts(records: Sequence[Any]) -> set[str]:
    """Ids of the alerts that `OWN_RULES` told."""
    alerts = [msgspec.json.decode(record.value) for record in records]
    return {alert["alert_id"] for alert in alerts if alert["rule_id"] in OWN_RULES}


def simulated(events: int, users: int, seed: int) -> Lines:
    """User and event, in order of arrival; the same for the same seed."""
    encode = msgspec.json.Encoder().encode
    return [
        (labelled.event["user_id"], encode(labelled.event))
        for labelled in generate(Config(events=events, users=users, seed=seed))
    ]


def event_counts(lines: Lines) -> dict[str, int]:
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


def user_alerts(lines: Lines, partitions: int) -> set[str]:
    """Ids of the alerts that rules about one user, without models or reputation, owe to these events."""
    book = RuleBook()
    engine = Engine(book=book, policy=Policy(), custom=CustomRules(), locate=nowhere, partitions=partitions, seed=0)
    due = set()
    for start in range(0, len(lines), BLOCK_LINES):
        block = engine.block([line for _, line in lines[start : start + BLOCK_LINES]])
        due |= {alert.alert_id for alert in block.alerts if alert.rule_id in OWN_RULES}
    return due
