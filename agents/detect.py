"""The detect agent's step: a batch of event records to decisions, alerts, locks and signals."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from agents.intake import Rejections
from agents.outputs import signal_outputs, verdict_outputs
from agents.placing import Placing
from agents.services import Services
from agents.shard import Output
from agents.users import Draft, UserWork
from core.detect import Judged, judge
from core.events import Action, Rejected, decode_action

logger = logging.getLogger(__name__)

FORWARDED_HEADER = "argus-forwarded"


class Detect:
    """Decides about event records (see `agents.users.Decide`)."""

    def __init__(self, place: Placing, rejections: Rejections) -> None:
        self._place = place
        self._rejections = rejections

    def __call__(self, work: UserWork, records: Sequence[Any]) -> Draft:
        services = work.services
        now_ms = services.now_ms()
        actions, arrived, outputs = self._read(work, records, now_ms)
        users = work.users.load([action.user_id for action in actions], {})
        judged = judge(
            actions,
            users,
            book=services.book,
            policy=services.policy,
            custom=services.custom(),
            scorer=work.scorer,
            reputation=services.reputation,
            now_ms=now_ms,
        )
        writes: dict[bytes, bytes | None] = {}
        for until_ms, user_id in judged.due:
            work.timers.add(until_ms, user_id, writes)
        outputs += verdict_outputs(work, judged)
        outputs += signal_outputs(work, judged.signals, self._place)
        clock_ms = max((action.time_ms for action in actions), default=0)
        return Draft(outputs, writes, users, clock_ms, lambda: report(services, judged, actions, arrived))

    def _read(
        self, work: UserWork, records: Sequence[Any], now_ms: int
    ) -> tuple[list[Action], dict[str, int], list[Output]]:
        """Actions of this partition, when each arrived at the broker, and what is sent away."""
        locate, meter = work.services.locate, work.services.meter
        actions: list[Action] = []
        arrived: dict[str, int] = {}
        outputs: list[Output] = []
        for record in records:
            try:
                action = decode_action(record.value or b"", now_ms=now_ms, locate=locate)
            except Rejected as rejected:
                outputs.append(self._rejections.output(record, rejected, now_ms))
                meter.rejected(record.topic, rejected.error)
                continue
            home = self._place(action.user_id)
            if home == work.partition:
                actions.append(action)
                arrived[action.event_id] = record.timestamp
            else:
                outputs.append(self._forward(record, action, home))
                meter.count("forwarded", 1)
        return actions, arrived, outputs

    @staticmethod
    def _forward(record: Any, action: Action, home: int) -> Output:
        return Output(record.topic, home, action.user_id.encode(), record.value, ((FORWARDED_HEADER, b"1"),))


def report(services: Services, judged: Judged, actions: Sequence[Action], arrived: dict[str, int]) -> None:
    """Count, once the step is durable and sent. An alert's latency begins when the broker had the event: the event
    itself may have happened a day before."""
    meter, now_ms = services.meter, services.now_ms()
    meter.ingest(Counter(action.type for action in actions), 0)
    meter.count("duplicates", judged.duplicates)
    meter.count("late", judged.late)
    meter.rule_hits(judged.hits)
    meter.suppressed(judged.suppressed)
    meter.decisions(Counter(decision.decision for decision in judged.decisions))
    for alert in judged.alerts:
        latency_ms = now_ms - arrived.get(alert.event_id, now_ms)
        meter.alert(alert.rule_id, alert.severity, latency_ms / 1_000, alert.alert_id)
    for lock in judged.locks:
        meter.lock(lock.state, lock.by)
    for action, error in judged.failed:
        logger.error("event %s of type %s could not be judged whole: %s", action.event_id, action.type, error)
