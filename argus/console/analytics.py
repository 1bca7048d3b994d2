"""The analytics page: figures and charts over a span of time, from the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from aiohttp import web
from msgspec import Struct

from argus.console import charts
from argus.console.addresses import quoted
from argus.console.charts import Chart, Point, Row, Series, amount, duration
from argus.console.page import Page, Visit
from argus.store import activity
from argus.store.activity import Amount, Buckets, Verdicts
from argus.store.summary import Summary, summary
from core.clock import DAY, HOUR, MINUTE
from core.records import SEVERITIES

RULES_SHOWN: Final = 10
BOARDS: Final = (
    ("overview", "Overview"),
    ("security", "Security"),
    ("models", "Models"),
    ("agents", "Agents"),
    ("kafka", "Kafka and state"),
    ("alerting", "Alerting path"),
)
TONES: Final = {"approve": "s3", "challenge": "s5", "block": "s6"}


class Span(NamedTuple):
    """One that can be chosen. part_ms: of its trends."""

    name: str
    long_ms: int
    part_ms: int


SPANS: Final = {
    "1h": Span("1 hour", HOUR, 2 * MINUTE),
    "6h": Span("6 hours", 6 * HOUR, 15 * MINUTE),
    "24h": Span("24 hours", DAY, HOUR),
    "7d": Span("7 days", 7 * DAY, 6 * HOUR),
    "30d": Span("30 days", 30 * DAY, DAY),
}


class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
    """span: a key of `SPANS`."""

    span: Literal["1h", "6h", "24h", "7d", "30d"] = "24h"


class Figure(NamedTuple):
    """One of the figures at the top."""

    name: str
    value: str


async def shown(visit: Visit) -> web.StreamResponse:
    chosen = visit.query(Chosen).span
    span = SPANS[chosen]
    until_ms = visit.services.now_ms()
    # Parts begin at whole multiples, so that they stand still from one look to the next.
    since_ms = (until_ms - span.long_ms) // span.part_ms * span.part_ms
    starts = range(since_ms, until_ms, span.part_ms)
    async with visit.services.store.reading() as connection:
        found = await summary(connection, since_ms, until_ms, span.part_ms)
        severities = await activity.alerts_by_severity(connection, since_ms, until_ms, span.part_ms)
        failed = await activity.failures(connection, since_ms, until_ms, span.part_ms)
        times = await activity.response_times(connection, since_ms, until_ms, span.part_ms)
        paid = await activity.amounts(connection, since_ms, until_ms)
        verdicts = await activity.verdicts_by_rule(connection, since_ms, until_ms)
        hits = await activity.alerts_by_rule(connection, since_ms, until_ms)
    labels = [label(start, span) for start in starts]
    drawn = [
        _alerts(labels, starts, severities),
        _risk(found),
        _amounts(paid),
        _failures(labels, starts, failed),
        _rules({rule_id: counts["live"] for rule_id, counts in hits.items() if counts["live"]}),
        _false(verdicts),
        _times(labels, starts, times),
        _decisions(found),
    ]
    return visit.render(
        "analytics.html",
        spans={key: one.name for key, one in SPANS.items()},
        chosen=chosen,
        since=since_ms,
        figures=figures(found),
        charts=drawn,
        boards=boards(visit.services.settings.grafana_url),
    )


def boards(url: str | None) -> list[tuple[str, str]]:
    """Address and name of each Grafana board, none without a Grafana."""
    return [(f"{url.rstrip('/')}/d/argus-{uid}", name) for uid, name in BOARDS] if url else []


def figures(found: Summary) -> list[Figure]:
    """What is said in one number each. A dash where there is nothing to divide by."""
    decided = sum(found.decisions.values())
    held = found.decisions.get("challenge", 0) + found.decisions.get("block", 0)
    dash = "\N{EN DASH}"
    share = found.false_positive_share
    return [
        Figure("Alerts", amount(found.alerts)),
        Figure("Decisions, about", amount(decided)),
        Figure("Challenged or blocked", f"{held / decided:.1%}" if decided else dash),
        Figure("Locked, challenged now", f"{amount(found.locked)}, {amount(found.challenged)}"),
        Figure("Cases overdue", amount(found.overdue)),
        Figure("False positives", dash if share is None else f"{share:.0%}"),
        Figure("To acknowledge (MTTA)", dash if found.mtta_s is None else duration(found.mtta_s)),
        Figure("To resolve (MTTR)", dash if found.mttr_s is None else duration(found.mttr_s)),
    ]


def label(start_ms: int, span: Span) -> str:
    """When a part of the span begins."""
    form = "%H:%M" if span.long_ms <= DAY else "%d %b %H:%M" if span.part_ms < DAY else "%d %b"
    return f"{datetime.fromtimestamp(start_ms / 1_000, UTC):{form}}"


def _alerts(labels: list[str], starts: Sequence[int], found: Buckets) -> Chart:
    series = [
        Series(name.capitalize(), name.lower(), [found.get(start, {}).get(name, 0.0) for start in starts])
        for name in SEVERITIES
    ]
    total = sum(value or 0 for one in series for value in one.values)
    says = f"Columns over time, stacked by severity: {total:,.0f} live alerts in all."
    return charts.columns("alerts", "Alerts by severity", says, labels, series)


def _risk(found: Summary) -> Chart:
    labels = [f"{low}\N{EN DASH}{low + 10}" for low in range(0, 100, 10)]
    series = [Series("decisions", "s1", [float(count) for count in found.risk])]
    high = sum(found.risk[7:])
    says = f"How many decisions fell into each ten of the risk score, on a logarithmic scale; {high:,} at 70 or more."
    chart = charts.columns("risk", "Risk of all events", says, labels, series, logarithmic=True, first="Risk score")
    chart.note = "Logarithmic. Approvals are estimated from a sample."
    return chart


def _amounts(found: list[Amount]) -> Chart:
    points = [
        Point(
            one.usd, one.risk_score, TONES[one.decision], f"{one.usd:,.2f} USD: {one.decision}, {one.risk_score:.0f}"
        )
        for one in found
    ]
    legend = [(tone, name.capitalize()) for name, tone in TONES.items()]
    says = f"{len(found)} of the newest payments, a dot each: further right is more money, further up more risk."
    chart = charts.scatter(
        "amounts", "Amounts against risk", says, points, legend, across="the amount in rough dollars"
    )
    chart.head = ["Decision", "Payments", "Median amount", "Median risk"]
    chart.rows = [
        [verdict.capitalize(), str(len(mine)), f"{_median([one.usd for one in mine]):,.0f}", risk]
        for verdict in TONES
        if (mine := [one for one in found if one.decision == verdict])
        for risk in (f"{_median([one.risk_score for one in mine]):.0f}",)
    ]
    return chart


def _failures(labels: list[str], starts: Sequence[int], found: Buckets) -> Chart:
    def over(*types: str) -> list[float]:
        return [sum(found.get(start, {}).get(type_, 0.0) for type_ in types) for start in starts]

    series = [
        Series("Logins", "s1", over("login")),
        Series("Codes", "s4", over("otp")),
        Series("Payments", "s2", over(*activity.PAYMENTS)),
    ]
    logins, codes, payments = (sum(value or 0 for value in one.values) for one in series)
    says = f"About {logins:,.0f} failed logins, {codes:,.0f} wrong codes and {payments:,.0f} failed payments."
    return charts.columns("failures", "Failed logins, codes and payments", says, labels, series)


def _rules(hits: dict[str, int]) -> Chart:
    ordered = sorted(hits.items(), key=lambda hit: (-hit[1], hit[0]))[:RULES_SHOWN]
    found = [Row(rule_id, count, f"{count:,}", href=f"/rules/{quoted(rule_id)}") for rule_id, count in ordered]
    says = "Live alerts of each rule, the most frequent first."
    return charts.rows("rules", "Rules that raised alerts", says, found, head=("Rule", "Alerts"))


def _false(verdicts: dict[str, Verdicts]) -> Chart:
    ordered = sorted(verdicts.items(), key=lambda one: (-one[1].false / one[1].resolved, -one[1].resolved, one[0]))
    found = [
        Row(rule_id, one.false / one.resolved, f"{one.false} of {one.resolved}", "s6")
        for rule_id, one in ordered[:RULES_SHOWN]
    ]
    says = "Of the resolved cases of each rule, the share that was a false positive."
    return charts.rows("false", "False positives by rule", says, found, head=("Rule", "False positives"), most=1.0)


def _times(labels: list[str], starts: Sequence[int], found: Buckets) -> Chart:
    series = [
        Series("To acknowledge", "s1", [found.get(start, {}).get("ack") for start in starts]),
        Series("To resolve", "s2", [found.get(start, {}).get("resolve") for start in starts]),
    ]
    says = "Mean time from opening a case to its acknowledgement and to its resolution."
    return charts.lines("times", "Time to acknowledge and resolve", says, labels, series, told=duration)


def _decisions(found: Summary) -> Chart:
    total = sum(found.decisions.values()) or 1
    rows = [
        Row(name.capitalize(), count / total, f"{amount(count)} ({count / total:.1%})", TONES[name])
        for name in TONES
        if (count := found.decisions.get(name, 0))
    ]
    says = "What was decided about all events, as shares; approvals are estimated from a sample."
    return charts.rows("decisions", "Decisions", says, rows, head=("Decision", "Events"), most=1.0)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


PAGES: Final = (Page(path="/analytics", roles=("analyst", "admin"), handler=shown, menu="Analytics"),)
