"""How good scores were, by the labels that came back since: prequential, each event having been scored before its
label was known.

Only decisions in the database count. Of approvals that is a share, and each stands for as many as its weight says.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from argus.store import tables
from core.records import Decision

NEWEST: Final = 5_000

Floats = npt.NDArray[np.float64]
_decode = msgspec.json.Decoder(Decision).decode


class Labelled(Struct, frozen=True):
    """A decision whose label is known. weight: for how many it stands."""

    fraud: bool
    decision: Decision
    weight: float


class Quality(Struct, frozen=True):
    """Of one ranking, each from 0 to 1."""

    auc: float
    average_precision: float
    precision: float
    recall: float


async def newest_labelled(connection: AsyncConnection, most: int = NEWEST) -> list[Labelled]:
    """The events that were labelled last, each by its newest label."""
    label, made = tables.feedback.c, tables.decisions.c
    query = (
        select(label.label, made.event_id, made.record, made.weight)
        .join(tables.decisions, (label.event_id == made.event_id) & (label.user_id == made.user_id))
        .order_by(label.recorded_ms.desc())
        .limit(most)
    )
    found: dict[str, Labelled] = {}
    for said, event_id, record, weight in (await connection.execute(query)).all():
        if event_id not in found:
            # An approval that was kept since somebody asked for it stands for no others.
            found[event_id] = Labelled(said == "fraud", _decode(record), max(float(weight), 1.0))
    return list(found.values())


def qualities(labelled: list[Labelled], threshold: float) -> Mapping[str, Quality]:
    """By model, and of the risk by what was decided; none without labels of both kinds. threshold: of models' scores,
    from which they count as raised."""
    fraud = np.array([each.fraud for each in labelled], bool)
    if not fraud.any() or fraud.all():
        return {}
    weights = np.array([each.weight for each in labelled])
    held = np.array([each.decision.decision != "approve" for each in labelled])
    found = {"risk": quality(fraud, np.array([each.decision.risk_score for each in labelled]), held, weights)}
    for model in sorted({model for each in labelled for model in each.decision.scores}):
        scores = np.array([each.decision.scores.get(model, 0.0) for each in labelled])
        found[model] = quality(fraud, scores, scores > threshold, weights)
    return found


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
