"""Every query is PromQL, asks as one should, and names what exists; every metric is to be seen somewhere."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser
import pytest
import yaml

from argus.metrics import BY_NAME
from tests.grafana.house import RULES
from tests.grafana.reading import Query, boards, filled, queries, selector

RATE = ("rate", "irate", "increase", "delta", "deriv")
COUNTED = ("_bucket", "_count", "_sum")
# Metrics of others: the client library's, Prometheus' own and Alertmanager's.
OTHERS = re.compile(r"(process|scrape|prometheus|alertmanager)_\w+|up|ALERTS")
# Labels that no declaration names: the scrape's, rules', Alertmanager's and Prometheus' own.
LABELS = frozenset(["job", "instance", "le", "slo", "alertname", "severity", "integration", "state", "rule_group"])
# Metrics that are on no board, each with the reason.
NOT_SHOWN: dict[str, str] = {}
PROMQL = [query for board in boards() for query in queries(board) if query.kind != "sql"]
# A board at a time; what is found wrong names the query.
EACH = pytest.mark.parametrize(
    "asked", [[query for query in PROMQL if query.where.startswith(board["uid"])] for board in boards()],
    ids=[board["uid"] for board in boards()],
)  # fmt: skip


@cache
def recorded() -> frozenset[str]:
    """The names that recording rules make."""
    groups = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
    return frozenset(rule["record"] for group in groups for rule in group["rules"] if "record" in rule)


def parsed(query: Query) -> promql_parser.Expr:
    text = selector(query.text) if query.kind == "variable" else query.text
    return promql_parser.parse(filled(text, 3_600))


def nodes(node: Any, functions: tuple[str, ...] = ()) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Every node below, with the functions that it stands in."""
    yield node, functions
    if isinstance(node, promql_parser.Call):
        functions = (*functions, node.func.name)
    for name in ("lhs", "rhs", "expr", "args", "vector_selector"):
        below = getattr(node, name, None)
        for each in below if isinstance(below, list) else [below] if below is not None else []:
            yield from nodes(each, functions)


def names(query: Query) -> set[str]:
    return {node.name for node, _ in nodes(parsed(query)) if isinstance(node, promql_parser.VectorSelector)}


def declared(name: str) -> str | None:
    """The metric that a series belongs to."""
    if name in BY_NAME:
        return name
    family = next((name.removesuffix(part) for part in COUNTED if name.endswith(part)), "")
    return family if family in BY_NAME and BY_NAME[family].kind == "histogram" else None


@EACH
def test_a_query_names_only_what_is_declared_or_recorded(asked: list[Query]) -> None:
    for query in asked:
        for name in names(query):
            assert declared(name) or name in recorded() or OTHERS.fullmatch(name), (query.where, name)


@EACH
def test_a_query_keeps_to_the_chosen_jobs_and_instances(asked: list[Query]) -> None:
    for query in asked:
        if query.kind == "variable":
            continue
        for node, _ in nodes(parsed(query)):
            if isinstance(node, promql_parser.VectorSelector) and declared(node.name):
                matchers = {(each.name, each.value) for each in node.matchers.matchers}
                assert {("job", ".+"), ("instance", ".+")} <= matchers, (query.where, node.name)
        assert query.text.count('job=~"$job"') == query.text.count('instance=~"$instance"')


@EACH
def test_counters_are_only_asked_for_their_increase(asked: list[Query]) -> None:
    for query in asked:
        for node, functions in nodes(parsed(query)):
            if not isinstance(node, promql_parser.VectorSelector):
                continue
            family = declared(node.name)
            kind = BY_NAME[family].kind if family else "counter" if node.name.endswith("_total") else "gauge"
            counter = kind in ("counter", "histogram")
            if counter and query.kind != "variable":
                assert set(functions) & {"rate", "irate", "increase"}, (query.where, node.name)
            if family is not None and not counter:
                assert not set(functions) & {"rate", "irate", "increase"}, f"{node.name} is no counter"


@EACH
def test_a_rate_is_over_the_rate_interval_and_a_count_over_the_shown_range(asked: list[Query]) -> None:
    for query in asked:
        for function, range_ in re.findall(r"\b(\w+)\([^()\[\]]*\[([^\]]+)\]", query.text):
            assert function in RATE, (query.where, query.text)
            assert range_ in ("$__rate_interval", "$__range"), (query.where, query.text)
            if range_ == "$__range" and not query.instant:
                assert "histogram_quantile" in query.text, "a count over the range, drawn over time, says nothing"


@EACH
def test_labels_are_those_that_the_metric_has(asked: list[Query]) -> None:
    """`by (agnet)` would be a silent sum."""
    for query in asked:
        families = {declared(name) for name in names(query)} - {None}
        allowed = LABELS.union(*(BY_NAME[family].label_names for family in families if family is not None))
        for group in re.findall(r"\b(?:by|on|ignoring|without) \(([^)]*)\)", query.text):
            assert {label.strip() for label in group.split(",")} <= allowed, (query.where, query.text)


def test_every_metric_is_on_a_board_or_says_why_not() -> None:
    shown = {declared(name) for query in PROMQL if query.kind == "promql" for name in names(query)}
    hidden = set(BY_NAME) - shown
    assert hidden == set(NOT_SHOWN)
    assert all(NOT_SHOWN.values())
