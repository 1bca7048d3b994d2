"""The learn agent's step: labels to what they mean for the places that were paid, and to the models they teach."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from agents.intake import Rejections
from agents.placing import Placing
from agents.shard import Output
from agents.users import Draft, UserWork
from core.events import Rejected, read_feedback
from core.feedback import label_signals
from core.records import Feedback
from core.ring_labels import tie_signals
from core.sources import Out
from models.labelled import Heard


class Learn:
    """Decides about feedback records (see `agents.users.Decide`)."""

    def __init__(self, place: Placing, rejections: Rejections) -> None:
        self._place = place
        self._rejections = rejections

    def __call__(self, work: UserWork, records: Sequence[Any]) -> Draft:
        now_ms, meter = work.services.now_ms(), work.services.meter
        topic, forwarded = work.services.topics.feedback, 0
        outputs: list[Output] = []
        unread: list[tuple[str, str]] = []
        labels: list[Feedback] = []
        for record in records:
            try:
                feedback = read_feedback(record.value or b"", now_ms=now_ms)
            except Rejected as rejected:
                outputs.append(self._rejections.output(record, rejected, now_ms))
                unread.append((record.topic, rejected.error))
                continue
            home = self._place(feedback.user_id)
            if home == work.partition:
                labels.append(feedback)
            else:
                outputs.append(Output(record.topic, home, feedback.user_id.encode(), record.value))
                forwarded += 1
        users = work.users.load([feedback.user_id for feedback in labels], {})
        signals: Out = {}
        writes: dict[bytes, bytes | None] = {}
        heard: Counter[Heard] = Counter()
        delays_s: list[float] = []
        for feedback in labels:
            state = users.get(feedback.user_id)
            label_signals(feedback, state, signals)
            tie_signals(feedback, state, signals)
            told = work.labels.hear(feedback, state, writes)
            if told is not None:
                heard[told.heard] += 1
                if told.delay_s is not None:
                    delays_s.append(told.delay_s)

        def report() -> None:
            for _, error in unread:
                meter.rejected(topic, error)
            meter.outcomes(topic, "rejected", len(unread))
            meter.outcomes(topic, "forwarded", forwarded)
            meter.count("forwarded", forwarded)
            for feedback in labels:
                meter.feedback(feedback.label)
            meter.labels(heard, delays_s)
            work.labels.happened(None, None)

        return Draft(outputs, writes, {}, 0, report, signals)
