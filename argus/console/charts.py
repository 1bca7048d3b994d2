"""Charts as plain geometry: what `charts.html` draws as SVG, with the same figures as a table beside it.

All are drawn on a ground `WIDTH` wide, so that their text is as legible on a phone as on a desk. Colours are the
style sheet's: a mark only has a tone, one of `TONES`.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

TONES: Final = ("s1", "s2", "s3", "s4", "s5", "s6", "low", "medium", "high", "critical", "good")
WIDTH: Final = 400.0
HEIGHT: Final = 210.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 12.0, 26.0
ROW: Final = 36.0
LABELS_MOST: Final = 6
LINES_MOST: Final = 4
THOUSAND: Final = 1_000
# So wide, about, is a character of the marks' labels.
CHARACTER: Final = 7.0


class Mark(Struct, frozen=True):
    """kind: `rect` at x, y of w, h; `dot` around x, y of radius w. tip: what a pointer that rests on it is told."""

    kind: str
    x: float
    y: float
    w: float
    h: float
    tone: str
    tip: str


class Text(Struct, frozen=True):
    """anchor: `start`, `middle` or `end`."""

    x: float
    y: float
    anchor: str
    text: str


class Chart(Struct, kw_only=True):
    """key: names it within the page; says: one sentence with what it shows; lines: of the ground, as y and label;
    paths: lines between points, as tone and SVG path; legend: tone and name; head, rows: the table; links:
    where a row's name leads, an address of ours or nothing. empty: there is nothing to draw."""

    key: str
    title: str
    says: str
    height: float = HEIGHT
    marks: list[Mark] = []
    lines: list[tuple[float, str]] = []
    paths: list[tuple[str, str]] = []
    texts: list[Text] = []
    legend: list[tuple[str, str]] = []
    head: list[str] = []
    rows: list[list[str]] = []
    links: list[str] = []
    empty: bool = False
    note: str = ""


class Series(Struct, frozen=True):
    """One of several that share labels. None: nothing was measured there."""

    name: str
    tone: str
    values: Sequence[float | None]


def columns(
    key: str,
    title: str,
    says: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    logarithmic: bool = False,
    first: str = "Time",
) -> Chart:
    """A column for each label, of the series one on the other. logarithmic: for one series whose values differ by
    magnitudes; first: what the labels are."""
    totals = [sum(one.values[at] or 0.0 for one in series) for at in range(len(labels))]
    scale, lines = _scale(max(totals, default=0.0), logarithmic=logarithmic)
    chart = _framed(key, title, says, labels, series, lines, first)
    chart.empty = not any(totals)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    width = room * 0.76
    for at, label in enumerate(labels):
        below = 0.0
        for one in series:
            value = one.values[at] or 0.0
            if value <= 0:
                continue
            low, high = scale(below), scale(below + value)
            x = LEFT + at * room + (room - width) / 2
            height = max(1.0, low - high)
            tip = f"{label}: {amount(value)} {one.name}"
            chart.marks.append(Mark("rect", _r(x), _r(low - height), _r(width), _r(height), one.tone, tip))
            below += value
    return chart


def lines(
    key: str,
    title: str,
    says: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    told: Callable[[float], str] | None = None,
) -> Chart:
    """Points joined where they are next to each other. told: a value in words."""
    say = told or amount
    highest = max((value for one in series for value in one.values if value is not None), default=0.0)
    scale, grid = _scale(highest, say=say)
    chart = _framed(key, title, says, labels, series, grid, "Time", say)
    chart.empty = all(value is None for one in series for value in one.values)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    for one in series:
        path, joined = [], False
        for at, value in enumerate(one.values):
            if value is None:
                joined = False
                continue
            x, y = _r(LEFT + (at + 0.5) * room), _r(scale(value))
            path.append(f"{'L' if joined else 'M'}{x} {y}")
            joined = True
            chart.marks.append(Mark("dot", x, y, 2.6, 0, one.tone, f"{labels[at]}: {one.name} {say(value)}"))
        chart.paths.append((one.tone, "".join(path)))
    return chart


class Row(Struct, frozen=True):
    """One bar of a list. told: its value in words; href: where its name leads, in the table."""

    name: str
    value: float
    told: str
    tone: str = "s1"
    href: str = ""


def rows(key: str, title: str, says: str, found: Sequence[Row], *, head: tuple[str, str], most: float = 0) -> Chart:
    """Bars that lie, the name above each. most: what a full bar stands for, the highest value where left out."""
    chart = Chart(key=key, title=title, says=says, height=max(1.0, ROW * len(found)), head=list(head))
    chart.marks, chart.texts, chart.rows, chart.links = [], [], [], []
    chart.empty = not found
    full = most or max((row.value for row in found), default=0.0) or 1.0
    for at, row in enumerate(found):
        y = at * ROW
        chart.texts.append(Text(0, y + 14, "start", row.name))
        chart.texts.append(Text(WIDTH, y + 14, "end", row.told))
        width = max(2.0 if row.value else 0.0, WIDTH * min(1.0, row.value / full))
        chart.marks.append(Mark("rect", 0, y + 20, WIDTH, 8, "track", ""))
        chart.marks.append(Mark("rect", 0, y + 20, _r(width), 8, row.tone, f"{row.name}: {row.told}"))
        chart.rows.append([row.name, row.told])
        chart.links.append(row.href)
    return chart


