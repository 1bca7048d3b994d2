"""How good scores and rules were, by the labels that came back since: prequential, each event having been scored
before its label was known. An event that a model said nothing of, since it was warming up, is not held against it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from core.records import Decision

RISK: Final = "risk"

Floats = npt.NDArray[np.float64]


class Labelled(Struct, frozen=True):
    """A decision whose label is known. weight: for how many it stands; delay_s: from the event to the label."""

    fraud: bool
    decision: Decision
    weight: float
    delay_s: float = 0.0


class Quality(Struct, frozen=True):
    """Of one ranking, each from 0 to 1."""

    auc: float
    average_precision: float
    precision: float
    recall: float


class Judged(Struct, frozen=True):
    """Of one model, rule, or the risk. quality: None where labels of one kind are missing; delay_s: the median of the
    labels of what it raised, None where none came; alert_ratio: of the newest decisions that it spoke of, the share
    that it raised, None where there is none."""

    quality: Quality | None
    delay_s: float | None
    alert_ratio: float | None


def models_judged(
    labelled: Sequence[Labelled], newest: Sequence[tuple[Decision, float]], threshold: float
) -> Mapping[str, Judged]:
    """By model, and the risk by what was decided. threshold: of models' scores, from which they count as raised."""
    decisions = [*(each.decision for each in labelled), *(decision for decision, _ in newest)]
    found = {RISK: _judged(labelled, newest, lambda one: one.risk_score, lambda one: one.decision != "approve")}
    for model in sorted({model for decision in decisions for model in decision.scores}):
        found[model] = _judged(
            [each for each in labelled if speaks(model, each.decision)],
            [each for each in newest if speaks(model, each[0])],
            lambda one, model=model: one.scores[model],  # type: ignore[misc]
            lambda one, model=model: one.scores[model] > threshold,  # type: ignore[misc]
        )
    return found


def rules_judged(labelled: Sequence[Labelled], newest: Sequence[tuple[Decision, float]]) -> Mapping[str, Judged]:
    """By rule, of those that spoke of any of these events. A rule says yes or no: its average precision is that of a
    ranking with two places."""
    decisions = [*(each.decision for each in labelled), *(decision for decision, _ in newest)]
    return {
        rule: _judged(
            labelled,
            newest,
            lambda one, rule=rule: float(rule in one.rules),  # type: ignore[misc]
            lambda one, rule=rule: rule in one.rules,  # type: ignore[misc]
        )
        for rule in sorted({rule for decision in decisions for rule in decision.rules})
    }


def speaks(model: str, decision: Decision) -> bool:
    """Whether a model had learnt enough to say anything of the event. One that warms up is not named; in decisions of
    a former Argus, which waited for the slowest, all are 0 then."""
    return model in decision.scores and any(decision.scores.values())


def _judged(
    labelled: Sequence[Labelled],
    newest: Sequence[tuple[Decision, float]],
    score: Callable[[Decision], float],
    raises: Callable[[Decision], bool],
) -> Judged:
    fraud = np.array([each.fraud for each in labelled], bool)
    raised = np.array([raises(each.decision) for each in labelled], bool)
    found = None
    if fraud.any() and not fraud.all():
        scores = np.array([score(each.decision) for each in labelled])
        found = quality(fraud, scores, raised, np.array([each.weight for each in labelled]))
    delays = [each.delay_s for each, told in zip(labelled, raised.tolist(), strict=True) if told]
    return Judged(found, median(delays) if delays else None, _ratio(newest, raises))


def _ratio(newest: Iterable[tuple[Decision, float]], raises: Callable[[Decision], bool]) -> float | None:
    total = raised = 0.0
    for decision, weight in newest:
        total += weight
        raised += weight if raises(decision) else 0.0
    return raised / total if total else None


def quality(fraud: npt.NDArray[np.bool_], scores: Floats, raised: npt.NDArray[np.bool_], weights: Floats) -> Quality:
    """fraud: there must be some of both kinds. Events of the same score are taken together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(np.where(fraud, weights, 0.0)[order])[ends]
    misses = np.cumsum(np.where(fraud, 0.0, weights)[order])[ends]
    recall, fallout = np.append(0.0, hits / hits[-1]), np.append(0.0, misses / misses[-1])
    caught, flagged = weights[fraud & raised].sum(), weights[raised].sum()
    return Quality(
        auc=float(np.sum(np.diff(fallout) * (recall[1:] + recall[:-1]) / 2)),
        average_precision=float(np.sum(np.diff(recall) * hits / (hits + misses))),
        precision=float(caught / flagged) if flagged else 0.0,
        recall=float(caught / weights[fraud].sum()),
    )
