"""The panels of the boards, one function a kind. Each takes its title, what it means, and its unit."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, statetimeline, table
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.query import DATABASE, PROMETHEUS, Sql

NO_DATA: Final = "No data"
# From which value on which colour; the first has no lower bound.
Steps = tuple[tuple[float | None, str], ...]
PLAIN: Final[Steps] = ((None, "text"),)
NONE_IS_WELL: Final[Steps] = ((None, "green"), (1, "red"))
ONE_IS_WELL: Final[Steps] = ((None, "red"), (1, "green"))
# Colours with a meaning, of series that are called by one label's value.
COLOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "{{severity}}": {"critical": "red", "high": "orange", "medium": "yellow", "low": "blue"},
    "{{decision}}": {"approve": "green", "challenge": "orange", "block": "red"},
    "{{state}}": {"locked": "red", "challenged": "orange", "active": "orange", "suppressed": "blue"},
    "{{outcome}}": {
        "ok": "green",
        "sent": "green",
        "passed": "green",
        "error": "red",
        "failed": "red",
        "refused": "red",
    },
    "{{status}}": {"2xx": "green", "3xx": "blue", "4xx": "orange", "5xx": "red"},
    "{{label}}": {"fraud": "red", "legit": "green"},
    "{{kind}}": {"acknowledge_missed": "red", "resolve_missed": "dark-red", "acknowledge_near": "yellow"},
}


def rising(orange: float, red: float) -> Steps:
    """More is worse."""
    return ((None, "green"), (orange, "orange"), (red, "red"))


def falling(red_below: float, orange_below: float) -> Steps:
    """Less is worse."""
    return ((None, "red"), (red_below, "orange"), (orange_below, "green"))


def named(values: Mapping[str, tuple[str, str]]) -> list[Any]:
    """Values that are shown as words, each with its colour."""
    results = {value: ValueMappingResult(text=text, color=colour) for value, (text, colour) in values.items()}
    return [ValueMap(options=results)]


def steps(of: Steps) -> dashboard.ThresholdsConfig:
    rows = [Threshold(value, colour) for value, colour in of]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(rows)


def _dress(panel: Any, title: str, about: str, unit: str, queries: Sequence[Any], width: int, height: int) -> Any:
    source = DATABASE if queries and isinstance(queries[0], Sql) else PROMETHEUS
    panel = panel.title(title).description(about).unit(unit).datasource(source).span(width).height(height)
    for name, query in zip("ABCDEFGHIJ", queries, strict=False):
        panel = panel.with_target(query.ref_id(name))
    return panel


def _colour(panel: Any, queries: Sequence[Any]) -> Any:
    for query in queries:
        for name, colour in COLOURS.get(query.build().legend_format, {}).items():
            fixed = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
            panel = panel.override_by_name(name, [fixed])
    return panel


def number(
    title: str, about: str, unit: str, query: Any, at: Steps = PLAIN, *, none: str = NO_DATA, width: int = 4,
    height: int = 4, decimals: int | None = None, words: Mapping[str, tuple[str, str]] | None = None,
) -> Any:  # fmt: skip
    """One number that is green, orange or red; none: what is said where there is nothing to say."""
    panel = _dress(stat.Panel(), title, about, unit, [query], width, height).thresholds(steps(at)).no_value(none)
    panel = panel.color_mode(kinds.BigValueColorMode.BACKGROUND if at != PLAIN else kinds.BigValueColorMode.VALUE)
    panel = panel.graph_mode(kinds.BigValueGraphMode.NONE).reduce_options(_last())
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.mappings(named(words)) if words else panel


def lines(
    title: str, about: str, unit: str, *queries: Any, at: Steps | None = None, stacked: bool = False,
    least: float | None = 0, most: float | None = None, width: int = 8, height: int = 8,
) -> Any:  # fmt: skip
    """Over time. at: lines drawn where it turns orange and red; gaps in the data stay gaps."""
    panel = _colour(_dress(series.Panel(), title, about, unit, queries, width, height), queries).no_value(NO_DATA)
    panel = panel.line_width(1).span_nulls(span_nulls=False).show_points(kinds.VisibilityMode.AUTO)
    panel = panel.fill_opacity(40 if stacked else 8)
    panel = panel.tooltip(
        common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)
    )
    panel = panel.legend(
        common.VizLegendOptions().display_mode(kinds.LegendDisplayMode.LIST).placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True).calcs([])
    )  # fmt: skip
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if at is not None:
        style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(steps(at)).thresholds_style(style)
    if least is not None:
        panel = panel.min(least)
    return panel if most is None else panel.max(most)


def bars(
    title: str, about: str, unit: str, query: Any, at: Steps = ((None, "blue"),), *, none: str = NO_DATA,
    most: float | None = None, decimals: int | None = None, width: int = 8, height: int = 8,
) -> Any:  # fmt: skip
    """One bar for each, the longest first if the query sorts so."""
    panel = _dress(bargauge.Panel(), title, about, unit, [query], width, height).thresholds(steps(at)).no_value(none)
    panel = panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel = panel.value_mode(kinds.BarGaugeValueMode.COLOR).show_unfilled(show_unfilled=True).min(0)
    panel = panel.reduce_options(_last())
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel if most is None else panel.max(most)


def grid(
    title: str, about: str, unit: str, *queries: Any, columns: Mapping[str, str],
    units: Mapping[str, str] | None = None, cells: Mapping[str, Steps] | None = None,
    links: Mapping[str, str] | None = None, none: str = NO_DATA, width: int = 24, height: int = 8,
) -> Any:  # fmt: skip
    """A table. columns: what comes (`agent`, `Value #A`) to its heading, in order; all else is left out.

    units, cells and links are by heading; cells are coloured by steps.
    """
    panel = (
        _dress(table.Panel(), title, about, unit, queries, width, height).no_value(none).show_header(show_header=True)
    )
    if not isinstance(queries[0], Sql):
        panel = panel.with_transformation(DataTransformerConfig("merge", options={}))
    order = {name: place for place, name in enumerate(columns)}
    options = {"indexByName": order, "renameByName": dict(columns), "excludeByName": {"Time": True}}
    keep = {"include": {"names": list(columns)}}
    panel = panel.with_transformation(DataTransformerConfig("filterFieldsByName", options=keep))
    panel = panel.with_transformation(DataTransformerConfig("organize", options=options))
    for heading in columns.values():
        properties = []
        if heading in (units or {}):
            properties.append(DynamicConfigValue("unit", (units or {})[heading]))
        if heading in (cells or {}):
            at = [{"value": value, "color": colour} for value, colour in (cells or {})[heading]]
            properties.append(DynamicConfigValue("thresholds", {"mode": "absolute", "steps": at}))
            properties.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
        if heading in (links or {}):
            link = {"title": "Open", "url": (links or {})[heading]}
            properties.append(DynamicConfigValue("links", [link]))
        if properties:
            panel = panel.override_by_name(heading, properties)
    return panel


def spread(title: str, about: str, unit: str, query: Any, *, width: int = 12, height: int = 8) -> Any:
    """A histogram over time, dark where there are many."""
    panel = _dress(heatmap.Panel(), title, about, unit, [query], width, height).no_value(NO_DATA)
    panel = panel.calculate(calculate=False).cell_gap(1).show_color_scale(show_color_scale=True)
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    panel = panel.color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).reverse(reverse=True))
    return panel.y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(kinds.AxisPlacement.LEFT)).show_legend()


def states(
    title: str, about: str, words: Mapping[str, tuple[str, str]], *queries: Any, width: int = 12, height: int = 8
) -> Any:
    """Which state each was in, over time."""
    panel = _dress(statetimeline.Panel(), title, about, "short", queries, width, height).no_value(NO_DATA)
    panel = panel.mappings(named(words)).merge_values(merge_values=True).show_value(kinds.VisibilityMode.NEVER)
    mode = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
    return panel.thresholds(steps(PLAIN)).color_scheme(mode).row_height(0.8).line_width(0).fill_opacity(80)


def firing(title: str, about: str, *, width: int = 12, height: int = 8) -> Any:
    """Grafana's own list of the alerts that Prometheus has; the SDK has no builder for it."""
    shown = {"firing": True, "pending": True, "noData": True, "normal": False, "error": True}
    options = {
        "viewMode": "list", "groupMode": "default", "groupBy": [], "maxItems": 30, "sortOrder": 3,
        "dashboardAlerts": False, "alertName": "", "alertInstanceLabelFilter": '{alertname!="ArgusWatchdog"}',
        "datasource": "Argus Prometheus", "stateFilter": shown,
    }  # fmt: skip
    return _dress(dashboard.Panel().type("alertlist").options(options), title, about, "short", [], width, height)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False).fields("")
