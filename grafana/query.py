"""PromQL and SQL in the shapes that the boards use.

A rate is over `$__rate_interval`, a count over the shown range. What is shown as one number is an instant query: a
range's last value would still be shown when its series has ended.
"""

from typing import Any, Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
DATABASE: Final = DataSourceRef(type_val="grafana-postgresql-datasource", uid="${database}")
CHOSEN: Final = ('job=~"$job"', 'instance=~"$instance"')


def of(metric: str, *matchers: str) -> str:
    """The metric of the chosen jobs and instances."""
    return f"{metric}{{{','.join((*CHOSEN, *matchers))}}}"


def total(inner: str, by: str = "", how: str = "sum") -> str:
    """`sum by (by) (inner)`; by may name several labels."""
    return f"{how} by ({by}) ({inner})" if by else f"{how}({inner})"


def rate(metric: str, *matchers: str, by: str = "") -> str:
    """Per second."""
    return total(f"rate({of(metric, *matchers)}[$__rate_interval])", by)


def count(metric: str, *matchers: str, by: str = "") -> str:
    """How many in the shown range."""
    return total(f"increase({of(metric, *matchers)}[$__range])", by)


def quantile(q: float, metric: str, *matchers: str, by: str = "", over: str = "$__rate_interval") -> str:
    """A quantile of a histogram; nothing, not NaN, where nothing was observed. metric: without `_bucket`."""
    labels = f"le, {by}" if by else "le"
    rated = total(f"rate({of(metric + '_bucket', *matchers)}[{over}])", labels)
    return f"histogram_quantile({q}, {rated}) >= 0"


def share(part: str, whole: str) -> str:
    """A ratio from 0 to 1; nothing, not NaN, where the whole is 0."""
    return f"{part} / ({whole} > 0)"


def promql(
    expr: str, legend: str = "", *, instant: bool = False, exemplar: bool = False, fmt: str = ""
) -> Builder[Any]:
    """One query of a panel. fmt: `table` or `heatmap`."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expr).legend_format(legend or "__auto")
    query = query.instant() if instant else query.range()
    if exemplar:
        query = query.exemplar(exemplar=True)
    return query.format(PromQueryFormat(fmt)) if fmt else query


class _Sql(Dataquery):
    """What Grafana's PostgreSQL data source takes; the SDK has no type for it."""

    def __init__(self, statement: str) -> None:
        self.ref_id = ""
        self._statement = statement.strip()

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": DATABASE,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self._statement,
            "refId": self.ref_id,
        }


class Sql(Builder[_Sql]):
    """A statement for the database, whose times are milliseconds: `time_ms BETWEEN $__from AND $__to`."""

    def __init__(self, statement: str) -> None:
        self._query = _Sql(statement)

    def ref_id(self, name: str) -> "Sql":
        self._query.ref_id = name
        return self

    def build(self) -> _Sql:
        return self._query
