"""Every query of every board, on a real Prometheus and a real PostgreSQL that watch an Argus under attack.

`make board-pictures` draws the boards from what is found here.
"""

import asyncio
import math
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from tests.grafana import people
from tests.grafana.drawing import picture
from tests.grafana.drawing.data import Shown
from tests.grafana.house import House
from tests.grafana.reading import Board, Query, boards, filled, queries, selector
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]
ALL: Final = pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
PICTURES: Final = os.environ.get("ARGUS_BOARD_PICTURES")
RANGE_S: Final = 240 if PICTURES else 60
LARGEST: Final = 150_000
# What a sound house does not show, by the start of the query's place: each with its reason.
QUIET: Final[dict[str, str]] = {}


@pytest.fixture(scope="module")
def busy(house: House) -> House:
    """Under attack, and everybody at work, until there is something to see."""
    try:
        house.simulate()
        people.be_busy(house)
        house.worker()
        until(lambda: not silent(house), 90 if not PICTURES else 400, "an answer to every query")
    except AssertionError as missing:
        raise AssertionError(f"{missing}: {silent(house)}\n{house.logs()}") from None
    return house


def silent(house: House) -> list[str]:
    """The queries without an answer that are not known to have none."""
    if PICTURES and house.age_s() < RANGE_S:
        return ["the range is not full yet"]
    return [
        query.where
        for board in boards()
        for query in queries(board)
        if query.kind != "sql" and reason(query) is None and not numbers(house, query)
    ]


def reason(query: Query) -> str | None:
    """Why a query has no answer in a sound house."""
    return next((why for place, why in QUIET.items() if query.where.startswith(place)), None)


def numbers(house: House, query: Query) -> list[float]:
    """What it answers now, or did in the range; what is no number is no answer."""
    text = filled(selector(query.text) if query.kind == "variable" else query.text, RANGE_S)
    now = time.time()
    if query.instant:
        found = [series["value"][1] for series in house.asked("query", query=text, time=now)["result"]]
    else:
        answer = house.asked("query_range", query=text, start=now - RANGE_S, end=now, step=1)
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
def test_every_query_of_a_board_has_an_answer(busy: House, board: Board) -> None:
    asked = [query for query in queries(board) if query.kind != "sql"]
    assert asked
    assert [query.where for query in asked if reason(query) is None and not numbers(busy, query)] == []


@ALL
def test_every_statement_of_a_board_finds_rows(busy: House, board: Board) -> None:
    now = time.time()
    for query in queries(board):
        if query.kind == "sql":
            statement = filled(query.text, RANGE_S, span=(now - 3_600, now))
            until(lambda text=statement: rows(busy.database_url, text), 30, query.where)  # type: ignore[misc]


def test_an_alerts_latency_has_an_exemplar_that_names_the_alert(busy: House) -> None:
    now = time.time()
    query = "sum by (le) (rate(argus_alert_latency_seconds_bucket[10s]))"
    (first, *_) = busy.asked("query_exemplars", query=query, start=now - RANGE_S, end=now)
    assert first["exemplars"][0]["labels"]["alert_id"]


@ALL
def test_a_board_can_be_drawn_as_it_is_seen(busy: House, board: Board) -> None:
    end = time.time() - 1
    shown = Shown(end - RANGE_S, end, RANGE_S / 90, busy.asked, lambda text: rows(busy.database_url, text))
    svg = picture.drawn(board, shown)
    for panel in board["panels"]:
        assert panel["title"][:8] in svg.replace("&#x27;", "'")
    assert len(svg) < LARGEST
    if PICTURES:
        (Path(PICTURES) / f"{board['uid']}.svg").write_text(svg + "\n")
