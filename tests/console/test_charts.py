"""Charts: within their ground, legible, honest about what is missing, and with a table beside them."""

import pytest

from argus.console import charts
from argus.console.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Point, Row, Series, amount, duration


def inside(chart: Chart) -> bool:
    return all(
        m.x >= 0 and m.x + (m.w if m.kind == "rect" else 0) <= WIDTH and m.y >= 0 and m.y <= chart.height
        for m in chart.marks
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (7, "7"), (0.25, "0.25"), (9_999, "9,999"), (12_000, "12k"), (3_450_000, "3.5M"), (2e9, "2G")],
)
def test_numbers_take_few_characters(value: float, told: str) -> None:
    assert amount(value) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (90, "1.5 min"), (7_200, "2 h"), (172_800, "2 d")]
)
def test_spans_are_told_in_their_unit(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("values", [[1.0], [0.0, 3.0, 1e6], [5.0] * 60])
def test_columns_stay_on_their_ground_and_stack(values: list[float], logarithmic: bool) -> None:
    labels = [f"{at:02}:00" for at in range(len(values))]
    series = [Series("a", "s1", values)] if logarithmic else [Series("a", "s1", values), Series("b", "s2", values)]
    chart = charts.columns("k", "t", "s", labels, series, logarithmic=logarithmic)
    assert inside(chart)
    assert not chart.empty
    assert min(mark.y for mark in chart.marks) >= TOP - 0.1
    assert max(mark.y + mark.h for mark in chart.marks) <= HEIGHT - BOTTOM + 1
    assert [row[0] for row in chart.rows] == labels
    # Labels never touch: about seven wide for a character.
    gaps = [b.x - a.x for a, b in zip(chart.texts, chart.texts[1:], strict=False)]
    assert all(gap >= 5 * 7 for gap in gaps)


def test_nothing_is_drawn_of_nothing() -> None:
    assert charts.columns("k", "t", "s", ["a", "b"], [Series("x", "s1", [0.0, 0.0])]).empty
    assert charts.lines("k", "t", "s", ["a"], [Series("x", "s1", [None])]).empty
    assert charts.rows("k", "t", "s", [], head=("a", "b")).empty
    assert charts.scatter("k", "t", "s", [], [], across="x").empty


def test_a_line_is_broken_where_nothing_was_measured_and_the_table_has_a_dash() -> None:
    chart = charts.lines("k", "t", "s", list("abcd"), [Series("x", "s1", [1.0, None, 2.0, 3.0])], told=duration)
    ((_, path),) = chart.paths
    assert (path.count("M"), path.count("L")) == (2, 1)
    assert [row[1] for row in chart.rows] == ["1 s", "\N{EN DASH}", "2 s", "3 s"]


def test_a_bar_is_as_long_as_its_share() -> None:
    found = [Row("a", 0.5, "half", href="/rules/a"), Row("b", 2.0, "too much")]
    chart = charts.rows("k", "t", "s", found, head=("Name", "Share"), most=1.0)
    assert [mark.w for mark in chart.marks if mark.tone != "track"] == [WIDTH / 2, WIDTH]
    assert chart.links == ["/rules/a", ""]


def test_points_lie_by_powers_of_ten_and_risk() -> None:
    points = [Point(1, 0, "s1", "a"), Point(10, 50, "s1", "b"), Point(100, 100, "s1", "c")]
    chart = charts.scatter("k", "t", "s", points, [], across="x")
    first, middle, last = chart.marks
    assert (first.x, last.x) == (LEFT, WIDTH - RIGHT)
    assert middle.x == pytest.approx((first.x + last.x) / 2, abs=0.2)
    assert (first.y, last.y) == (HEIGHT - BOTTOM, TOP)
