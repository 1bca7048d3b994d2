"""A map as SVG, from no data but the rough middles and sizes of countries: enough to see which way it was."""

from collections.abc import Iterable
from math import asin, atan2, cos, degrees, radians, sin, sqrt
from typing import Final, NamedTuple

from core.countries import COUNTRIES
from core.records import Travel

KM_PER_DEGREE: Final = 111.2
# Longitude and latitude of the window: a small one says nothing of where it is.
WIDTH_MIN: Final = 90.0
RATIO: Final = 2.0
MARGIN: Final = 1.35
TOP: Final = 84.0
BOTTOM: Final = -60.0
# Countries are no circles: large ones are drawn flatter than they reach.
PEOPLED: Final = 0.7
RADIUS_MAX: Final = 10.0
STRETCHED_MAX: Final = 2.4
COLUMNS: Final = 64
STEPS: Final = 48


class Spot(NamedTuple):
    """A place. lat, lon in degrees; name: what is said of it."""

    lat: float
    lon: float
    name: str = ""
    weight: float = 1.0


class Dot(NamedTuple):
    x: float
    y: float
    r: float
    name: str


class Map(NamedTuple):
    """view: of the SVG, in degrees; land: a path of points, each to be drawn as a dot by round ends; dots: places;
    lines: ways between them, each as the points of a polyline; unit: a hundredth of the width, to draw by."""

    view: str
    land: str
    dots: list[Dot]
    lines: list[str]
    unit: float


def spot(
    country: str | None, lat: float | None, lon: float | None, name: str = "", weight: float = 1.0
) -> Spot | None:
    """Where somebody was, by the middle of the country where nothing better is known."""
    if lat is not None and lon is not None:
        return Spot(lat, lon, name, weight)
    middle = COUNTRIES.get(country or "")
    return None if middle is None else Spot(middle[0], middle[1], name, weight)


def travelled(travel: Travel, country: str | None, lat: float | None, lon: float | None) -> Map | None:
    """From the last place to the event's own. None where one of them is not known."""
    start = spot(travel.country, travel.lat, travel.lon, "last place")
    end = spot(country, lat, lon, "this event")
    return None if start is None or end is None else drawn([start, end], [(start, end)])


def drawn(spots: list[Spot], ways: Iterable[tuple[Spot, Spot]] = ()) -> Map:
    """spots: at least one."""
    window = _window(spots)
    left, top, width, height = window
    unit = width / 100
    most = max(one.weight for one in spots)
    dots = [
        Dot(round(one.lon, 2), round(-one.lat, 2), round(unit * (0.7 + 0.9 * sqrt(one.weight / most)), 2), one.name)
        for one in spots
    ]
    lines = [points for way in ways for points in _way(*way)]
    view = f"{left:.1f} {top:.1f} {width:.1f} {height:.1f}"
    return Map(view, _land(window), dots, lines, round(unit, 3))


def _window(spots: list[Spot]) -> tuple[float, float, float, float]:
    lons, lats = [one.lon for one in spots], [one.lat for one in spots]
    width = max(WIDTH_MIN, (max(lons) - min(lons)) * MARGIN, (max(lats) - min(lats)) * MARGIN * RATIO)
    width = min(360.0, width)
    height = min(width / RATIO, TOP - BOTTOM)
    left = (max(lons) + min(lons)) / 2 - width / 2
    top = -(max(lats) + min(lats)) / 2 - height / 2
    return max(-180.0, min(180.0 - width, left)), max(-TOP, min(-BOTTOM - height, top)), width, height


def _land(window: tuple[float, float, float, float]) -> str:
    """A lattice of points, finer on a smaller window, where countries are."""
    left, top, width, height = window
    step = width / COLUMNS
    found = set()
    for lat, lon, radius_km in COUNTRIES.values():
        ry = min(RADIUS_MAX, radius_km * PEOPLED / KM_PER_DEGREE)
        rx = min(RADIUS_MAX * STRETCHED_MAX, radius_km * PEOPLED / KM_PER_DEGREE / max(0.35, cos(radians(lat))))
        for row in range(int((-lat - ry) / step), int((-lat + ry) / step) + 2):
            for column in range(int((lon - rx) / step), int((lon + rx) / step) + 2):
                # Every other row is half a step aside.
                x, y = (column + row % 2 / 2) * step, row * step
                inside = left <= x <= left + width and top <= y <= top + height
                if inside and ((x - lon) / rx) ** 2 + ((y + lat) / ry) ** 2 <= 1:
                    found.add((round(x, 1), round(y, 1)))
    return "".join(f"M{x},{y}h0" for x, y in sorted(found))


def _way(start: Spot, end: Spot) -> list[str]:
    """The great circle, cut where it leaves the map on one side."""
    parts: list[list[tuple[float, float]]] = [[]]
    last: float | None = None
    for step in range(STEPS + 1):
        lat, lon = _between(start, end, step / STEPS)
        if last is not None and abs(lon - last) > 180:
            parts.append([])
        parts[-1].append((lon, -lat))
        last = lon
    return [" ".join(f"{x:.2f},{y:.2f}" for x, y in part) for part in parts if len(part) > 1]


def _between(start: Spot, end: Spot, share: float) -> tuple[float, float]:
    """The place at a share of the way, by slerp."""
    a, b, la, lb = radians(start.lat), radians(end.lat), radians(start.lon), radians(end.lon)
    h = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin((lb - la) / 2) ** 2
    angle = 2 * asin(min(1.0, sqrt(h)))
    if angle < 1e-9:
        return start.lat, start.lon
    p, q = sin((1 - share) * angle) / sin(angle), sin(share * angle) / sin(angle)
    x = p * cos(a) * cos(la) + q * cos(b) * cos(lb)
    y = p * cos(a) * sin(la) + q * cos(b) * sin(lb)
    z = p * sin(a) + q * sin(b)
    return degrees(atan2(z, sqrt(x * x + y * y))), degrees(atan2(y, x))
