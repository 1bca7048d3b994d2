"""What holds for every board: the rules of Grafana's own linter that make sense here, and the house's."""

import collections
import re
from typing import Any

import pytest

from grafana.__main__ import BOARDS, files
from grafana.board import TAG
from tests.grafana.reading import boards, panels, queries

ALL = pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
ONE_NUMBER = ("stat", "bargauge", "table")
# Units that Grafana 11 knows and the boards use.
UNITS = {
    "short", "none", "string", "percentunit", "s", "bytes", "Bps", "eps", "ops", "reqps", "dateTimeAsIso",
}  # fmt: skip
Json = dict[str, Any]


def variable(board: Json, name: str) -> Json:
    return next(each for each in board["templating"]["list"] if each["name"] == name)


def test_the_files_are_what_the_code_makes_of_them_each_time() -> None:
    assert {path.name: path.read_text() for path in files()} == {path.name: text for path, text in files().items()}
    assert files() == files()
    assert sorted(board["uid"] for board in boards()) == sorted(board.uid for board in BOARDS)


@ALL
def test_a_board_is_of_the_classic_model_and_is_not_changed_in_the_browser(board: Json) -> None:
    assert board["editable"] is False
    assert board["schemaVersion"] >= 36
    assert {"panels", "templating", "annotations", "time", "refresh", "description"} <= set(board)
    assert "spec" not in board


@ALL
def test_a_board_links_to_the_others_and_keeps_time_and_variables(board: Json) -> None:
    (link,) = board["links"]
    assert (link["type"], link["tags"], link["asDropdown"]) == ("dashboards", [TAG], True)
    assert link["keepTime"]
    assert link["includeVars"]
    assert board["tags"] == [TAG]


@ALL
def test_a_board_marks_starts_and_model_swaps(board: Json) -> None:
    assert [each["name"] for each in board["annotations"]["list"]] == ["Starts and deploys", "Model swaps"]
    assert all(each["enable"] and each["expr"] for each in board["annotations"]["list"])


@ALL
def test_data_source_job_and_instance_are_variables(board: Json) -> None:
    source = variable(board, "datasource")
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")
    for name in ("job", "instance"):
        chosen = variable(board, name)
        assert (chosen["multi"], chosen["includeAll"], chosen["allValue"]) == (True, True, ".+"), name
        assert chosen["label"]
        assert chosen["refresh"] == 2, "looked up again as the time range changes"


@ALL
def test_every_variable_is_of_use(board: Json) -> None:
    text = str(board["panels"]) + str(board["templating"])
    for each in board["templating"]["list"]:
        assert re.search(rf"\$\{{?{each['name']}\b", text), each["name"]


@ALL
def test_every_panel_has_an_id_a_title_a_description_and_a_unit(board: Json) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert all(isinstance(each, int) and each > 0 for each in ids)
    for panel in panels(board):
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
    # The age of the oldest record is on several boards; on one board a title is one thing.
    titles = collections.Counter((panel["title"], panel["type"]) for panel in panels(board))
    assert titles.most_common(1)[0][1] == 1, titles.most_common(1)


@ALL
def test_panels_fill_the_width_and_none_lies_on_another(board: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert max(x for x, _ in taken) == 23
    assert len(taken) == 24 * (max(y for _, y in taken) + 1), "there is a hole"


@ALL
def test_every_panel_asks_the_data_source_that_was_chosen(board: Json) -> None:
    for panel in panels(board):
        if panel["type"] == "alertlist":
            continue
        assert panel["targets"], panel["title"]
        for each in (panel, *panel["targets"]):
            assert each["datasource"]["uid"] in ("${datasource}", "${database}"), panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs))


@ALL
def test_no_panel_lies_where_data_is_missing(board: Json) -> None:
    """One number is of now, not the last of a series that has ended; nothing is told as nothing, not as 0; a gap in a
    line stays a gap."""
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] != "alertlist":
            assert defaults["noValue"], panel["title"]
        if panel["type"] in ONE_NUMBER:
            assert all(target.get("instant") or "rawSql" in target for target in panel["targets"]), panel["title"]
        if panel["type"] == "timeseries":
            assert defaults["custom"]["spanNulls"] is False, panel["title"]
    for query in queries(board):
        assert "vector(0)" not in query.text, query.where


@ALL
def test_thresholds_begin_with_what_is_well_and_rise(board: Json) -> None:
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps]
        assert not values or values[0] is None, panel["title"]
        assert values[1:] == sorted(values[1:]), panel["title"]


@ALL
def test_latencies_of_alerts_lead_to_the_alert_by_exemplar(board: Json) -> None:
    for panel in panels(board):
        for target in panel.get("targets", ()):
            expr = target.get("expr", "")
            if "argus_alert_latency_seconds_bucket" in expr and panel["type"] in ("timeseries", "heatmap"):
                assert target["exemplar"], panel["title"]


@ALL
def test_a_board_asks_first_whether_it_is_well(board: Json) -> None:
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows[0] == "Is it well"
    first = [panel for panel in panels(board) if panel["gridPos"]["y"] == 1]
    assert {panel["type"] for panel in first} == {"stat"}
    assert len(first) == 6
