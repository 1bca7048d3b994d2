"""What a board asks, with its variables filled in as Grafana fills them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from grafana.__main__ import FOLDER

EVERYTHING: Final = ".+"
SCRAPE_S: Final = 2
Board = dict[str, Any]
Panel = dict[str, Any]


class Query(NamedTuple):
    """One query. kind: `promql`, `sql`, `annotation` or `variable`; where: the board and the panel, for people."""

    kind: str
    text: str
    where: str
    instant: bool
    panel: Panel


@cache
def boards() -> tuple[Board, ...]:
    """The checked-in files."""
    return tuple(json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")))


def panels(board: Board) -> list[Panel]:
    """Without the headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Board) -> Iterator[Query]:
    """Every query: panels', annotations', variables'."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            where = f"{board['uid']} {panel['id']} {panel['title']!r} {target['refId']}"
            if "rawSql" in target:
                yield Query("sql", target["rawSql"], where, True, panel)
            else:
                yield Query("promql", target["expr"], where, bool(target.get("instant")), panel)
    for annotation in board["annotations"]["list"]:
        yield Query("annotation", annotation["expr"], f"{board['uid']} annotation {annotation['name']!r}", False, {})
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            where = f"{board['uid']} variable {variable['name']}"
            yield Query("variable", variable["query"], where, True, {})


def filled(text: str, range_s: float, rate_s: float = 5 * SCRAPE_S, span: tuple[float, float] = (0, 0)) -> str:
    """The query as it is sent. range_s: the shown range; rate_s: `$__rate_interval`; span: its ends, in seconds."""
    known = {
        "__rate_interval": f"{rate_s:.0f}s",
        "__range": f"{range_s:.0f}s",
        "__from": f"{span[0] * 1_000:.0f}",
        "__to": f"{span[1] * 1_000:.0f}",
    }
    return re.sub(r"\$(\w+)", lambda found: known.get(found[1], EVERYTHING), text)


def selector(variable: str) -> str:
    """The series that `label_values(series, label)` is about."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable)
    assert found, variable
    return found[1]
