"""What Grafana is told at its start: data sources and where the boards are; no secret in any file."""

import re
from pathlib import Path
from typing import Any

import yaml

from grafana.__main__ import FOLDER
from tests.grafana.reading import boards

PROVISIONING = FOLDER.parent / "provisioning"
# Grafana's own form: `$$` stands for a `$` that is no variable.
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)\}")
DOCS = FOLDER.parent.parent / "docs" / "boards.md"


def read(path: str) -> Any:
    return yaml.safe_load((PROVISIONING / path).read_text())


def sources() -> dict[str, dict[str, Any]]:
    return {source["uid"]: source for source in read("datasources/argus.yaml")["datasources"]}


def test_each_data_source_has_a_fixed_uid_and_is_not_changed_in_the_browser() -> None:
    assert {uid: source["type"] for uid, source in sources().items()} == {
        "argus-prometheus": "prometheus",
        "argus-alertmanager": "alertmanager",
        "argus-database": "grafana-postgresql-datasource",
    }
    assert all(source["editable"] is False for source in sources().values())
    assert [uid for uid, source in sources().items() if source.get("isDefault")] == ["argus-prometheus"]


def test_boards_begin_with_the_provisioned_data_sources() -> None:
    known = {uid: source["name"] for uid, source in sources().items()}
    for board in boards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "datasource":
                current = variable["current"]
                assert known[current["value"]] == current["text"]
                assert sources()[current["value"]]["type"] == variable["query"]
        for panel in board["panels"]:
            if panel["type"] == "alertlist":
                assert panel["options"]["datasource"] in known.values()


def test_addresses_and_passwords_come_from_the_environment() -> None:
    for source in sources().values():
        assert VARIABLE.fullmatch(source["url"]), source["url"]
        for value in source.get("secureJsonData", {}).values():
            assert VARIABLE.fullmatch(value)
        assert not {"password", "basicAuthPassword"} & (set(source) | set(source["jsonData"]))


def test_the_page_on_boards_names_every_variable() -> None:
    page = DOCS.read_text()
    for path in PROVISIONING.rglob("*.yaml"):
        for name in VARIABLE.findall(path.read_text()):
            assert f"`{name}`" in page, name


def test_exemplars_of_prometheus_lead_to_the_alert_in_the_console() -> None:
    (exemplar,) = sources()["argus-prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplar["name"] == "alert_id"
    assert exemplar["url"].endswith("/alerts/$${__value.raw}")


def test_boards_are_read_from_files_into_one_folder() -> None:
    (provider,) = read("dashboards/argus.yaml")["providers"]
    assert (provider["type"], provider["folderUid"], provider["allowUiUpdates"]) == ("file", "argus", False)
    assert provider["options"]["path"] == "${ARGUS_BOARDS_PATH}"
    assert len(list(Path(FOLDER).glob("*.json"))) == 6
