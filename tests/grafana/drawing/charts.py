"""Panels with a time axis: lines, heat maps, states."""

import itertools
import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tests.grafana.drawing.data import Series, Shown, mapped, over_time
from tests.grafana.drawing.svg import FAINT, INK, LINE, cells, colour, cut, line, path, rect, text, wide
from tests.grafana.drawing.units import ticks, worded
from tests.grafana.reading import Panel

BLUES: Final = ((239, 245, 252), (8, 48, 107))
LEGEND: Final = 15
TONES: Final = 16


class Box(NamedTuple):
    """Where a panel's inside is."""

    x: float
    y: float
    w: float
    h: float


def _time(plot: Box, shown: Shown, at: float) -> float:
    return plot.x + plot.w * (at - shown.start) / (shown.end - shown.start)


def _clock(plot: Box, shown: Shown) -> list[str]:
    parts = []
    for at in ticks(shown.start, shown.end, max(int(plot.w / 95), 2), base=10):
        x = _time(plot, shown, at)
        parts.append(line(x, plot.y, x, plot.y + plot.h, LINE))
        words = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        if plot.x + 18 < x < plot.x + plot.w - 18:
            parts.append(text(x, plot.y + plot.h + 12, words, 9, FAINT, "middle"))
    return parts


def _legend(box: Box, lines: list[Series]) -> tuple[list[str], float]:
    """Names below, in three rows at most; how high that is."""
    parts: list[str] = []
    x, row = box.x, 0
    placed: list[tuple[float, int, Series]] = []
    for number, each in enumerate(lines):
        width = wide(cut(each.name, box.w - 24, 10), 10) + 26
        more = 60 if row == 2 and number < len(lines) - 1 else 0
        if x + width + more > box.x + box.w and x > box.x:
            if row == 2:
                placed.append((x, row, Series(f"and {len(lines) - number} more", FAINT, [], {})))
                break
            x, row = box.x, row + 1
        placed.append((x, row, each))
        x += width
    height = (placed[-1][1] + 1) * LEGEND if placed else 0
    top = box.y + box.h - height
    for x, row, each in placed:
        y = top + row * LEGEND + 11
        parts += [rect(x, y - 5, 12, 3, each.colour), text(x + 16, y, cut(each.name, box.w - 24, 10), 10, INK)]
    return parts, height


def _nothing(box: Box, panel: Panel) -> list[str]:
    words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    return [text(box.x + box.w / 2, box.y + box.h / 2, words, 13, FAINT, "middle")]


def timeseries(panel: Panel, box: Box, shown: Shown) -> list[str]:
    lines = over_time(panel, shown)
    if not any(each.points for each in lines):
        return _nothing(box, panel)
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    tops = _stacked(lines) if stacked else [each.points for each in lines]
    high = max(value for points in tops for _, value in points)
    low = min(min(value for points in tops for _, value in points), defaults.get("min", math.inf))
    high = max(defaults.get("max", high), high)
    high = high + (high - low) * 0.08 if high > low else low + (abs(low) or 1)
    parts, under = _legend(box, lines)
    unit = defaults["unit"]
    marks = ticks(low, high, max(int((box.h - under) / 30), 2), 2 if unit in ("bytes", "Bps") else 10)
    left = max(wide(worded(mark, unit), 9) for mark in marks) + 8
    plot = Box(box.x + left, box.y + 4, box.w - left - 4, box.h - under - 22)

    def y(value: float) -> float:
        return plot.y + plot.h * (1 - (value - low) / (high - low))

    for mark in marks:
        parts += [line(plot.x, y(mark), plot.x + plot.w, y(mark), LINE)]
        parts += [text(plot.x - 5, y(mark) + 3, worded(mark, unit), 9, FAINT, "end")]
    parts += _clock(plot, shown)
    base = [(at, 0.0) for at, _ in tops[0]]
    for each, points in zip(lines, tops, strict=True):
        below = dict(base) if stacked else {}
        for run in _runs(points, shown.step):
            drawn = [(_time(plot, shown, at), y(value)) for at, value in run]
            drawn = drawn if len(drawn) > 1 else [drawn[0], (drawn[0][0] + 2, drawn[0][1])]
            if stacked:
                floor = [(_time(plot, shown, at), y(max(below.get(at, 0.0), low))) for at, _ in reversed(run)]
                parts.append(path(drawn + floor, fill=each.colour, opacity=0.4))
            parts.append(path(drawn, each.colour))
        if stacked:
            base = points
    parts += _bounds(panel, plot, low, high, y)
    return parts + _exemplars(panel, plot, shown, low, high, y)


def _bounds(panel: Panel, plot: Box, low: float, high: float, y: object) -> list[str]:
    """Dashed lines where thresholds are, if they are in sight."""
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") != "dashed":
        return []
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    return [
        line(plot.x, y(step["value"]), plot.x + plot.w, y(step["value"]), colour(step["color"]), 1.2, "6 4")  # type: ignore[operator]
        for step in steps
        if low <= step["value"] <= high
    ]


