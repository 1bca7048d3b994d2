"""The models page: which versions there are, how well they and the rules tell fraud, whether they drift or still warm
up; for whatever models there are, by the names under which decisions and workers speak of them."""

import asyncio
from typing import Final

from aiohttp import web
from msgspec import Struct

from argus.console import charts
from argus.console.charts import Chart, Series
from argus.console.model_figures import RISK, Model, models
from argus.console.model_state import groups, states
from argus.console.page import Page, Visit
from argus.console.worker_metrics import workers
from argus.prequential import models_judged, rules_judged
from argus.store import quality, scores
from argus.store.scores import Scored
from core.clock import DAY

SPAN_DAYS: Final = 7
LABELS_DAYS: Final = 90


class Part(Struct, frozen=True):
    """One partition. drift: by model."""

    partition: int
    decisions: int
    means: dict[str, float]
    drifts: dict[str, float | None]


async def shown(visit: Visit) -> web.StreamResponse:
    services = visit.services
    until_ms = services.now_ms()
    async with services.store.reading() as connection:
        found = await scores.newest(connection, until_ms - SPAN_DAYS * DAY, until_ms)
        fraud = await scores.labelled_fraud(connection, until_ms - LABELS_DAYS * DAY)
        versions = await scores.versions(connection)
        labelled = await quality.newest_labelled(connection)
        newest = await quality.newest_decisions(connection)
    tail_from = services.settings.policy.tail_quantile
    every = models(found, fraud, tail_from)
    asked = await workers(services.settings.worker_metrics)
    return visit.render(
        "models.html",
        models=every,
        risk=RISK,
        weights=services.settings.policy.model_weights,
        tail_from=tail_from,
        decisions=len(found),
        frauds=len(fraud),
        days=SPAN_DAYS,
        labels_days=LABELS_DAYS,
        versions=versions,
        charts=[_distribution(model) for model in every],
        parts=_parts(visit, found, tail_from),
        workers=asked,
        labelled=len(labelled),
        judged=await asyncio.to_thread(models_judged, labelled, newest, tail_from),
        rules=await asyncio.to_thread(rules_judged, labelled, newest),
        states=states(asked),
        groups=groups(asked),
    )


def _distribution(model: Model) -> Chart:
    labels = [f"{low / 10:.1f}" for low in range(len(model.shares))]
    name = "The risk, divided by 100" if model.name == RISK else model.name.replace("_", " ").capitalize()
    says = f"The share of decisions, in percent, in each tenth of the scores of {name}."
    series = [Series("% of decisions", "s1", [100 * share for share in model.shares])]
    chart = charts.columns(f"m-{model.name}", name, says, labels, series, first="Score from")
    chart.rows = [[label, f"{100 * share:.2f}"] for label, share in zip(labels, model.shares, strict=True)]
    chart.note = "Percent of decisions by tenth of the score."
    return chart


def _parts(visit: Visit, found: list[Scored], tail_from: float) -> list[Part]:
    by: dict[int, list[Scored]] = {}
    for one in found:
        by.setdefault(visit.services.placing(one.user_id), []).append(one)
    parts = []
    for partition, mine in sorted(by.items()):
        every = [model for model in models(mine, (), tail_from) if model.name != RISK]
        means = {model.name: model.mean for model in every}
        parts.append(Part(partition, len(mine), means, {model.name: model.drift for model in every}))
    return parts


PAGES: Final = (Page(path="/models", roles=("analyst", "admin"), handler=shown, menu="Models"),)
