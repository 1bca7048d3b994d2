"""Decisions whose label is known, and the newest ones of all, for `argus.prequential`.

Only decisions in the database count. Of approvals that is a share, and each stands for as many as its weight says.
"""

from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from argus.prequential import Labelled
from argus.store import tables
from core.clock import SECOND
from core.records import Decision

NEWEST: Final = 5_000

_decode = msgspec.json.Decoder(Decision).decode


async def newest_decisions(connection: AsyncConnection, most: int = NEWEST) -> list[tuple[Decision, float]]:
    """The decisions that came last, each with for how many it stands."""
    table = tables.decisions.c
    query = select(table.record, table.weight).where(table.weight > 0).order_by(table.recorded_ms.desc()).limit(most)
    return [(_decode(record), float(weight)) for record, weight in (await connection.execute(query)).all()]


async def newest_labelled(connection: AsyncConnection, most: int = NEWEST) -> list[Labelled]:
    """The events that were labelled last, each by its newest label."""
    label, made = tables.feedback.c, tables.decisions.c
    query = (
        select(label.label, label.time_ms, made.event_id, made.time_ms, made.record, made.weight)
        .join(tables.decisions, (label.event_id == made.event_id) & (label.user_id == made.user_id))
        .order_by(label.recorded_ms.desc())
        .limit(most)
    )
    found: dict[str, Labelled] = {}
    for said, said_ms, event_id, made_ms, record, weight in (await connection.execute(query)).all():
        if event_id not in found:
            delay_s = max(0.0, (said_ms - made_ms) / SECOND)
            # An approval that was kept since somebody asked for it stands for no others.
            found[event_id] = Labelled(said == "fraud", _decode(record), max(float(weight), 1.0), delay_s)
    return list(found.values())
