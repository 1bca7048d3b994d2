"""Every query of every board, on a real Prometheus and a real PostgreSQL that watch an Argus under attack.

`make board-pictures` draws the boards from what is found here.
"""

import asyncio
import contextlib
import math
import os
import time
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import pytest

from argus.metrics import FAULTS, METRICS, Metric
from tests.grafana import people
from tests.grafana.drawing import picture
from tests.grafana.drawing.data import Shown
from tests.grafana.house import House
from tests.grafana.reading import Board, Query, boards, filled, queries, selector
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]
ALL: Final = pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
PICTURES: Final = os.environ.get("ARGUS_BOARD_PICTURES")
# The shown range, which has everything since the house began; a picture waits until it is full.
RANGE_S: Final = 240
ANSWERS_WITHIN_S: Final = 240
LARGEST: Final = 150_000
# What a house without these faults does not show: the start of the query's place, and the fault. What the faults'
# metrics count is tested where they are made.
QUIET: Final[dict[str, str]] = {
    "argus-agents 206 ": "an exception in an agent",
    "argus-agents 307 'Memory' C": "a worker that ends for its memory",
    "argus-kafka 501 ": "a second worker, and copies of its partitions",
    "argus-kafka 502 ": "likewise",
    "argus-kafka 504 'Disk of copies' A": "likewise",
    "argus-models 102 ": "some thousand scores of a model",
    "argus-models 202 ": "likewise",
    "argus-models 203 ": "likewise, and some tens of known frauds",
    "argus-models 204 ": "some thousand events of a partition",
    "argus-models 308 ": "a rule that fails on an event",
    "argus-models 317 ": "a model that is fitted: one that is on, or labels of a week",
    "argus-models 318 ": "likewise",
    "argus-alerting 510 ": "a label's value outside its set",
}


# Of the metrics that need a fault, those whose fault this house has.
HAD: Final = {
    "argus_agent_restarts_total",
    "argus_rebalance_duration_seconds",
    "argus_dlq_records_total",
}
# Fed in tests of their own: a very late event, one on a foreign partition, a listener of live alerts,
# and what is said after some thousand scores or tens of known frauds.
ELSEWHERE: Final = {
    "argus_ingest_late_total",
    "argus_ingest_forwarded_total",
    "argus_live_clients",
    "argus_feature_stability_index",
    "argus_model_drift",
    "argus_model_drifting",
    "argus_model_trust",
    "argus_model_warm_ratio",
}
UNFED: Final = {*FAULTS, *ELSEWHERE} - HAD


class Asked(NamedTuple):
    """The house, and the queries that never had an answer, by place."""

    house: House
    silent: frozenset[str]


@pytest.fixture(scope="module")
def busy(house: House) -> Asked:
    """Under attack, and everybody at work, until every query has had an answer or its time is over."""
    house.simulate()
    people.be_busy(house)
    people.have_faults(house)
    left = [query for board in boards() for query in queries(board) if query.kind != "sql" and reason(query) is None]

    def answered() -> bool:
        left[:] = [query for query in left if not numbers(house, query)]
        return not left

    with contextlib.suppress(AssertionError):
        until(answered, ANSWERS_WITHIN_S)
    if PICTURES:
        until(lambda: house.age_s() > RANGE_S / 2, RANGE_S, "half a picture")
        people.be_busy(house, "neighbour")
        until(lambda: house.age_s() > RANGE_S, RANGE_S, "a full picture")
    return Asked(house, frozenset(query.where for query in left))


def reason(query: Query) -> str | None:
    """Why a query has no answer here."""
    return next((fault for place, fault in QUIET.items() if query.where.startswith(place)), None)


def numbers(house: House, query: Query) -> list[float]:
    """What it answers now, or did in the range; what is no number is no answer."""
    text = filled(selector(query.text) if query.kind == "variable" else query.text, RANGE_S)
    now = time.time()
    if query.instant:
        found = [series["value"][1] for series in house.asked("query", query=text, time=now)["result"]]
    else:
        answer = house.asked("query_range", query=text, start=now - RANGE_S, end=now, step=2)
        found = [value for series in answer["result"] for _, value in series["values"]]
    return [number for number in map(float, found) if not math.isnan(number)]


def rows(database_url: str, statement: str) -> list[dict[str, Any]]:
    """What the database answers, as a table shows it."""

    async def ask() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(database_url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return [{name: _plain(value) for name, value in row.items()} for row in asyncio.run(ask())]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value if isinstance(value, str | int | float | None) else float(value)


@ALL
def test_every_query_of_a_board_has_an_answer(busy: Asked, board: Board) -> None:
    assert sorted(place for place in busy.silent if place.startswith(board["uid"])) == [], busy.house.logs()


def test_what_is_said_to_be_silent_is_on_a_board() -> None:
    places = [query.where for board in boards() for query in queries(board)]
    assert all(any(place.startswith(quiet) for place in places) for quiet in QUIET)


@ALL
def test_every_statement_of_a_board_finds_rows(busy: Asked, board: Board) -> None:
    now = time.time()
    for query in queries(board):
        if query.kind == "sql":
            statement = filled(query.text, RANGE_S, span=(now - 3_600, now))
            until(lambda text=statement: rows(busy.house.database_url, text), 240, query.where)  # type: ignore[misc]


def test_an_alerts_latency_has_an_exemplar_that_names_the_alert(busy: Asked) -> None:
    now = time.time()
    query = "sum by (le) (rate(argus_alert_latency_seconds_bucket[10s]))"
    (first, *_) = busy.house.asked("query_exemplars", query=query, start=now - RANGE_S, end=now)
    assert first["exemplars"][0]["labels"]["alert_id"]


def test_every_declared_metric_is_fed(busy: Asked) -> None:
    """Counted, observed or above 0 at some time; those that need a fault where that fault was had."""

    def unfed() -> list[str]:
        return [metric.name for metric in METRICS if metric.name not in UNFED and not _fed(busy.house, metric)]

    with contextlib.suppress(AssertionError):
        until(lambda: not unfed(), 240)
    assert unfed() == []


def _fed(house: House, metric: Metric) -> bool:
    name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
    found = house.asked("query", query=f"max(max_over_time({name}[{RANGE_S}s]))")["result"]
    return bool(found) and float(found[0]["value"][1]) > 0


@ALL
def test_a_board_can_be_drawn_as_it_is_seen(busy: Asked, board: Board) -> None:
    end = time.time() - 1
    house = busy.house
    shown = Shown(end - RANGE_S, end, RANGE_S / 90, house.asked, lambda text: rows(house.database_url, text))
    svg = picture.drawn(board, shown)
    assert all(escape(panel["title"], quote=False)[:8] in svg for panel in board["panels"])
    assert len(svg) < LARGEST
    if PICTURES:
        (Path(PICTURES) / f"{board['uid']}.svg").write_text(svg + "\n")
