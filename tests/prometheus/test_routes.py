"""Who is told: the receiver of every label set, and how messages read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.shipped import SHIPPED, alerts, checked, load, program

CONFIG = SHIPPED / "alertmanager.yml"
SYSTEM = {"category": "platform", "cluster": "argus"}
CASE = {"category": "security", "team": "security", "detection": "travel"}
# What each team's pages reach; tickets are one queue.
PAGED = {"sre": "sre-page", "ml": "ml-page", "security": "security-page"}
PUSHED = [
    ({**CASE, "alertname": "SecurityCase", "severity": "critical", "case": "c1"}, "security-page"),
    ({**CASE, "alertname": "SecurityCase", "severity": "high", "case": "c1"}, "security-triage"),
    ({**CASE, "alertname": "SecurityCase", "severity": "medium", "case": "c1"}, "silent"),
    ({**CASE, "alertname": "SecurityCase", "severity": "low", "case": "c1"}, "silent"),
    ({**CASE, "alertname": "SecurityCase", "severity": "info", "case": "c1"}, "silent"),
    ({**CASE, "alertname": "SecurityStorm", "severity": "critical"}, "security-page"),
    ({**SYSTEM, "alertname": "SomethingOfYours", "severity": "info"}, "silent"),
    ({"alertname": "SomethingOfYours"}, "triage"),
]


def expected(labels: dict[str, str]) -> str:
    if labels["alertname"] == "ArgusWatchdog":
        return "deadman"
    page = PAGED[labels["team"]] if labels["severity"] == "critical" else "ticket"
    return f"fallback,{page}" if labels["alertname"] == "ArgusPagerDeliveryFailing" else page


SETS = [
    *(
        (
            {**SYSTEM, "alertname": rule["alert"], **rule["labels"]},
            expected({"alertname": rule["alert"], **rule["labels"]}),
        )
        for rule in alerts()
    ),
    *PUSHED,
]


def test_alertmanager_takes_the_configuration() -> None:
    checked([program("amtool", "prometheus-alertmanager"), "check-config", CONFIG])


@pytest.mark.parametrize(
    ("labels", "receivers"), SETS, ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else value
)
def test_a_label_set_goes_to_its_receiver(labels: dict[str, str], receivers: str) -> None:
    words = [f"{name}={value}" for name, value in labels.items()]
    amtool = program("amtool", "prometheus-alertmanager")
    checked(
        [amtool, "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}", *words]
    )


def test_every_receiver_but_the_silent_one_tells_somebody_and_is_reached() -> None:
    config = load(CONFIG)
    reached = {name for _, receivers in SETS for name in receivers.split(",")}
    assert {receiver["name"] for receiver in config["receivers"]} == reached
    assert [receiver["name"] for receiver in config["receivers"] if len(receiver) == 1] == ["silent"]


def test_no_secret_is_in_the_configuration() -> None:
    for receiver in load(CONFIG)["receivers"]:
        text = json.dumps(receiver)
        assert not any(f'"{word}"' in text for word in ("api_url", "routing_key", "service_key", "auth_password"))
    assert not {"slack_api_url", "smtp_auth_password"} & load(CONFIG)["global"].keys()


def test_a_storm_waits_for_nothing_and_its_members_wait_for_it() -> None:
    security = next(
        route for route in load(CONFIG)["route"]["routes"] if route.get("matchers") == ["category = security"]
    )
    storm, critical = security["routes"][:2]
    assert storm["group_wait"] == "0s"
    assert critical["group_wait"] != "0s"


@pytest.mark.parametrize("template", ["argus.title", "argus.text", "argus.html", "argus.color", "argus.link"])
def test_messages_read_well_for_a_page_a_ticket_and_a_case_that_is_over(template: str, tmp_path: Path) -> None:
    for name, data in {"page": PAGE, "over": OVER}.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(data))
        text = checked(
            [
                program("amtool", "prometheus-alertmanager"),
                "template", "render", f"--template.glob={SHIPPED / 'templates'}/*.tmpl",
                f"--template.type={'html' if template == 'argus.html' else 'text'}",
                f'--template.text={{{{ template "{template}" . }}}}', f"--template.data={file}",
            ]
        ).strip()  # fmt: skip
        assert text == READS.get((template, name), text)
        assert "<no value>" not in text
        assert "no value" not in text
        if template == "argus.html":
            assert "<b>evil</b>" not in text
            assert ("&lt;b&gt;evil&lt;/b&gt;" in text) == (name == "over")


def alert(status: str, labels: dict[str, str], annotations: dict[str, str]) -> dict[str, Any]:
    return {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": "2026-03-01T12:00:00Z",
        "endsAt": "2026-03-01T12:05:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "f",
    }


def data(status: str, *many: dict[str, Any]) -> dict[str, Any]:
    common = dict(set.intersection(*(set(one["labels"].items()) for one in many)))
    notes = dict(set.intersection(*(set(one["annotations"].items()) for one in many)))
    return {
        "receiver": "sre-page",
        "status": status,
        "alerts": list(many),
        "groupLabels": {},
        "commonLabels": common,
        "commonAnnotations": notes,
        "externalURL": "http://alertmanager",
    }


DOWN = {"alertname": "ArgusAllWorkersDown", "severity": "critical", "cluster": "argus"}
BROKER = {"alertname": "ArgusBrokerUnreachable", "severity": "critical", "cluster": "argus", "job": "argus-api"}
PAGE = data(
    "firing",
    alert("firing", DOWN, {"summary": "No worker answers", "description": "None.", "runbook_url": "http://r/1"}),
    alert("firing", BROKER, {"summary": "The broker is away", "description": "It is.", "runbook_url": "http://r/2"}),
)
OVER = data(
    "resolved",
    alert(
        "resolved",
        {**CASE, "alertname": "SecurityCase", "severity": "critical", "case": "c1"},
        {"summary": "Takeover <b>evil</b>: u***1, 1 alert", "user": "u***1", "case_url": "http://c/cases/c1"},
    ),
)
READS = {
    ("argus.title", "page"): "PAGE: ArgusAllWorkersDown and others (2 firing) [argus]",
    ("argus.title", "over"): "Over: Takeover <b>evil</b>: u***1, 1 alert",
    ("argus.color", "page"): "danger",
    ("argus.color", "over"): "good",
    ("argus.link", "page"): "http://alertmanager/#/alerts?receiver=sre-page",
    ("argus.link", "over"): "http://c/cases/c1",
    ("argus.text", "page"): (
        "No worker answers\nNone.\nrunbook: http://r/1\nsince 2026-03-01 12:00:00 UTC\n\n"
        "The broker is away\nIt is.\nrunbook: http://r/2\nsince 2026-03-01 12:00:00 UTC"
    ),
}
