"""Figures that only the database has, taken by the sink now and then: users held up, and how good models and rules
were. What nothing is known of is absent, and not 0."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from argus.log import Seldom
from argus.measure import Metrics
from argus.metric import CONFIGURED, LABELS
from argus.prequential import Judged, models_judged, rules_judged
from argus.store.engine import words
from argus.store.quality import newest_decisions, newest_labelled
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
        self._rules: set[str] = set()
        self._told: set[tuple[str, ...]] = set()

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
            newest = await newest_decisions(connection)
        number = self._metrics.number
        for state in LABELS["state"]:
            number("argus_active_locks", state).set(holding.get(state, 0))
        frauds = sum(each.fraud for each in labelled)
        number("argus_model_labelled_events", "fraud").set(frauds)
        number("argus_model_labelled_events", "legit").set(len(labelled) - frauds)
        models = await asyncio.to_thread(models_judged, labelled, newest, self._threshold)
        rules = await asyncio.to_thread(rules_judged, labelled, newest)
        self._set({**_series("model", models, LABELS["measure"]), **self._bounded(rules)})

    def _bounded(self, rules: Mapping[str, Judged]) -> dict[tuple[str, ...], float]:
        """There are as many rules as labels may be; those that were told of before go first."""
        for rule in rules:
            if len(self._rules) < CONFIGURED["rule"]:
                self._rules.add(rule)
        self._metrics.allow("rule", sorted(self._rules))
        known = {rule: judged for rule, judged in rules.items() if rule in self._rules}
        return _series("rule", known, LABELS["rule_measure"])

    def _set(self, series: Mapping[tuple[str, ...], float]) -> None:
        for name, *labels in self._told - series.keys():
            self._metrics.forget(name, *labels)
        self._told = set(series)
        for (name, *labels), value in series.items():
            self._metrics.number(name, *labels).set(value)


def _series(about: str, found: Mapping[str, Judged], measures: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """By metric and labels. about: model or rule."""
    series: dict[tuple[str, ...], float] = {}
    for name, judged in found.items():
        if judged.quality is not None:
            for measure in measures:
                series[f"argus_{about}_quality", name, measure] = getattr(judged.quality, measure)
        if judged.delay_s is not None:
            series[f"argus_{about}_label_delay_seconds", name] = judged.delay_s
        if judged.alert_ratio is not None:
            series[f"argus_{about}_alert_ratio", name] = judged.alert_ratio
    return series
