"""The pictures say what the answers say: units, names, merged rows, gaps."""

from typing import Any

import pytest

from tests.grafana.drawing import picture
from tests.grafana.drawing.data import Shown, mapped, named, over_time, rows, tint
from tests.grafana.drawing.svg import path
from tests.grafana.drawing.units import ticks, worded
from tests.grafana.reading import boards, panels


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.9953, "percentunit", "99.5 %"),
        (0.0042, "s", "4.2 ms"),
        (0.00012, "s", "120 µs"),
        (0.0, "s", "0 s"),
        (900.0, "s", "15 min"),
        (-30.0, "s", "-30 s"),
        (3 * 1024**3, "bytes", "3 GiB"),
        (1536.0, "Bps", "1.5 KiB/s"),
        (12_500.0, "eps", "12.5 K /s"),
        (0.25, "short", "0.25"),
    ],
)
def test_values_are_told_in_their_unit(value: float, unit: str, words: str) -> None:
    assert worded(value, unit) == words


def test_ticks_are_round_and_within_the_bounds() -> None:
    assert ticks(0, 0.93, 4) == pytest.approx([0, 0.5])
    assert ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert ticks(3, 3, 5) == [3]


def test_a_series_is_called_by_its_legend() -> None:
    assert named("{{agent}}, 99 of 100", {"agent": "detect"}) == "detect, 99 of 100"
    assert named("__auto", {"__name__": "up", "job": "argus-worker"}) == "argus-worker"


def answering(results: dict[str, Any]) -> Any:
    """A Prometheus that knows these answers, by how the query begins."""

    def ask(path: str, **parameters: Any) -> Any:
        found = next((each for start, each in results.items() if parameters["query"].startswith(start)), [])
        return {"result": found}

    return ask


def shown(prometheus: Any) -> Shown:
    return Shown(100.0, 160.0, 1.0, prometheus, lambda statement: [])


def panel(uid: str, title: str) -> dict[str, Any]:
    board = next(board for board in boards() if board["uid"] == uid)
    return next(each for each in panels(board) if each["title"] == title)


def test_rows_of_one_agent_are_one_row_under_the_columns_headings() -> None:
    prometheus = answering(
        {
            "sum by (agent) (rate(argus_agent_events_total": [
                {"metric": {"agent": "detect"}, "value": [160, "12"]},
                {"metric": {"agent": "learn"}, "value": [160, "3"]},
            ],
            "max by (agent) (argus_consumer_lag_seconds": [{"metric": {"agent": "learn"}, "value": [160, "0.5"]}],
        }
    )
    found = rows(panel("argus-overview", "Agents"), shown(prometheus))
    learn = next(row for row in found if row["Agent"] == "learn")
    assert list(learn) == ["Agent", "Records/s", "Failed", "Batch, p99", "Oldest record"]
    assert learn["Oldest record"] == 0.5
    assert next(row for row in found if row["Agent"] == "detect")["Oldest record"] is None


def test_a_row_that_is_merged_has_the_labels_of_both_answers() -> None:
    prometheus = answering(
        {
            "sum by (model, version, algorithm)": [
                {"metric": {"model": "loda", "version": "1", "algorithm": "LODA"}, "value": [160, "1"]}
            ],
            "sum by (model, mode)": [{"metric": {"model": "loda", "mode": "shadow"}, "value": [160, "1"]}],
        }
    )
    (row,) = rows(panel("argus-models", "Models at work"), shown(prometheus))
    assert (row["Model"], row["Mode"], row["Algorithm"]) == ("loda", "shadow", "LODA")


def test_a_level_stretch_of_a_line_is_one_move() -> None:
    level = [(float(x), 5.0) for x in range(10)]
    assert path([*level, (10.0, 8.0)]) == path([level[0], level[-1], (10.0, 8.0)])
    assert 'd="M0 5l9 0 1 3"' in path([*level, (10.0, 8.0)])


def test_what_is_no_number_is_not_drawn_and_a_gap_stays_one() -> None:
    values = [[100, "1"], [101, "NaN"], [102, "2"], [110, "3"]]
    decisions = panel("argus-overview", "Decisions")
    prometheus = answering({"sum by (decision)": [{"metric": {"decision": "block"}, "values": values}]})
    (block,) = over_time(decisions, shown(prometheus))
    assert block.points == [(100, 1), (102, 2), (110, 3)]
    drawing = picture.KINDS["timeseries"](decisions, picture.Box(0, 0, 400, 200), shown(prometheus))
    edges = [part for part in drawing if f'stroke="{block.colour}"' in part]
    assert len(edges) == 3


def test_a_number_has_the_colour_of_its_threshold_or_the_word_of_its_value() -> None:
    lag = panel("argus-overview", "Oldest record waiting")
    assert [tint(lag, value) for value in (0, 29, 30, 119, 120, 999)] == [
        "green", "green", "orange", "orange", "red", "red",
    ]  # fmt: skip
    assert mapped(panel("argus-alerting", "Database"), 0) == ("away", "red")
    assert mapped(lag, 0) is None


def test_a_board_without_any_answer_says_so_in_every_panel() -> None:
    def ask(path: str, **parameters: Any) -> Any:
        return {"alerts": {"alerts": []}, "query_exemplars": []}.get(path, {"result": []})

    for board in boards():
        svg = picture.drawn(board, shown(ask))
        said = {each["fieldConfig"]["defaults"].get("noValue", "No alerts") for each in panels(board)}
        assert all(words in svg for words in said)
        assert "NaN" not in svg
