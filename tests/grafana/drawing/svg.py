"""SVG by hand: the few shapes that boards are made of, in Grafana's light colours."""

import itertools
from html import escape
from typing import Final

INK: Final = "#24292e"
FAINT: Final = "#6a737d"
LINE: Final = "#e4e7ea"
PAPER: Final = "#ffffff"
DESK: Final = "#f4f5f5"
NAMED: Final = {
    "green": "#3f9142", "red": "#d52b3d", "dark-red": "#96142a", "orange": "#ee7c1a", "yellow": "#e0b400",
    "blue": "#3274d9", "purple": "#8f3bb8", "text": INK,
}  # fmt: skip
PALETTE: Final = (
    "#56a64b", "#e0a800", "#3274d9", "#ee7c1a", "#d52b3d", "#8f3bb8", "#1fa8a0", "#a35200", "#c15c9e", "#6b7a8f",
    "#8ab8ff", "#96d98d", "#ffb357", "#ca95e5", "#37872d", "#1f60c4",
)  # fmt: skip


def colour(name: str) -> str:
    return NAMED.get(name, name if name.startswith("#") else INK)


SIZE: Final = 11


def _n(value: float) -> str:
    """Half a pixel is close enough, and short."""
    return f"{round(value * 2) / 2:g}"


def rect(x: float, y: float, w: float, h: float, fill: str, radius: float = 0, edge: str = "") -> str:
    more = (f' rx="{_n(radius)}"' if radius else "") + (f' stroke="{edge}"' if edge else "")
    size = f'width="{_n(max(w, 0))}" height="{_n(max(h, 0))}"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" {size} fill="{fill}"{more}/>'


def cells(corners: list[tuple[float, float]], w: float, h: float, fill: str) -> str:
    """Many rectangles of one size and colour."""
    each = f"h{_n(w)}v{_n(h)}h-{_n(w)}z"
    return f'<path fill="{fill}" d="{"".join(f"M{_n(x)} {_n(y)}{each}" for x, y in corners)}"/>'


def text(
    x: float, y: float, words: str, size: float = SIZE, fill: str = INK, anchor: str = "start", bold: bool = False
) -> str:
    more = f' font-size="{size:.3g}"' if size != SIZE else ""
    more += f' fill="{fill}"' if fill != INK else ""
    more += f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += ' font-weight="600"' if bold else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{more}>{escape(words, quote=False)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, dash: str = "") -> str:
    more = (f' stroke-width="{width:g}"' if width != 1 else "") + (f' stroke-dasharray="{dash}"' if dash else "")
    return f'<path d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" stroke="{stroke}"{more}/>'


def path(points: list[tuple[float, float]], stroke: str = "none", fill: str = "none", opacity: float = 1) -> str:
    more = f' fill-opacity="{opacity:g}"' if opacity != 1 else ""
    more += f' stroke="{stroke}" stroke-width="1.4"' if stroke != "none" else ""
    steps = [(round(x * 2), round(y * 2)) for x, y in points]
    # Each level stretch is one move.
    levels = [list(same) for _, same in itertools.groupby(steps, key=lambda step: step[1])]
    corners = [corner for level in levels for corner in (level[:1] + level[-1:] if len(level) > 1 else level)]
    moves = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(corners)]
    d = f"M{_n(points[0][0])} {_n(points[0][1])}l" + " ".join(f"{x / 2:g} {y / 2:g}" for x, y in moves)
    return f'<path d="{d.replace(" -", "-")}" fill="{fill}"{more}/>'


def wide(words: str, size: float = 11) -> float:
    """About how wide it is drawn."""
    return len(words) * size * 0.57


def cut(words: str, width: float, size: float = 11) -> str:
    """As much of it as there is room for."""
    most = max(int(width / (size * 0.54)), 1)
    return words if len(words) <= most else words[: most - 1] + "…"
