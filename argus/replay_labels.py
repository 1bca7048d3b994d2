"""What labels came to in a replay: how many found their event, and how good scores were by then (prequential)."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zlib import crc32

from msgspec import Struct

from argus.prequential import Judged, Labelled, models_judged, rules_judged
from core.clock import to_ms
from core.records import Decision, Feedback

# Of the events that nobody disputed, one in so many stands for all: what they are compared with is bounded.
UNDISPUTED_SHARE: Final = 20
FOUND: Final = ("joined", "changed", "repeated", "older")
# Rules on the page: those that said most.
RULES_TOLD: Final = 5


class Told(Struct, frozen=True):
    """labels: that came; heard: by what became of them (see `models.labelled.Labelled.tell`); found: their events;
    frauds, legit, undisputed: events that are older than the label delay. models, rules: by name."""

    labels: int
    found: int
    heard: dict[str, int]
    frauds: int
    legit: int
    undisputed: int
    models: Mapping[str, Judged]
    rules: Mapping[str, Judged]


class LabelLedger:
    """Keeps the decisions whose label will come, and a sample of the others."""

    def __init__(self, labels: Iterable[Feedback], delay_ms: int) -> None:
        """delay_ms: after which an event that nobody disputed counts as legitimate."""
        self._newest: dict[tuple[str, str], Feedback] = {}
        for label in sorted(labels, key=lambda one: (_ms(one), one.feedback_id)):
            self._newest[sys.intern(label.event_id), sys.intern(label.user_id)] = label
        self._events = {event_id for event_id, _ in self._newest}
        self._delay_ms = delay_ms
        self._labelled: list[Labelled] = []
        self._sampled: list[Decision] = []
        self._count = 0
        self.heard: Counter[str] = Counter()

    def add(self, decisions: Iterable[Decision]) -> None:
        """The next ones."""
        events = self._events
        for decision in decisions:
            event_id = decision.event_id
            if event_id in events:
                label = self._newest.get((event_id, decision.user_id))
                if label is not None:
                    delay_s = max(0.0, (_ms(label) - _time_ms(decision)) / 1_000)
                    self._labelled.append(Labelled(label.label == "fraud", decision, 1.0, delay_s))
                    continue
            if crc32(event_id.encode()) % UNDISPUTED_SHARE == 0:
                self._sampled.append(decision)

    def told(self, clock_ms: int, threshold: float) -> Told:
        """clock_ms: of the last event; threshold: of models' scores, from which they count as raised."""
        # All of one age: of events since then, those alone would count that were disputed.
        until_ms = clock_ms - self._delay_ms
        silent = [one for one in self._sampled if _time_ms(one) <= until_ms]
        labelled = [one for one in self._labelled if _time_ms(one.decision) <= until_ms]
        known = [*labelled, *(Labelled(False, one, float(UNDISPUTED_SHARE), 0.0) for one in silent)]
        newest = [(one.decision, one.weight) for one in known]
        heard = dict(sorted(self.heard.items()))
        return Told(
            labels=sum(heard.values()),
            found=sum(heard.get(one, 0) for one in FOUND),
            heard=heard,
            frauds=sum(one.fraud for one in labelled),
            legit=sum(not one.fraud for one in labelled),
            undisputed=len(silent) * UNDISPUTED_SHARE,
            models=models_judged(known, newest, threshold),
            rules=rules_judged(known, newest),
        )


def lines(told: Told) -> list[str]:
    """For people."""
    heard = ", ".join(f"{count} {name}" for name, count in told.heard.items()) or "none"
    first = f"{told.labels} labels came, {told.found} found their event ({heard})"
    against = f"{told.frauds} frauds, {told.legit} legitimate, about {told.undisputed} undisputed"
    judged = {name: one for name, one in told.models.items() if one.quality is not None}
    if not judged:
        return [first, f"no prequential quality: {against} that are older than the label delay"]
    told_lines = [first, f"prequential, by {against} that are older than the label delay:"]
    told_lines += [f"  {_line(name, one)}" for name, one in judged.items()]
    rules = sorted(told.rules.items(), key=lambda entry: -(entry[1].quality.recall if entry[1].quality else 0.0))
    return [*told_lines, *(f"  rule {_line(name, one)}" for name, one in rules[:RULES_TOLD] if one.quality)]


def _line(name: str, judged: Judged) -> str:
    quality = judged.quality
    assert quality is not None
    delay = "" if judged.delay_s is None else f", labels after {judged.delay_s / 3_600:.1f} h"
    ratio = "" if judged.alert_ratio is None else f", raises {judged.alert_ratio:.2%}"
    return (
        f"{name}: average precision {quality.average_precision:.3f}, precision {quality.precision:.3f}, recall "
        f"{quality.recall:.3f}{ratio}{delay}"
    )


def _ms(label: Feedback) -> int:
    return label.time if isinstance(label.time, int) else to_ms(label.time)


def _time_ms(decision: Decision) -> int:
    return to_ms(datetime.fromisoformat(decision.time))
