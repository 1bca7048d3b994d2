"""Panels of now: one number, bars, dials, tables, the list of alerts."""

from typing import Any, Final

from tests.grafana.drawing.charts import Box
from tests.grafana.drawing.data import Shown, at_once, mapped, rows, tint
from tests.grafana.drawing.svg import FAINT, INK, LINE, PAPER, colour, cut, line, rect, text, wide
from tests.grafana.drawing.units import worded
from tests.grafana.reading import Panel

ROW: Final = 21


def _field(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return defaults


def stat(panel: Panel, box: Box, shown: Shown) -> list[str]:
    found = at_once(panel, shown)
    defaults = _field(panel)
    middle = box.x + box.w / 2
    if not found:
        words = defaults["noValue"]
        return [text(middle, box.y + box.h / 2 + 6, words, min(22, box.w / len(words) * 1.6), FAINT, "middle")]
    value = found[0][1]
    word, tone = mapped(panel, value) or (
        worded(value, defaults["unit"], defaults.get("decimals")), tint(panel, value)
    )  # fmt: skip
    size = min(34, box.w / max(len(word), 3) * 1.5)
    if panel["options"]["colorMode"] != "background":
        return [text(middle, box.y + box.h / 2 + size / 3, word, size, colour(tone), "middle", bold=True)]
    return [
        rect(box.x - 10, box.y - 4, box.w + 20, box.h + 12, colour(tone), 3),
        text(middle, box.y + box.h / 2 + size / 3, word, size, PAPER, "middle", bold=True),
    ]


def bargauge(panel: Panel, box: Box, shown: Shown) -> list[str]:
    found = at_once(panel, shown)
    defaults = _field(panel)
    if not found:
        return [text(box.x + box.w / 2, box.y + box.h / 2, defaults["noValue"], 13, FAINT, "middle")]
    found.sort(key=lambda each: -each[1])
    most = defaults.get("max") or max(value for _, value in found) or 1
    room = min(max(wide(name, 10) for name, _ in found) + 8, box.w * 0.5)
    numbers = [worded(value, defaults["unit"], defaults.get("decimals")) for _, value in found]
    behind = max(wide(number, 11) for number in numbers) + 10
    height = min(box.h / len(found), 34)
    parts = []
    for place, ((name, value), number) in enumerate(zip(found, numbers, strict=True)):
        y = box.y + place * height
        tone = colour(tint(panel, value))
        width = box.w - room - behind
        parts += [
            text(box.x + room - 6, y + height / 2 + 4, cut(name, room - 6, 10), 10, INK, "end"),
            rect(box.x + room, y + 2, width, height - 4, LINE, 2),
            rect(box.x + room, y + 2, width * min(max(value / most, 0), 1), height - 4, tone, 2),
            text(box.x + box.w, y + height / 2 + 4, number, 11, tone, "end", bold=True),
        ]
    return parts


def table(panel: Panel, box: Box, shown: Shown) -> list[str]:
    found = rows(panel, shown)
    if not found:
        return [text(box.x + box.w / 2, box.y + box.h / 2, _field(panel)["noValue"], 13, FAINT, "middle")]
    look = {
        override["matcher"]["options"]: {prop["id"]: prop["value"] for prop in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    names = list(found[0])
    shows = [[_cell(row[name], look.get(name, {})) for name in names] for row in found]
    widths = [max(wide(name, 10), *(wide(row[i][0], 10) for row in shows)) + 14 for i, name in enumerate(names)]
    scale = box.w / sum(widths)
    parts: list[str] = []
    x = box.x
    most = int((box.h - ROW) // ROW)
    for i, name in enumerate(names):
        width = widths[i] * scale
        parts.append(text(x, box.y + 13, cut(name, width - 4, 10), 10, "#1f60c4", bold=True))
        for place, row in enumerate(shows[:most]):
            words, tone = row[i]
            parts.append(text(x, box.y + ROW * (place + 1) + 14, cut(words, width - 6, 10), 10, tone))
        x += width
    parts += [line(box.x, box.y + ROW * place, box.x + box.w, box.y + ROW * place, LINE)
              for place in range(1, min(len(shows), most) + 1)]  # fmt: skip
    return parts


def _cell(value: Any, look: dict[str, Any]) -> tuple[str, str]:
    if isinstance(value, float | int) and not isinstance(value, bool):
        tone = INK
        if "thresholds" in look:
            tone = colour(tint({}, float(value), look["thresholds"]["steps"]))
        return worded(float(value), look.get("unit", "short")), tone
    words = "" if value is None else str(value)
    return words, "#1f60c4" if "links" in look else INK


def alertlist(panel: Panel, box: Box, shown: Shown) -> list[str]:
    """The alerts that Prometheus has, the most severe first."""
    order = {"critical": 0, "warning": 1}
    alerts = [each for each in shown.prometheus("alerts")["alerts"] if each["labels"]["alertname"] != "ArgusWatchdog"]
    alerts.sort(key=lambda each: (each["state"] != "firing", order.get(each["labels"].get("severity", ""), 9)))
    if not alerts:
        return [text(box.x + box.w / 2, box.y + box.h / 2, "No alerts", 13, FAINT, "middle")]
    parts: list[str] = []
    for place, each in enumerate(alerts[: int(box.h // 34)]):
        y = box.y + place * 34
        tone = colour({"firing": "red"}.get(each["state"], "orange"))
        summary = each["annotations"].get("summary", "")
        parts += [
            rect(box.x, y + 2, 4, 28, tone, 2),
            text(box.x + 12, y + 14, each["labels"]["alertname"], 11, INK, bold=True),
            text(box.x + box.w, y + 14, f"{each['state']}, {each['labels'].get('severity', '')}", 10, tone, "end"),
            text(box.x + 12, y + 27, cut(summary, box.w - 14, 10), 10, FAINT),
        ]
    return parts
