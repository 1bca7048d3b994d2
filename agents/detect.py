"""The detect agent's step: a batch of event records to decisions, alerts, locks and signals.

Canaries (`core.canary`) are judged beside the others; their decisions are all that becomes of them.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, field

from agents.intake import Rejections
from agents.outputs import canary_outputs, verdict_outputs
from agents.placing import Placing
from agents.services import Services, report_alerts
from agents.shard import Output
from agents.users import Draft, UserWork
from core.canary import is_canary
from core.detect import Judged, judge
from core.events import Action, Rejected, decode_action
from core.judged import Learner, Scorer, Scores
from core.rules.custom import CustomRules
from core.state import UserState
from models.ensemble import Ensemble
from models.protocol import Matrix

logger = logging.getLogger(__name__)

FORWARDED_HEADER = "argus-forwarded"


class Taken(Struct):
    """What was in a batch of records. actions: of this partition; canaries: likewise, and no users' own; arrived:
    when the broker had each, by event id; outputs: what is sent away unjudged; rejected: (topic, error); size: bytes
    of all of it."""

    actions: list[Action] = field(default_factory=list)
    canaries: list[Action] = field(default_factory=list)
    arrived: dict[str, int] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    forwarded: int = 0
    size: int = 0
    read_ms: int = 0


class Postponing:
    """A `Scorer` for one step, which learns nothing before the step has happened: one that is given up and taken
    again as two halves must not teach the models twice. took_s: for scores."""

    def __init__(self, scorer: Ensemble, monotonic: Callable[[], float]) -> None:
        self.explain = scorer.explain
        self.instead = scorer.instead
        self.took_s = 0.0
        # Of the models that speak, (rows, models), as a matrix: a tenth of what it costs to read it from the dicts.
        self.names: tuple[str, ...] = ()
        self.table: Matrix | None = None
        self._monotonic = monotonic
        self._scorer = scorer
        self._learn = scorer.learn
        self._lessons: list[tuple[Sequence[Sequence[float]], Sequence[bool]]] = []

    def score(self, rows: Sequence[Sequence[float]]) -> list[Scores]:
        begin = self._monotonic()
        scores = self._scorer.score(rows)
        self.names, self.table = self._scorer.speaking, self._scorer.scored
        self.took_s += self._monotonic() - begin
        return scores

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
        services, monotonic = work.services, work.services.monotonic
        now_ms, begin = services.now_ms(), monotonic()
        taken = self._read(work, records, now_ms)
        actions, outputs = taken.actions, taken.outputs
        decoded = monotonic()
        users = work.users.load([action.user_id for action in (*actions, *taken.canaries)], {})
        scorer, custom = Postponing(work.scorer, monotonic), services.custom()
        loaded = monotonic()
        judging = Judging(services, users, custom, now_ms)
        attending = work.labels.attending()
        judged = judging(actions, scorer, attending)
        if taken.canaries:
            # Their own scorer is dropped with all that it would have learnt.
            told = judging(taken.canaries, Postponing(work.scorer, monotonic))
            outputs += canary_outputs(work, taken.canaries, told)
        decided = monotonic()
        writes: dict[bytes, bytes | None] = {}
        for until_ms, user_id in judged.due:
            work.timers.add(until_ms, user_id, writes)
        outputs += verdict_outputs(work, judged)
        clock_ms = max((action.time_ms for action in actions), default=0)
        rows_key = work.labels.write(attending, clock_ms, writes)

        def after() -> None:
            meter, blocks, learning = services.meter, work.scorer.blocks, monotonic()
            scorer.learn_now()
            work.labels.happened(attending, rows_key)
            meter.stage("learn", monotonic() - learning)
            meter.stage("decode", decoded - begin)
            meter.stage("load", loaded - decoded)
            meter.stage("decide", decided - loaded)
            meter.judging(decided - loaded - scorer.took_s, scorer.took_s)
            report(services, judged, taken)
            if scorer.table is not None:
                meter.scores(scorer.names, scorer.table, services.policy.tail_quantile)
            if attending is not None and attending.table is not None and attending.names:
                meter.scores(attending.names, attending.table, services.policy.tail_quantile)
            for rule_id, errors in custom.errors.items():
                meter.rule_errors(rule_id, errors)
            meter.learned(work.scorer.names, judged.learned, work.scorer.blocks - blocks)

        return Draft(outputs, writes, users, clock_ms, after, judged.signals)

    def _read(self, work: UserWork, records: Sequence[Any], now_ms: int) -> Taken:
        locate = work.services.locate
        taken = Taken(read_ms=now_ms)
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
                if record.headers and is_canary(record.headers, action.user_id):
                    taken.canaries.append(action)
                    continue
                taken.actions.append(action)
                taken.arrived[action.event_id] = record.timestamp
            else:
                taken.outputs.append(self._forward(record, action, home))
                taken.forwarded += 1
        return taken

    @staticmethod
    def _forward(record: Any, action: Action, home: int) -> Output:
        return Output(record.topic, home, action.user_id.encode(), record.value, ((FORWARDED_HEADER, b"1"),))


class Judging(Struct, frozen=True):
    """`core.detect.judge` for one step."""

    services: Services
    users: dict[str, UserState]
    custom: CustomRules
    now_ms: int

    def __call__(self, actions: Sequence[Action], scorer: Scorer, learner: Learner | None = None) -> Judged:
        services = self.services
        return judge(
            actions,
            self.users,
            book=services.book,
            policy=services.policy,
            custom=self.custom,
            scorer=scorer,
            learner=learner,
            reputation=services.reputation,
            now_ms=self.now_ms,
        )


def report(services: Services, judged: Judged, taken: Taken) -> None:
    """Count, once the step is durable and sent. An alert's latency begins when the broker had the event: the event
    itself may have happened a day before."""
    meter, now_ms, topic = services.meter, services.now_ms(), services.topics.events
    for _, error in taken.rejected:
        meter.rejected(topic, error)
    meter.outcomes(topic, "rejected", len(taken.rejected))
    meter.outcomes(topic, "forwarded", taken.forwarded)
    meter.outcomes(topic, "duplicate", judged.duplicates)
    meter.count("forwarded", taken.forwarded)
    meter.ingest(Counter(action.type for action in taken.actions), taken.size)
    meter.count("duplicates", judged.duplicates)
    meter.count("late", judged.late)
    meter.rule_hits(judged.hits)
    arrived = taken.arrived
    meter.decisions(Counter(decision.decision for decision in judged.decisions))
    meter.latencies([now_ms - at_ms for at_ms in arrived.values()])
    meter.skews([taken.read_ms - action.time_ms for action in taken.actions])
    report_alerts(meter, judged.alerts, judged.suppressed, lambda alert: now_ms - arrived.get(alert.event_id, now_ms))
    if judged.locks:
        newest = {action.user_id: arrived[action.event_id] for action in taken.actions}
        for lock in judged.locks:
            meter.lock(lock.state, lock.by, (now_ms - newest.get(lock.user_id, now_ms)) / 1_000)
    meter.failed(topic, [error for _, error in judged.failed])
    for action, error in judged.failed:
        logger.error("event %s of type %s could not be judged whole: %s", action.event_id, action.type, error)
