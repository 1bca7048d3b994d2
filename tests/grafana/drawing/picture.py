"""A board as a picture, in SVG."""

from collections.abc import Callable
from typing import Final

from tests.grafana.drawing import charts, numbers
from tests.grafana.drawing.charts import Box
from tests.grafana.drawing.data import Shown
from tests.grafana.drawing.svg import DESK, FAINT, INK, LINE, PAPER, SIZE, cut, rect, text
from tests.grafana.reading import Board, Panel, panels

CELL_W: Final = 56
CELL_H: Final = 32
GAP: Final = 8
HEAD: Final = 58
Draw = Callable[[Panel, Box, Shown], list[str]]
KINDS: Final[dict[str, Draw]] = {
    "timeseries": charts.timeseries,
    "heatmap": charts.heatmap,
    "state-timeline": charts.states,
    "stat": numbers.stat,
    "bargauge": numbers.bargauge,
    "table": numbers.table,
    "alertlist": numbers.alertlist,
}


def drawn(board: Board, shown: Shown) -> str:
    """The whole board, as it stands at the end of the range."""
    cells = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels(board))
    width, height = 24 * CELL_W + GAP, HEAD + cells * CELL_H + GAP
    parts = [rect(0, 0, width, height, DESK)]
    parts += [
        text(GAP + 4, 26, board["title"], 19, INK, bold=True),
        text(GAP + 4, 46, board["description"], 12, FAINT),
    ]
    for panel in board["panels"]:
        place = panel["gridPos"]
        x, y = place["x"] * CELL_W + GAP, place["y"] * CELL_H + HEAD
        w, h = place["w"] * CELL_W - GAP, place["h"] * CELL_H - GAP
        if panel["type"] == "row":
            parts.append(text(x + 4, y + 19, panel["title"], 14, INK, bold=True))
            continue
        box = Box(x + 10, y + 26, w - 20, h - 34)
        parts.append(rect(x, y, w, h, PAPER, 3, edge=LINE))
        inside = KINDS[panel["type"]](panel, box, shown)
        parts += [text(x + 10, y + 17, cut(panel["title"], w - 20, 12), 12, INK, bold=True), *inside]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    look = f'font-family="Inter, DejaVu Sans, Helvetica, Arial, sans-serif" font-size="{SIZE}" fill="{INK}"'
    return f"{head} {look}>{''.join(parts)}</svg>"
