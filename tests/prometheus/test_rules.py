"""The rules: as Prometheus reads them, against the declared metrics, their unit tests and their runbooks."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from argus.cli import group
from argus.metrics import BY_NAME
from prometheus.page import page
from tests.prometheus.shipped import (
    ROOT,
    RUNBOOKS,
    SHIPPED,
    UNIT_TESTS,
    alerts,
    checked,
    groups,
    load,
    program,
    recorded,
    series_in,
)

# What Prometheus, Alertmanager and the client library serve themselves.
OTHERS = {
    "up",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_notifications_errors_total",
    "alertmanager_notifications_total",
    "alertmanager_notifications_failed_total",
}
SEVERITIES = {"critical", "warning", "none"}
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
PUSHED = {"SecurityCase", "SecurityStorm"}


def test_prometheus_takes_the_configuration_and_every_rule_without_a_remark() -> None:
    promtool = program("promtool", "prometheus")
    checked([promtool, "check", "config", "--lint-fatal", SHIPPED / "prometheus.yml"])
    checked([promtool, "check", "rules", "--lint-fatal", *sorted((SHIPPED / "rules").glob("*.yml"))])


@pytest.mark.parametrize("path", sorted(UNIT_TESTS.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_are_quiet_when_they_should(path: Path) -> None:
    checked([program("promtool", "prometheus"), "test", "rules", path])


def test_every_alert_fires_in_one_unit_test_and_is_quiet_in_another() -> None:
    fires, quiet = set(), set()
    for path in UNIT_TESTS.glob("*.yml"):
        for case in load(path)["tests"]:
            for check in case.get("promql_expr_test", []):
                found = re.search(r'alertname="(\w+)"(?:,pace="(\w+)")?', check["expr"])
                if found and case.get("input_series"):
                    (fires if check["exp_samples"] else quiet).add(found.groups())
                elif found and check["exp_samples"]:
                    fires.add(found.groups())
    every = {(rule["alert"], rule["labels"].get("pace")) for rule in alerts()}
    # The service levels' missing data is one rule; a quiet test of all paces covers each.
    quiet |= {(name, pace) for name, pace in every if (name, None) in quiet}
    assert every - fires == set()
    # The dead man's switch is never quiet.
    assert every - quiet == {("ArgusWatchdog", None)}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_grave_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["labels"]["team"] in {"sre", "ml", "security"}
    assert rule["labels"]["category"] == "platform"
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"]
    assert notes["runbook_url"] == "{{ $externalLabels.argus_url }}/runbooks/" + rule["alert"]
    assert len(notes["summary"]) < 100
    assert not set(re.findall(r"\$\w+", str(notes))) - {"$externalLabels", "$labels", "$value"}


def test_rules_read_only_series_that_are_declared_or_recorded() -> None:
    unknown = {
        name
        for group in groups()
        for rule in group["rules"]
        for name in series_in(rule["expr"])
        if name not in recorded() | OTHERS and _metric(name) not in BY_NAME
    }
    assert unknown == set()


def test_rules_select_by_labels_that_the_metric_has() -> None:
    for group_ in groups():
        for rule in group_["rules"]:
            for name, inside in re.findall(r"(argus_\w+)\{([^}]*)\}", rule["expr"]):
                metric = BY_NAME[_metric(name)]
                wanted = set(re.findall(r"(\w+)\s*[=!]~?", inside)) - {"job", "instance", "le"}
                assert wanted <= set(metric.label_names), (rule, wanted)


def test_bounds_that_rules_ask_for_are_bounds_of_their_histograms() -> None:
    text = "".join(path.read_text() for path in (SHIPPED / "rules").glob("*.yml"))
    asked = re.findall(r'(argus_\w+)_bucket\{[^}]*le="([\d.]+)"', text)
    assert asked
    for name, bound in asked:
        assert float(bound) in BY_NAME[name].buckets


@pytest.mark.parametrize("name", sorted({rule["alert"] for rule in alerts()} | PUSHED))
def test_a_runbook_has_its_four_parts_and_commands_that_exist(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (RUNBOOKS / link).is_file(), link
    for setting in re.findall(r"`(ARGUS_[A-Z_]+)`", text):
        assert f"`{setting}`" in (ROOT / "docs" / "settings.md").read_text(), setting
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert commands
    for line in commands[1].splitlines():
        _check_command(shlex.split(line))


def test_no_runbook_is_about_nothing() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {rule["alert"] for rule in alerts()} | PUSHED


def test_the_page_of_alerts_is_current() -> None:
    assert (ROOT / "docs" / "alerts.md").read_text() == page(), "run make docs"


def test_targets_are_files_that_are_there() -> None:
    config = load(SHIPPED / "prometheus.yml")
    found = set(re.findall(r"targets/\w+\.yml", json.dumps(config)))
    assert found == {f"targets/{path.name}" for path in (SHIPPED / "targets").glob("*.yml")}
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    asked = set(re.findall(r'job=~?"([\w-]+)"', "".join(rule["expr"] for rule in alerts())))
    assert asked <= jobs


def _metric(series: str) -> str:
    """The declared metric that a series belongs to."""
    return series if series in BY_NAME else re.sub(r"_(bucket|sum|count)$", "", series)


def _check_command(words: list[str]) -> None:
    if words[:3] == ["promtool", "query", "instant"]:
        for name in series_in(words[4]):
            assert name in recorded() | OTHERS or _metric(name) in BY_NAME, name
    elif words[0] == "argus":
        _check_argus(words[1:])
    else:
        assert words[0] in {"promtool", "amtool", "curl", "tail", "grep", "df", "du", "journalctl"}, words


def _check_argus(words: list[str]) -> None:
    command: Any = group
    context = click.Context(group)
    while isinstance(command, click.Group) and words:
        command = command.get_command(context, words.pop(0))
        assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, words
