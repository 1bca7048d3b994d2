"""Cases to pages: which alerts Alertmanager is given, again and again for as long as they stand.

A pushed alert that isn't pushed again is over for Alertmanager, and a restart of it forgets all of them. So every
open HIGH or CRITICAL case is held here and posted again each interval with an end a few intervals ahead; one that is
over is posted once more with an end in the past (an earlier end in the future would be ignored).

Many cases of one detection at once are a storm: one SecurityStorm is posted, before the members that it inhibits, and
no more than `HELD_MAX` of these. When nothing has been added to a storm for `QUIET_MS` it ends together with its
members: each has been told, by the storm; what is still open is worked as a case.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from core.clock import DAY, MINUTE, rfc3339
from core.notices import RANK, CaseSeen

HELD_MAX: Final = 50
# So many CRITICAL cases of one detection within `BURST_MS` are a storm, before the first dozen has paged one by one.
BURST: Final = 10
BURST_MS: Final = MINUTE
QUIET_MS: Final = 15 * MINUTE
ENDS_AFTER: Final = 4
CLOSED_KEPT_MS: Final = DAY
CLOSED_MAX: Final = 20_000
OTHER: Final = "other"
PAGED: Final = ("HIGH", "CRITICAL")
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


class Pager:
    """The pages that stand. `dirty`: keys of pages and storms that have changed since they were last stored; the
    caller clears it."""

    def __init__(self, pages: Iterable[Page] = (), storms: Iterable[Storm] = ()) -> None:
        self.pages = {page.case_id: page for page in pages}
        self.storms = {storm.detection: storm for storm in storms}
        self.dirty_pages: set[str] = set()
        self.dirty_storms: set[str] = set()

    def see(self, seen: CaseSeen, now_ms: int) -> bool:
        """Take a case's record in; whether there is something to post. Repeats and older versions change nothing."""
        page = self.pages.get(seen.case_id)
        if page is not None and page.version >= seen.version:
            return False
        if page is None and (seen.status == "resolved" or not _may_page(seen)):
            return False
        self.dirty_pages.add(seen.case_id)
        if page is None:
            page = self.pages[seen.case_id] = Page(
                seen.case_id,
                seen.version,
                seen.detection or OTHER,
                seen.severity,
                seen.whom,
                seen.title,
                seen.alerts,
                seen.opened_ms,
                now_ms,
            )
            self._joins(page, now_ms)
            return True
        page.version, page.title, page.alerts = seen.version, seen.title, seen.alerts
        if seen.status == "resolved":
            page.closed_ms = now_ms
            return True
        if page.closed_ms:
            page.closed_ms, page.stormed, page.arrived_ms = 0, False, now_ms
        if RANK[seen.severity] > RANK[page.severity]:
            page.severity, page.stormed = seen.severity, False
            self._joins(page, now_ms)
        return True

    def tick(self, now_ms: int) -> bool:
        """Let storms that are quiet be over and forget what was closed long ago; whether there is something to
        post."""
        ended = [
            storm
            for storm in self.storms.values()
            if not storm.over and (now_ms - storm.last_ms >= QUIET_MS or not self._open(storm.detection))
        ]
        for storm in ended:
            storm.over = True
            self.dirty_storms.add(storm.detection)
            for page in self._open(storm.detection):
                page.stormed = True
                self.dirty_pages.add(page.case_id)
        closed = [page for page in self.pages.values() if page.closed_ms and not page.posted_as]
        closed.sort(key=lambda page: page.closed_ms)
        surplus = len(closed) - CLOSED_MAX
        for index, page in enumerate(closed):
            if index < surplus or now_ms - page.closed_ms >= CLOSED_KEPT_MS:
                del self.pages[page.case_id]
                self.dirty_pages.add(page.case_id)
        return bool(ended)

    def standing(self) -> tuple[list[Storm], list[Page]]:
        """The storms and the pages that are held now, of each detection at most `HELD_MAX`."""
        by_detection: dict[str, list[Page]] = {}
        for page in self.pages.values():
            if not page.closed_ms and not page.stormed:
                by_detection.setdefault(page.detection, []).append(page)
        held: list[Page] = []
        for pages in by_detection.values():
            # What Alertmanager knows stays; then the worst, then the oldest.
            pages.sort(key=lambda page: (not page.posted_as, -RANK[page.severity], page.opened_ms, page.case_id))
            held += pages[:HELD_MAX]
        return [storm for storm in self.storms.values() if not storm.over], held

    def alerts(self, links: Links, now_ms: int, interval_ms: int) -> tuple[list[Posted], list[Posted], "Receipt"]:
        """What to post now: storms, and once they are accepted the rest; and what to say when all is accepted.

        The members of a storm that is over are resolved before it: uninhibited, they would page one by one."""
        storms, held = self.standing()
        ends_ms = now_ms + ENDS_AFTER * interval_ms
        first = [_storm_alert(storm, links, now_ms, ends_ms) for storm in storms]
        then = [_case_alert(page, page.severity, links, now_ms, ends_ms) for page in held]
        keys = {page.key for page in held}
        receipt = Receipt([page.key for page in held], [], [storm.detection for storm in storms], [])
        for page in self.pages.values():
            if page.posted_as and f"{page.case_id}\n{page.posted_as}" not in keys:
                then.append(_case_alert(page, page.posted_as, links, now_ms, now_ms - 1_000))
                receipt.resolved.append(f"{page.case_id}\n{page.posted_as}")
        members = {self.pages[key.partition("\n")[0]].detection for key in receipt.resolved}
        for storm in self.storms.values():
            if storm.over and (not storm.posted or storm.detection not in members):
                then.append(_storm_alert(storm, links, now_ms, now_ms - 1_000))
                receipt.ended.append(storm.detection)
        return first, then, receipt

    def accepted(self, receipt: "Receipt") -> bool:
        """Alertmanager has taken it all; whether there is more to post at once."""
        for key in receipt.resolved:
            case_id, _, severity = key.partition("\n")
            page = self.pages.get(case_id)
            if page is not None and page.posted_as == severity:
                page.posted_as = ""
                self.dirty_pages.add(case_id)
        for key in receipt.held:
            case_id, _, severity = key.partition("\n")
            page = self.pages.get(case_id)
            if page is not None and page.posted_as != severity:
                page.posted_as = severity
                self.dirty_pages.add(case_id)
        for detection in receipt.storms:
            storm = self.storms.get(detection)
            if storm is not None and not storm.posted:
                storm.posted = True
                self.dirty_storms.add(detection)
        for detection in receipt.ended:
            storm = self.storms.get(detection)
            if storm is not None and storm.over:
                del self.storms[detection]
                self.dirty_storms.add(detection)
        return any(storm.over for storm in self.storms.values())

    def _open(self, detection: str) -> list[Page]:
        return [
            page
            for page in self.pages.values()
            if page.detection == detection and not page.closed_ms and not page.stormed
        ]

    def _joins(self, page: Page, now_ms: int) -> None:
        """A case has come, or become worse: into the storm that there is, or it makes one."""
        storm = self.storms.get(page.detection)
        if storm is not None and not storm.over:
            storm.last_ms = now_ms
            storm.cases += 1
            self.dirty_storms.add(page.detection)
            return
        standing = self._open(page.detection)
        burst = sum(other.severity == "CRITICAL" and now_ms - other.arrived_ms < BURST_MS for other in standing)
        if burst > BURST or len(standing) > HELD_MAX:
            posted = storm is not None and storm.posted
            self.storms[page.detection] = Storm(page.detection, now_ms, now_ms, len(standing), posted)
            self.dirty_storms.add(page.detection)


class Receipt(Struct):
    """What was posted: keys of pages held and resolved, detections of storms held and ended."""

    held: list[str]
    resolved: list[str]
    storms: list[str]
    ended: list[str]


def _may_page(seen: CaseSeen) -> bool:
    return seen.severity in PAGED and seen.kind != "COMPLIANCE"


def _case_alert(page: Page, severity: str, links: Links, now_ms: int, ends_ms: int) -> Posted:
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


def _storm_alert(storm: Storm, links: Links, now_ms: int, ends_ms: int) -> Posted:
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
