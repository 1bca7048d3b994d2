"""What queries answered, as panels need it: lines, numbers, rows."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.grafana.drawing.svg import PALETTE, colour
from tests.grafana.reading import Panel, filled

Prometheus = Callable[..., Any]
Database = Callable[[str], list[dict[str, Any]]]


class Shown(NamedTuple):
    """The time range of a picture, and whom to ask."""

    start: float
    end: float
    step: float
    prometheus: Prometheus
    database: Database

    def fill(self, text: str) -> str:
        return filled(text, self.end - self.start, span=(self.start, self.end))


class Series(NamedTuple):
    """One line. points: time and value, in order; what is missing is not there."""

    name: str
    colour: str
    points: list[tuple[float, float]]
    labels: Mapping[str, str]


def over_time(panel: Panel, shown: Shown) -> list[Series]:
    """The lines of a panel, in the colours that overrides or the palette give them."""
    given = {
        override["matcher"]["options"]: prop["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "color"
    }
    lines: list[Series] = []
    for target in panel["targets"]:
        answer = shown.prometheus(
            "query_range", query=shown.fill(target["expr"]), start=shown.start, end=shown.end, step=shown.step
        )
        for result in answer["result"]:
            points = [(float(at), float(value)) for at, value in result["values"]]
            points = [(at, value) for at, value in points if math.isfinite(value)]
            name = named(target["legendFormat"], result["metric"])
            tint = colour(given[name]) if name in given else PALETTE[len(lines) % len(PALETTE)]
            lines.append(Series(name, tint, points, result["metric"]))
    return lines


def at_once(panel: Panel, shown: Shown) -> list[tuple[str, float]]:
    """Names and numbers at the end of the range; nothing for what is no number."""
    found = []
    for target in panel["targets"]:
        answer = shown.prometheus("query", query=shown.fill(target["expr"]), time=shown.end)
        for result in answer["result"]:
            value = float(result["value"][1])
            if not math.isnan(value):
                found.append((named(target["legendFormat"], result["metric"]), value))
    return found


def rows(panel: Panel, shown: Shown) -> list[dict[str, Any]]:
    """A table's rows after its transformations: merged by their labels, columns chosen, ordered and renamed."""
    if "rawSql" in panel["targets"][0]:
        found = shown.database(shown.fill(panel["targets"][0]["rawSql"]))
    else:
        found = _merged(panel, shown)
    organize = next(each["options"] for each in panel["transformations"] if each["id"] == "organize")
    names = sorted(organize["renameByName"], key=organize["indexByName"].__getitem__)
    return [{organize["renameByName"][name]: row.get(name) for name in names} for row in found]


def _merged(panel: Panel, shown: Shown) -> list[dict[str, Any]]:
    """Rows whose common labels agree are one row, as Grafana's `merge` has it."""
    merged: list[dict[str, Any]] = []
    for target in panel["targets"]:
        answer = shown.prometheus("query", query=shown.fill(target["expr"]), time=shown.end)
        for result in answer["result"]:
            labels, value = result["metric"], float(result["value"][1])
            column = {f"Value #{target['refId']}": value}
            fits = [row for row in merged if all(row.get(name, word) == word for name, word in labels.items())]
            fits = [row for row in fits if set(labels) & set(row) and not set(column) & set(row)]
            if fits:
                for row in fits:
                    row.update(labels | column)
            else:
                merged.append({**labels, **column})
    return merged


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A series' name by its legend."""
    if legend == "__auto":
        return ", ".join(value for name, value in labels.items() if name != "__name__") or "value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)


def tint(panel: Panel, value: float, steps: list[dict[str, Any]] | None = None) -> str:
    """The colour that thresholds give to a value."""
    found = "text"
    for step in steps or panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            found = step["color"]
    return found


def mapped(panel: Panel, value: float) -> tuple[str, str] | None:
    """Word and colour that a value is shown as."""
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        hit = mapping["options"].get(f"{value:g}")
        if hit:
            return hit["text"], hit["color"]
    return None