class Point(Struct, frozen=True):
    """x: more than 0; y: 0 to 100."""

    x: float
    y: float
    tone: str
    tip: str


def scatter(
    key: str,
    title: str,
    says: str,
    points: Sequence[Point],
    legend: Iterable[tuple[str, str]],
    *,
    across: str,
) -> Chart:
    """x on a logarithmic scale of whole powers of ten, y from 0 to 100. across: what x is."""
    low = math.floor(math.log10(min((p.x for p in points), default=1.0)))
    high = max(low + 1, math.ceil(math.log10(max((p.x for p in points), default=10.0))))
    bottom, width = HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT
    chart = Chart(key=key, title=title, says=says, legend=list(legend), empty=not points)
    chart.lines = [(_r(bottom - (bottom - TOP) * level / 100), str(level)) for level in (0, 25, 50, 75, 100)]
    powers = range(low, high + 1)
    step = max(1, math.ceil(len(powers) / LABELS_MOST))
    chart.texts = [
        Text(_r(LEFT + width * (power - low) / (high - low)), HEIGHT - 8, "middle", amount(10.0**power))
        for power in powers
        if (power - low) % step == 0
    ]
    chart.texts[-1] = Text(chart.texts[-1].x, HEIGHT - 8, "end", chart.texts[-1].text)
    chart.marks = [
        Mark(
            "dot",
            _r(LEFT + width * (math.log10(p.x) - low) / (high - low)),
            _r(bottom - (bottom - TOP) * min(p.y, 100.0) / 100),
            3.0,
            0,
            p.tone,
            p.tip,
        )
        for p in points
    ]
    chart.note = f"Across: {across}, logarithmic. Up: risk score."
    return chart


def amount(value: float) -> str:
    """A number in few characters: 1,234 and 0.5, but 12k and 3.4M."""
    size = abs(value)
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= bound:
            divided = value / (THOUSAND if unit == "k" else bound)
            return f"{divided:.1f}".removesuffix(".0") + unit
    return f"{value:,.0f}" if size >= 10 or value == int(value) else f"{value:.2g}"


def duration(seconds: float) -> str:
    """A span in its fitting unit: 12 s, 3.5 min, 2.0 h, 4.1 d."""
    for bound, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= bound:
            return f"{seconds / bound:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def _framed(
    key: str,
    title: str,
    says: str,
    labels: Sequence[str],
    series: Sequence[Series],
    grid: list[tuple[float, str]],
    first: str,
    say: Callable[[float], str] | None = None,
) -> Chart:
    told = say or (lambda value: f"{value:,.0f}")
    room = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    chart = Chart(key=key, title=title, says=says, lines=grid, head=[first, *(one.name for one in series)])
    chart.marks, chart.paths = [], []
    # Every so many labels, such that none touches the next.
    longest = max((len(label) for label in labels), default=1) * CHARACTER + 8
    step = max(1, math.ceil(longest / room), math.ceil(len(labels) / LABELS_MOST))
    chart.texts = [
        Text(_r(LEFT + (at + 0.5) * room), HEIGHT - 8, "middle", label)
        for at, label in enumerate(labels)
        if at % step == step // 2
    ]
    chart.rows = [
        [label, *("\N{EN DASH}" if one.values[at] is None else told(one.values[at] or 0.0) for one in series)]
        for at, label in enumerate(labels)
    ]
    chart.legend = [(one.tone, one.name) for one in series] if len(series) > 1 else []
    return chart


def _scale(
    highest: float, *, logarithmic: bool = False, say: Callable[[float], str] | None = None
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """From values to y, and the lines of the ground."""
    bottom, told = HEIGHT - BOTTOM, say or amount
    if logarithmic:
        top = max(1, math.ceil(math.log10(max(highest, 1.0) + 1)))

        def log(value: float) -> float:
            return bottom - (bottom - TOP) * math.log10(max(value, 0.0) + 1) / top

        step = max(1, math.ceil(top / LINES_MOST))
        return log, [(_r(log(0)), "0"), *((_r(log(10.0**n)), told(10.0**n)) for n in range(0, top + 1, step))]
    unit = _round(max(highest, 1e-9) / LINES_MOST) if highest else 1.0
    if say is None:
        unit = max(1.0, unit)
    count = max(1, math.ceil(highest / unit))

    def linear(value: float) -> float:
        return bottom - (bottom - TOP) * value / (unit * count)

    return linear, [(_r(linear(unit * n)), told(unit * n)) for n in range(count + 1)]


def _round(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= value * 0.999)


def _r(value: float) -> float:
    return round(value, 1)
