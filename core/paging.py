"""Cases to pages: which alerts Alertmanager is given, again and again for as long as they stand.

A pushed alert that isn't pushed again is over for Alertmanager, and a restart of it forgets all of them. So every
open HIGH or CRITICAL case is held here and posted again each interval with an end a few intervals ahead; one that is
over is posted once more with an end in the past (an earlier end in the future would be ignored).

Many cases of one detection at once are a storm: one SecurityStorm is posted, before the members that it inhibits, and
no more than `HELD_MAX` of these. When nothing has been added to a storm for `QUIET_MS` it ends together with its
members: each has been told, by the storm; what is still open is worked as a case.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from core.clock import DAY, MINUTE
from core.notices import RANK, CaseSeen
from core.pages import Links, Page, Posted, Storm, case_alert, storm_alert

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


class Pager:
    """The pages that stand. `dirty_pages`, `dirty_storms`: keys of those that have changed since they were last
    stored; the caller clears them."""

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
        first = [storm_alert(storm, links, now_ms, ends_ms) for storm in storms]
        then = [case_alert(page, page.severity, links, now_ms, ends_ms) for page in held]
        keys = {page.key for page in held}
        receipt = Receipt([page.key for page in held], [], [storm.detection for storm in storms], [])
        for page in self.pages.values():
            if page.posted_as and f"{page.case_id}\n{page.posted_as}" not in keys:
                then.append(case_alert(page, page.posted_as, links, now_ms, now_ms - 1_000))
                receipt.resolved.append(f"{page.case_id}\n{page.posted_as}")
        members = {self.pages[key.partition("\n")[0]].detection for key in receipt.resolved}
        for storm in self.storms.values():
            if storm.over and (not storm.posted or storm.detection not in members):
                then.append(storm_alert(storm, links, now_ms, now_ms - 1_000))
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
