"""Figures about any models, from the scores that they gave."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from argus.store.scores import Scored

BINS: Final = 10
RISK: Final = "risk_score"
# Of so few of either kind nothing is said.
LEAST: Final = 20
FRAUD_LEAST: Final = 5
# Below the first it is usually called stable, above the second shifted.
DRIFT_NOTED: Final = 0.1
DRIFT_MUCH: Final = 0.25
FLOOR: Final = 1e-4


class Model(Struct, kw_only=True):
    """mean: of its scores; tail: the share of them from `tail_from` on; drift: population stability index of the
    newer half of the decisions against the older; auc: how often a fraudulent event is scored above another (1 best,
    0.5 chance). None: too few to say. shares: of its scores in each tenth."""

    name: str
    count: int
    mean: float
    tail: float
    drift: float | None
    auc: float | None
    shares: list[float]

    @property
    def drifts(self) -> str:
        if self.drift is None:
            return ""
        return "much" if self.drift >= DRIFT_MUCH else "some" if self.drift >= DRIFT_NOTED else "stable"


def models(found: Sequence[Scored], fraud: Sequence[Scored], tail_from: float) -> list[Model]:
    """Each model that any decision names, and the risk itself as one more, divided by 100. found: newest first."""
    names = sorted({name for one in found for name in one.scores})
    return [_model(name, found, fraud, tail_from) for name in (*names, RISK) if found]


def _model(name: str, found: Sequence[Scored], fraud: Sequence[Scored], tail_from: float) -> Model:
    rows = _weighed(name, found)
    total = sum(weight for _, weight in rows) or 1.0
    half = len(rows) // 2
    drift = psi(shares(rows[half:]), shares(rows[:half])) if half >= LEAST else None
    bad = _weighed(name, fraud)
    return Model(
        name=name,
        count=len(rows),
        mean=sum(score * weight for score, weight in rows) / total,
        tail=sum(weight for score, weight in rows if score >= tail_from) / total,
        drift=drift,
        auc=auc([score for score, _ in bad], rows) if len(bad) >= FRAUD_LEAST and len(rows) >= LEAST else None,
        shares=shares(rows),
    )


def shares(rows: Iterable[tuple[float, float]]) -> list[float]:
    """Of the weight of (score, weight), how much is in each tenth of 0..1."""
    bins = [0.0] * BINS
    for score, weight in rows:
        bins[min(BINS - 1, int(score * BINS))] += weight
    total = sum(bins) or 1.0
    return [weight / total for weight in bins]


def psi(before: Sequence[float], after: Sequence[float]) -> float:
    """The population stability index of two distributions over the same bins; 0 where they are the same."""
    pairs = [(max(old, FLOOR), max(new, FLOOR)) for old, new in zip(before, after, strict=True)]
    return sum((new - old) * math.log(new / old) for old, new in pairs)


def auc(fraud: Sequence[float], others: Sequence[tuple[float, float]]) -> float:
    """The chance that one of `fraud` has a higher score than one of the others, by their weights; a tie is half."""
    ordered = sorted([(score, 0.0, 1.0) for score in fraud] + [(score, weight, 0.0) for score, weight in others])
    total = sum(weight for _, weight in others) or 1.0
    below = won = 0.0
    at = 0
    while at < len(ordered):
        score, same, hits = ordered[at][0], 0.0, 0.0
        while at < len(ordered) and ordered[at][0] == score:
            same += ordered[at][1]
            hits += ordered[at][2]
            at += 1
        won += hits * (below + same / 2)
        below += same
    return won / (len(fraud) * total)


def _weighed(name: str, found: Iterable[Scored]) -> list[tuple[float, float]]:
    if name == RISK:
        return [(min(1.0, one.risk_score / 100), one.weight) for one in found]
    return [(one.scores[name], one.weight) for one in found if name in one.scores]
