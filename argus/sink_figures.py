"""Figures that only the database has, taken by the sink now and then: users held up, and how good scores were."""

import asyncio
import logging
import time
from typing import Final

from argus.log import Seldom
from argus.measure import Metrics
from argus.metric import LABELS
from argus.store.engine import words
from argus.store.quality import newest_labelled, qualities
from argus.store.store import Store
from argus.store.summary import held

logger = logging.getLogger(__name__)

EVERY_S: Final = 15.0


class DatabaseFigures:
    """threshold: of models' scores, from which they count as raised."""

    def __init__(self, metrics: Metrics, store: Store, threshold: float) -> None:
        self._metrics = metrics
        self._store = store
        self._threshold = threshold
        self._seldom = Seldom()

    async def run(self) -> None:
        """Until it is cancelled. A database that is away is asked again."""
        while True:
            try:
                await self.take()
            except Exception as error:  # noqa: BLE001 - whatever keeps the database from it, there is a next time
                if self._seldom("figures") is not None:
                    logger.warning("figures cannot be taken from the database: %s", words(error))
            await asyncio.sleep(EVERY_S)

    async def take(self) -> None:
        """Take them once."""
        async with self._store.reading() as connection:
            holding = await held(connection, time.time_ns() // 1_000_000)
            labelled = await newest_labelled(connection)
        number = self._metrics.number
        for state in LABELS["state"]:
            number("argus_active_locks", state).set(holding.get(state, 0))
        frauds = sum(each.fraud for each in labelled)
        number("argus_model_labelled_events", "fraud").set(frauds)
        number("argus_model_labelled_events", "legit").set(len(labelled) - frauds)
        found = await asyncio.to_thread(qualities, labelled, self._threshold)
        for model, quality in found.items():
            for measure in LABELS["measure"]:
                number("argus_model_quality", model, measure).set(getattr(quality, measure))
