"""Pages and storms, and what they look like as alerts of Alertmanager."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from core.clock import rfc3339

LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
CASE_ALERT: Final = "SecurityCase"
STORM_ALERT: Final = "SecurityStorm"
OWN_LABELS: Final = ("alertname", "category", "detection", "severity", "team", "case")

Posted = dict[str, object]


class Page(Struct, array_like=True):
    """A case that may page. posted_as: the severity at which Alertmanager knows it, empty where it doesn't; stormed:
    a storm that is over has told it; closed_ms: when it was resolved, 0 if it wasn't."""

    case_id: str
    version: int
    detection: str
    severity: str
    whom: str
    title: str
    alerts: int
    opened_ms: int
    arrived_ms: int
    posted_as: str = ""
    stormed: bool = False
    closed_ms: int = 0

    @property
    def key(self) -> str:
        return f"{self.case_id}\n{self.severity}"


class Storm(Struct, array_like=True):
    """A storm of one detection. cases: how many joined; over: to be told so once."""

    detection: str
    since_ms: int
    last_ms: int
    cases: int
    posted: bool = False
    over: bool = False


class Links(Struct, frozen=True, kw_only=True):
    """public_url: where people open Argus; runbook_url: may hold {public_url} and {alertname}; labels: more of them
    for every alert, the cluster for example."""

    public_url: str
    runbook_url: str
    labels: Mapping[str, str] = {}

    def case(self, case_id: str) -> str:
        return f"{self.public_url.rstrip('/')}/cases/{case_id}"

    def runbook(self, alertname: str) -> str:
        url = self.runbook_url.replace("{public_url}", self.public_url.rstrip("/"))
        return url.replace("{alertname}", alertname)


def bad_label_names(labels: Iterable[str]) -> list[str]:
    """Names that Alertmanager would refuse, or that Argus's own would be hidden by."""
    return [name for name in labels if not LABEL_NAME.fullmatch(name) or name in OWN_LABELS]


def case_alert(page: Page, severity: str, links: Links, now_ms: int, ends_ms: int) -> Posted:
    """A case as an alert of that severity, which need not be its present one."""
    alerts = "1 alert" if page.alerts == 1 else f"{page.alerts} alerts"
    title = page.title or page.detection
    return _alert(
        {"alertname": CASE_ALERT, "detection": page.detection, "severity": severity.lower(), "case": page.case_id},
        {"summary": f"{title}: {page.whom}, {alerts}", "user": page.whom, "case_url": links.case(page.case_id)},
        links,
        links.case(page.case_id),
        min(page.opened_ms, now_ms, ends_ms),
        ends_ms,
    )


def storm_alert(storm: Storm, links: Links, now_ms: int, ends_ms: int) -> Posted:
    """A storm as an alert. It pages, whatever its members would."""
    url = f"{links.public_url.rstrip('/')}/cases"
    return _alert(
        {"alertname": STORM_ALERT, "detection": storm.detection, "severity": "critical"},
        {"summary": f"Storm: {storm.cases} cases of {storm.detection}", "case_url": url},
        links,
        url,
        min(storm.since_ms, now_ms, ends_ms),
        ends_ms,
    )


def _alert(
    labels: dict[str, str], annotations: dict[str, str], links: Links, url: str, starts_ms: int, ends_ms: int
) -> Posted:
    alertname = labels["alertname"]
    return {
        "labels": {**links.labels, **labels, "category": "security", "team": "security"},
        "annotations": {**annotations, "runbook_url": links.runbook(alertname)},
        "generatorURL": url,
        "startsAt": rfc3339(starts_ms),
        "endsAt": rfc3339(ends_ms),
    }
