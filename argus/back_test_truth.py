"""What other rules or models cost and gain, by the truth about the events: measured as `argus evaluate` does
(`argus.detection`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from sklearn.metrics import average_precision_score

from argus.back_test import LISTED, Run, ms
from argus.detection import MEDIUM, Story, held_innocent
from argus.evaluate_files import Label
from core.records import Decision

HELD: Final = ("locked", "challenged")


class Tally(Struct, frozen=True):
    """Live alerts of one run, or of a part of it. false_medium: of the false ones, those of MEDIUM or more; reports:
    COMPLIANCE alerts about people with nothing wrong, which accuse nobody."""

    right: int
    false: int
    false_medium: int
    reports: int


class Shift(Struct, frozen=True):
    """How many before and after, and `LISTED` of those who came and went by name."""

    before: int
    after: int
    gained: int
    lost: int
    listed_gained: list[str]
    listed_lost: list[str]


class Judged(Struct, frozen=True):
    """What the change is worth. new, lost: live alerts that only one of the runs has; campaigns: those that
    were caught; held: users with nothing wrong who were locked or challenged by a rule, by that state; precision: the
    average precision of the risk before and after, None without labels of both kinds."""

    labelled: int
    campaigns: int
    before: Tally
    after: Tally
    new: Tally
    lost: Tally
    caught: Shift
    held: dict[str, Shift]
    precision: tuple[float, float] | None = None


class Truth:
    """Labels, and the times of their events as the decisions tell them."""

    def __init__(self, labels: Iterable[Label]) -> None:
        self._labels = {label.event_id: label for label in labels}
        self._times: dict[str, int] = {}
        # Event to its risk, in either run.
        self._risks: tuple[dict[str, float], dict[str, float]] = {}, {}

    def add(self, before: Iterable[Decision], after: Iterable[Decision]) -> None:
        """Some more decisions of both runs, which have the same times."""
        for decisions, risks in zip((before, after), self._risks, strict=True):
            for decision in decisions:
                if decision.event_id in self._labels and decision.event_id not in risks:
                    risks[decision.event_id] = decision.risk_score
                    self._times.setdefault(decision.event_id, ms(decision.time))

    def judge(self, before: Run, after: Run) -> Judged:
        """Of runs that kept their live records."""
        labels = [self._labels[event_id] for event_id in self._times]
        was, now = (_Judged(run, labels, list(self._times.values())) for run in (before, after))
        return Judged(
            labelled=len(labels),
            campaigns=len(now.story.campaigns),
            before=was.tally(was.ids),
            after=now.tally(now.ids),
            new=now.tally(now.ids - was.ids),
            lost=was.tally(was.ids - now.ids),
            caught=_shift(was.caught, now.caught),
            held={state: _shift(was.held[state], now.held[state]) for state in HELD},
            precision=self._precision(labels),
        )

    def _precision(self, labels: Sequence[Label]) -> tuple[float, float] | None:
        fraud = [label.label == "fraud" for label in labels]
        if all(fraud) or not any(fraud):
            return None
        before, after = (
            float(average_precision_score(fraud, [risks.get(label.event_id, 0.0) for label in labels]))
            for risks in self._risks
        )
        return before, after


class _Judged:
    def __init__(self, run: Run, labels: Sequence[Label], times_ms: Sequence[int]) -> None:
        live = run.live or []
        self.ids = {told.alert_id for told in live}
        self.story = Story(labels, times_ms, live)
        self.caught = {name for name, campaign in self.story.campaigns.items() if campaign.caught_ms is not None}
        locks = ((lock.user_id, lock.state, lock.by, ms(lock.since)) for lock in run.locks.values())
        self.held: Mapping[str, set[str]] = held_innocent(self.story, locks)

    def tally(self, ids: set[str]) -> Tally:
        false = [severity for alert_id, (_, severity) in self.story.false.items() if alert_id in ids]
        right = len(ids & self.story.right)
        return Tally(
            right=right,
            false=len(false),
            false_medium=sum(severity >= MEDIUM for severity in false),
            reports=len(ids) - right - len(false),
        )


def _shift(before: set[str], after: set[str]) -> Shift:
    gained, lost = sorted(after - before), sorted(before - after)
    return Shift(len(before), len(after), len(gained), len(lost), gained[:LISTED], lost[:LISTED])