def _exemplars(panel: Panel, plot: Box, shown: Shown, low: float, high: float, y: object) -> list[str]:
    parts: list[str] = []
    seen: set[tuple[float, float]] = set()
    for target in panel["targets"]:
        if not target.get("exemplar"):
            continue
        query = {"query": shown.fill(target["expr"]), "start": shown.start, "end": shown.end}
        for series in shown.prometheus("query_exemplars", **query):
            for each in series["exemplars"]:
                at, value = float(each["timestamp"]), float(each["value"])
                if (at, value) in seen or not (shown.start <= at <= shown.end and low <= value <= high):
                    continue
                seen.add((at, value))
                x, top = _time(plot, shown, at), y(value)  # type: ignore[operator]
                diamond = [(x, top - 3.5), (x + 3.5, top), (x, top + 3.5), (x - 3.5, top), (x, top - 3.5)]
                parts.append(path(diamond, "#1f78c1", "#8ab8ff", 0.9))
    return parts[:60]


def _stacked(lines: list[Series]) -> list[list[tuple[float, float]]]:
    """Each line on top of those before; what one lacks at a time counts as nothing there."""
    moments = sorted({at for each in lines for at, _ in each.points})
    height = dict.fromkeys(moments, 0.0)
    tops = []
    for each in lines:
        own = dict(each.points)
        for at in moments:
            height[at] += own.get(at, 0.0)
        tops.append([(at, height[at]) for at in moments])
    return tops


def _runs(points: list[tuple[float, float]], step: float) -> list[list[tuple[float, float]]]:
    """Without the gaps."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] < step * 1.5:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def heatmap(panel: Panel, box: Box, shown: Shown) -> list[str]:
    """Buckets over time. They come cumulative, by `le`; each cell is what its own bucket got."""
    lines = sorted(over_time(panel, shown), key=lambda each: float(each.labels["le"].replace("+Inf", "inf")))
    unit = panel["fieldConfig"]["defaults"]["unit"]
    counts: dict[tuple[float, int], float] = {}
    below: dict[float, float] = {}
    for place, each in enumerate(lines):
        for at, value in each.points:
            counts[at, place] = max(value - below.get(at, 0.0), 0.0)
            below[at] = value
    filled = {key: value for key, value in counts.items() if value > 1e-9}
    if not filled:
        return _nothing(box, panel)
    first, last = min(place for _, place in filled), max(place for _, place in filled)
    bounds = [each.labels["le"] for each in lines]
    names = [worded(float(bound), unit) if bound != "+Inf" else "more" for bound in bounds]
    left = max(wide(name, 9) for name in names[first : last + 1]) + 8
    plot = Box(box.x + left, box.y + 4, box.w - left - 4, box.h - 38)
    height = plot.h / (last - first + 1)
    width = plot.w * shown.step / (shown.end - shown.start)
    most = max(filled.values())
    parts = _clock(plot, shown)
    tones: dict[int, list[tuple[float, float]]] = {}
    for (at, place), value in filled.items():
        x, y = _time(plot, shown, at), plot.y + plot.h - (place - first + 1) * height
        tones.setdefault(round((value / most) ** 0.5 * TONES), []).append((x - width, y + 0.5))
    parts += [cells(corners, width - 0.5, height - 1, _blue(tone / TONES)) for tone, corners in tones.items()]
    every = max(math.ceil(11 / height), 1)
    for place in range(first, last + 1, every):
        y = plot.y + plot.h - (place - first + 0.5) * height + 3
        parts.append(text(plot.x - 5, y, names[place], 9, FAINT, "end"))
    for tone in range(TONES + 1):
        parts.append(rect(plot.x + tone * 100 / TONES, box.y + box.h - 13, 100 / TONES + 1, 7, _blue(tone / TONES)))
    parts.append(text(plot.x + 106, box.y + box.h - 6, f"0 to {worded(most, 'eps')}", 9, FAINT))
    return parts


def _blue(share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*BLUES, strict=True))


def states(panel: Panel, box: Box, shown: Shown) -> list[str]:
    lines = over_time(panel, shown)
    if not lines:
        return _nothing(box, panel)
    left = min(max(wide(each.name, 10) for each in lines) + 8, box.w * 0.4)
    plot = Box(box.x + left, box.y + 2, box.w - left - 4, box.h - 36)
    height = plot.h / len(lines)
    parts = _clock(plot, shown)
    words: dict[str, str] = {}
    for place, each in enumerate(lines):
        top = plot.y + place * height
        parts.append(text(plot.x - 6, top + height / 2 + 4, cut(each.name, left - 8, 10), 10, INK, "end"))
        for run in _runs(each.points, shown.step):
            for value, same in itertools.groupby(run, key=lambda point: point[1]):
                moments = [at for at, _ in same]
                word, tone = mapped(panel, value) or (f"{value:g}", "text")
                words[word] = colour(tone)
                x = max(_time(plot, shown, moments[0] - shown.step), plot.x)
                end = _time(plot, shown, moments[-1])
                parts.append(rect(x, top + height * 0.12, end - x, height * 0.76, words[word]))
    return parts + _legend(box, [Series(word, tone, [], {}) for word, tone in words.items()])[0]
