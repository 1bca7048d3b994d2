"""The cases table's partition at work: alerts and commands in; cases, outcomes and labels out.

Deadlines go by the wall clock of the worker that has the partition, and by nothing else: a quiet stream must not make
an analyst late. What is due when is part of the state.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from agents.journal import TooLarge
from agents.keyed import KeyedWork, Kind, Step
from agents.placing import Placing, partition_of
from agents.services import Services
from agents.shard import Output, Shard
from agents.steps import Missed
from agents.timers import TAKEN_MOST, Timers
from core.case_commands import concerns_cases, take_command
from core.case_state import COMPLIANCE, CaseState
from core.cases import Worked, due_ms, is_over, subject_of, take_alert, take_time
from core.clock import SECOND
from core.events import Rejected, read_command
from core.records import SEVERITIES, Alert, Command, encode
from tables.cases import CASES

logger = logging.getLogger(__name__)

KIND: Final = Kind("cases", b"c", CASES)

_decode_alert = msgspec.json.Decoder(Alert).decode


class Topics(Struct, frozen=True):
    """Full names of the topics that cases are made from and told on."""

    alerts: str
    commands: str
    cases: str
    outcomes: str
    feedback: str


class OpenCase(Struct, gc=False):
    """What the figures about open cases need of one. waits: for somebody to acknowledge it, paged if need be."""

    severity: str
    opened_ms: int
    waits: bool


class CaseWork(KeyedWork[CaseState]):
    """One partition of the cases table while this worker owns it (see `agents.lanes.Work`)."""

    def __init__(
        self,
        services: Services,
        shard: Shard,
        topics: Topics,
        place: Placing,
        cached: int,
        missed: Missed,
    ) -> None:
        super().__init__(services, shard, KIND, cached, missed)
        self.timers = Timers(shard.store)
        self._topics = topics
        self._place = place
        self._open: dict[str, OpenCase] = {}

    async def start(self) -> None:
        await super().start()
        self.timers = Timers(self.shard.store)
        for state in self.stored():
            self._note(state)
        self._report()

    async def tick(self) -> None:
        """Tell which deadlines are near or missed, and forget subjects that have long been quiet."""
        async with self.shard.lock:
            now_ms, most = self.services.now_ms(), TAKEN_MOST
            quiet = not self.timers.due(now_ms)
            while self.timers.due(now_ms):
                try:
                    await self.commit(self._look(now_ms, most), self.shard.meta.applied)
                except TooLarge:
                    if most == 1:
                        raise
                    most //= 2
            if quiet:
                await self.shard.confirm_if_quiet()
            self._report()

    async def stop(self, *, gracefully: bool) -> None:
        self.services.meter.cases(self.shard.partition, {}, {})
        await super().stop(gracefully=gracefully)

    def undone(self) -> None:
        self.timers = Timers(self.shard.store)

    def decide(self, topic: str, records: Sequence[Any]) -> Step[CaseState]:
        now_ms, policy = self.services.now_ms(), self.services.policy
        worked = Worked()
        if topic == self._topics.alerts:
            alerts = self._alerts(records)
            states = self._states(map(subject_of, alerts))
            for alert in alerts:
                take_alert(states[subject_of(alert)], alert, policy, worked)
        else:
            commands = self._commands(records, now_ms)
            states = self._states(command.user_id for command in commands)
            for command in commands:
                take_command(states[command.user_id], command, policy, now_ms, worked)
        return self._step_of(states, {}, worked, now_ms)

    def _look(self, now_ms: int, most: int) -> Step[CaseState]:
        """What the clock alone leads to."""
        writes: dict[bytes, bytes | None] = {}
        worked = Worked()
        states = self.load(self.timers.take(now_ms, writes, most))
        for state in states.values():
            take_time(state, now_ms, worked)
            if state.timer_ms <= now_ms:
                state.timer_ms = 0
        return self._step_of(states, writes, worked, now_ms)

    def _step_of(
        self, states: dict[str, CaseState], writes: dict[bytes, bytes | None], worked: Worked, now_ms: int
    ) -> Step[CaseState]:
        policy = self.services.policy
        kept: dict[str, CaseState | None] = {}
        for subject, state in states.items():
            if is_over(state, policy, now_ms):
                kept[subject] = None
                continue
            kept[subject] = state
            due = due_ms(state, policy)
            # A timer that comes too early does no harm; one is enough.
            if due is not None and (not state.timer_ms or due < state.timer_ms):
                self.timers.add(due, subject, writes, instead_of_ms=state.timer_ms)
                state.timer_ms = due

        def after() -> None:
            for case in worked.cases:
                if case.status == "resolved":
                    self._open.pop(case.case_id, None)
            for state in states.values():
                self._note(state)
            self._count(worked)

        return Step(kept, writes, self._outputs(worked), now_ms, self.shard.meta.origins, after)

    def _alerts(self, records: Sequence[Any]) -> list[Alert]:
        """Live alerts; what is none is Argus's own mistake, and must not stop the others."""
        alerts = []
        for record in records:
            try:
                alert = _decode_alert(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                logger.error("skipped %s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
                continue
            if alert.mode == "live":
                alerts.append(alert)
        return alerts

    def _commands(self, records: Sequence[Any], now_ms: int) -> list[Command]:
        """Those about cases, of this partition. The users table rejects and forwards the others."""
        commands = []
        for record in records:
            try:
                command = read_command(record.value or b"", now_ms=now_ms)
            except Rejected:
                continue
            if concerns_cases(command) and self._place(command.user_id) == self.shard.partition:
                commands.append(command)
        return commands

    def _states(self, subjects: Iterable[str]) -> dict[str, CaseState]:
        wanted = list(dict.fromkeys(subjects))
        found = self.load(wanted)
        return {subject: found.get(subject) or CaseState(subject=subject) for subject in wanted}

    def _outputs(self, worked: Worked) -> list[Output]:
        topics, partitions = self._topics, self.services.partitions
        told = [(topics.cases, case.case_id.encode(), encode(case)) for case in worked.cases]
        told += [(topics.outcomes, outcome.command_id.encode(), encode(outcome)) for outcome in worked.outcomes]
        outputs = [Output(topic, partition_of(key, partitions), key, record) for topic, key, record in told]
        outputs += [
            Output(topics.feedback, self._place(user_id), user_id.encode(), record)
            for user_id, record in worked.feedback
        ]
        return outputs

    def _note(self, state: CaseState) -> None:
        for case in state.open_cases():
            # Compliance pages nobody.
            waits = case.acknowledged_ms is None and case.attack != COMPLIANCE
            self._open[case.case_id] = OpenCase(SEVERITIES[case.severity], case.opened_ms, waits)

    def _count(self, worked: Worked) -> None:
        meter = self.services.meter
        for severity, seconds in worked.acknowledged:
            meter.case_acknowledged(severity, seconds)
        for severity, seconds in worked.resolved:
            meter.case_resolved(severity, seconds)
        for kind, severity in worked.breaches:
            meter.case_breach(kind, severity)

    def _report(self) -> None:
        now_ms = self.services.now_ms()
        oldest_s: dict[str, float] = {}
        for case in self._open.values():
            if case.waits:
                age_s = max(0, now_ms - case.opened_ms) / SECOND
                oldest_s[case.severity] = max(oldest_s.get(case.severity, 0.0), age_s)
        counts = Counter(case.severity for case in self._open.values())
        self.services.meter.cases(self.shard.partition, counts, oldest_s)
