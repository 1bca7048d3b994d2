"""Browsing that looks like a machine's."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, fewer, joined
from core.seen import Seen
from core.state import UserState
from core.windows import count_around, distinct_around
from core.wording import duration


def suspicious(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    views = paths = many = 0
    if len(state.views) >= t["views"]:
        views = count_around(state.views, action.time_ms, int(t["views_window_s"] * SECOND))
    if len(state.probes) >= t["sensitive_paths"]:
        paths = distinct_around(state.probes, action.time_ms, int(t["paths_window_s"] * SECOND), 1)
        if len(state.probes) >= t["many_paths"]:
            many = distinct_around(state.probes, action.time_ms, int(t["many_window_s"] * SECOND), 1)
    if many >= t["many_paths"]:
        text = f"{many} sensitive paths within {duration(t['many_window_s'] * SECOND)}"
        return Hit(Severity.MEDIUM, text, unless=_unless(views, paths, many, t))
    fast, probing = views >= t["views"], paths >= t["sensitive_paths"]
    if not fast and not probing:
        return None
    told = []
    if fast:
        told.append(f"{views} pages or more within {duration(t['views_window_s'] * SECOND)}")
    if probing:
        told.append(f"{paths} sensitive paths within {duration(t['paths_window_s'] * SECOND)}")
    severity = Severity.MEDIUM if fast and probing else Severity.LOW
    return Hit(severity, " and ".join(told), unless=_unless(views, paths, many, t))


def _unless(views: int, paths: int, many: int, t: Thresholds) -> Unless:
    """Of the three ways, the one that it went comes first."""
    fast = fewer(views, t["views"], "pages", t["views_window_s"])
    quick = fewer(paths, t["sensitive_paths"], "different sensitive paths", t["paths_window_s"])
    slow = fewer(many, t["many_paths"], "different sensitive paths", t["many_window_s"])
    if many >= t["many_paths"]:
        return joined(slow, quick, fast)
    return joined(fast, quick, slow) if views >= t["views"] else joined(quick, slow, fast)


def _views(count: int, every_s: float, path: str = "/item/") -> tuple[dict[str, object], ...]:
    return tuple(event("page_view", n * every_s, path=f"{path}{n}", ip="192.0.2.10") for n in range(count))


RULES: Final = (
    Rule(
        id="suspicious_browsing",
        title="Browsing like a machine",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("page_view",),
        check=suspicious,
        thresholds={"views": 30, "views_window_s": 60, "sensitive_paths": 3, "paths_window_s": 600}
        | {"many_paths": 5, "many_window_s": 1_800},
        period_s=3_600,
        weight=0.12,
        attack=("OAT-011", "T1595.003"),
        suggest=("Slow the session down", "Ask for a captcha"),
        words="30 page views in any minute, or 3 different sensitive paths (administration, exports, dot files: see "
        "core.paths) in any 10 minutes. Both together are MEDIUM, and so are 5 sensitive paths in any 30 minutes.",
        default_source="seeds",
        gaps="A slow scraper of ordinary pages passes. Views that come over 5 minutes late aren't counted.",
        examples=(
            Example(name="one page a second", events=_views(35, 1), hit=True, severity=Severity.LOW),
            Example(name="probing", events=_views(3, 20, "/admin/"), hit=True, severity=Severity.LOW),
            Example(name="a scanner", events=_views(5, 200, "/admin/"), hit=True, severity=Severity.MEDIUM),
            Example(name="both", events=_views(35, 1, "/wp-content/"), hit=True, severity=Severity.MEDIUM),
            Example(name="a reader", events=_views(40, 8), hit=False),
            Example(
                name="one admin page over and over",
                events=tuple(event("page_view", n * 20, path="/admin") for n in range(9)),
                hit=False,
            ),
        ),
    ),
)
