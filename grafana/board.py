"""What all boards share: variables, links, annotations, and where panels stand."""

import dataclasses
import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    RowPanel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.query import PROMETHEUS, of

TAG: Final = "argus"
WIDTH: Final = 24


@dataclasses.dataclass(frozen=True)
class Row:
    """A heading with its panels, left to right, wrapped where the width is used up."""

    title: str
    panels: tuple[Builder[Any], ...]


@dataclasses.dataclass(frozen=True)
class Board:
    """One board. rows: whether it is well, then where not, then why. more: variables beside the common ones."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    more: tuple[Builder[Any], ...] = ()

    def as_json(self) -> str:
        """The text of its file; the same at every call."""
        frame = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.about)
            .tags([TAG])
            .readonly()
            .refresh("30s")
            .time("now-3h", "now")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink("Argus boards")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .as_dropdown(as_dropdown=True)
                .include_vars(include_vars=True)
                .keep_time(keep_time=True)
            )
        )
        for variable in (*_common(), *self.more):
            frame = frame.with_variable(variable)
        for annotation in _annotations():
            frame = frame.annotation(annotation)
        board = frame.build()
        board.panels = _laid(self.rows)
        return json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def choice(name: str, label: str, metric: str, *, narrowed: bool = True) -> Builder[Any]:
    """A variable of all values that a label of a metric has now; narrowed: among the chosen jobs and instances."""
    query = f"label_values({of(metric) if narrowed else metric}, {name})"
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def source(name: str, label: str, kind: str, text: str, uid: str) -> Builder[Any]:
    """A variable that chooses a data source; text and uid: the provisioned one, which it begins with."""
    chosen = VariableOption(selected=True, text=text, value=uid)
    return dashboard.DatasourceVariable(name).label(label).type(kind).current(chosen)


def _common() -> list[Builder[Any]]:
    return [
        source("datasource", "Data source", "prometheus", "Argus Prometheus", "argus-prometheus"),
        choice("job", "Job", "argus_build_info", narrowed=False),
        choice("instance", "Instance", 'argus_build_info{job=~"$job"}', narrowed=False),
    ]


class _Annotation(AnnotationQuery):
    """With the words that Grafana shows, which the SDK has no fields for."""

    def __init__(self, name: str, colour: str, expr: str, title: str, text: str) -> None:
        super().__init__(name=name, datasource=PROMETHEUS, enable=True, icon_color=colour, expr=expr)
        self.title, self.text = title, text

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": self.title, "textFormat": self.text, "step": "30s"}


class _Marked(dashboard.AnnotationQuery):
    def __init__(self, annotation: _Annotation) -> None:
        super().__init__()
        self._internal = annotation


def _annotations() -> list[Builder[Any]]:
    started = f"time() - {of('process_start_time_seconds')} < 60"
    swapped = f"sum by (model) (increase({of('argus_model_swaps_total')}[$__rate_interval])) > 0"
    return [
        _Marked(_Annotation("Starts and deploys", "blue", started, "{{job}} started", "{{instance}}")),
        _Marked(_Annotation("Model swaps", "purple", swapped, "{{model}} was fitted anew", "")),
    ]


def _laid(rows: tuple[Row, ...]) -> list[Any]:
    """Panels and headings with their places. Ids: the row's number in hundreds, then the place in it."""
    placed: list[Any] = []
    top = 0
    for number, row in enumerate(rows, 1):
        placed.append(RowPanel(id_val=number * 100, title=row.title, grid_pos=GridPos(h=1, w=WIDTH, x=0, y=top)))
        top, left, height = top + 1, 0, 0
        for place, builder in enumerate(row.panels, 1):
            panel = builder.build()
            width = panel.grid_pos.w
            if left + width > WIDTH:
                top, left, height = top + height, 0, 0
            panel.id_val = number * 100 + place
            panel.grid_pos = GridPos(h=panel.grid_pos.h, w=width, x=left, y=top)
            left, height = left + width, max(height, panel.grid_pos.h)
            placed.append(panel)
        top += height
    return placed
