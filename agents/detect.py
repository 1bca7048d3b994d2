"""The detect agent's step: a batch of event records to decisions, alerts, locks and signals."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from agents.intake import Rejections
from agents.outputs import signal_outputs, verdict_outputs
from agents.placing import Placing
from agents.services import Services
from agents.shard import Output
from agents.users import Draft, UserWork
from core.detect import Judged, judge
from core.events import Action, Rejected, decode_action
from core.judged import Scorer

logger = logging.getLogger(__name__)

FORWARDED_HEADER = "argus-forwarded"


class Taken(Struct):
    """What was in a batch of records. actions: of this partition; arrived: when the broker had each, by event id;
    outputs: what is sent away unjudged; rejected: (topic, error); size: bytes of all of it."""

    actions: list[Action] = field(default_factory=list)
    arrived: dict[str, int] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    forwarded: int = 0
    size: int = 0


class Postponing:
    """A `Scorer` for one step, which learns nothing before the step has happened: one that is given up and taken
    again as two halves must not teach the models twice."""

    def __init__(self, scorer: Scorer) -> None:
        self.score = scorer.score
        self.explain = scorer.explain
        self._learn = scorer.learn
        self._lessons: list[tuple[Sequence[Sequence[float]], Sequence[bool]]] = []

    def learn(self, rows: Sequence[Sequence[float]], mask: Sequence[bool]) -> None:
        self._lessons.append((rows, mask))

    def learn_now(self) -> None:
        for rows, mask in self._lessons:
            self._learn(rows, mask)


class Detect:
    """Decides about event records (see `agents.users.Decide`)."""

    def __init__(self, place: Placing, rejections: Rejections) -> None:
        self._place = place
        self._rejections = rejections

    def __call__(self, work: UserWork, records: Sequence[Any]) -> Draft:
        services = work.services
        now_ms = services.now_ms()
        taken = self._read(work, records, now_ms)
        actions, outputs = taken.actions, taken.outputs
        users = work.users.load([action.user_id for action in actions], {})
        scorer, custom = Postponing(work.scorer), services.custom()
        judged = judge(
            actions,
            users,
            book=services.book,
            policy=services.policy,
            custom=custom,
            scorer=scorer,
            reputation=services.reputation,
            now_ms=now_ms,
        )
        writes: dict[bytes, bytes | None] = {}
        for until_ms, user_id in judged.due:
            work.timers.add(until_ms, user_id, writes)
        outputs += verdict_outputs(work, judged)
        outputs += signal_outputs(work, judged.signals, self._place)
        clock_ms = max((action.time_ms for action in actions), default=0)

        def after() -> None:
            scorer.learn_now()
            report(services, judged, taken)
            for rule_id, errors in custom.errors.items():
                services.meter.rule_errors(rule_id, errors)
            services.meter.learned(work.scorer.names, judged.learned)

        return Draft(outputs, writes, users, clock_ms, after)

    def _read(self, work: UserWork, records: Sequence[Any], now_ms: int) -> Taken:
        locate = work.services.locate
        taken = Taken()
        for record in records:
            taken.size += len(record.value or b"")
            try:
                action = decode_action(record.value or b"", now_ms=now_ms, locate=locate)
            except Rejected as rejected:
                taken.outputs.append(self._rejections.output(record, rejected, now_ms))
                taken.rejected.append((record.topic, rejected.error))
                continue
            home = self._place(action.user_id)
            if home == work.partition:
                taken.actions.append(action)
                taken.arrived[action.event_id] = record.timestamp
            else:
                taken.outputs.append(self._forward(record, action, home))
                taken.forwarded += 1
        return taken

    @staticmethod
    def _forward(record: Any, action: Action, home: int) -> Output:
        return Output(record.topic, home, action.user_id.encode(), record.value, ((FORWARDED_HEADER, b"1"),))


def report(services: Services, judged: Judged, taken: Taken) -> None:
    """Count, once the step is durable and sent. An alert's latency begins when the broker had the event: the event
    itself may have happened a day before."""
    meter, now_ms = services.meter, services.now_ms()
    for topic, error in taken.rejected:
        meter.rejected(topic, error)
    meter.count("forwarded", taken.forwarded)
    meter.ingest(Counter(action.type for action in taken.actions), taken.size)
    meter.scores([decision.scores for decision in judged.decisions if decision.scores], services.policy.tail_quantile)
    meter.count("duplicates", judged.duplicates)
    meter.count("late", judged.late)
    meter.rule_hits(judged.hits)
    meter.suppressed(judged.suppressed)
    meter.decisions(Counter(decision.decision for decision in judged.decisions))
    for alert in judged.alerts:
        latency_ms = now_ms - taken.arrived.get(alert.event_id, now_ms)
        meter.alert(alert.rule_id, alert.severity, latency_ms / 1_000, alert.alert_id)
    for lock in judged.locks:
        meter.lock(lock.state, lock.by)
    for action, error in judged.failed:
        logger.error("event %s of type %s could not be judged whole: %s", action.event_id, action.type, error)
