"""Browsing that looks like a machine's."""

from collections.abc import Mapping
from typing import Final

from core.clock import SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import fewer, joined
from core.seen import Seen
from core.state import UserState
from core.suspicion import alarm_weight
from core.windows import count_around, distinct_around
from core.wording import duration


def suspicious(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    views = paths = many = doubted = 0
    if len(state.views) >= t["views"]:
        views = count_around(state.views, action.time_ms, int(t["views_window_s"] * SECOND))
    if len(state.probes) >= t["sensitive_paths"]:
        paths = distinct_around(state.probes, action.time_ms, int(t["paths_window_s"] * SECOND), 1)
        if len(state.probes) >= t["many_paths"]:
            many = distinct_around(state.probes, action.time_ms, int(t["many_window_s"] * SECOND), 1)
    abroad = seen.strange and seen.abroad
    if len(state.views) >= t["doubted_views"] and (abroad or alarm_weight(action, state, seen) >= t["doubt_0_1"]):
        doubted = count_around(state.views, action.time_ms, int(t["doubted_window_s"] * SECOND))
    fast, probing, scanning = views >= t["views"], paths >= t["sensitive_paths"], many >= t["many_paths"]
    in_doubt = doubted >= t["doubted_views"]
    told = []
    if fast:
        told.append(f"{views} pages or more within {duration(t['views_window_s'] * SECOND)}")
    if in_doubt:
        window = duration(t["doubted_window_s"] * SECOND)
        place = "a strange device abroad" if abroad else "where an alarm came"
        told.append(f"{doubted} pages or more within {window} from {place}")
    if scanning:
        told.append(f"{many} sensitive paths within {duration(t['many_window_s'] * SECOND)}")
    elif probing:
        told.append(f"{paths} sensitive paths within {duration(t['paths_window_s'] * SECOND)}")
    if not told:
        return None
    frantic = fast and count_around(state.views, action.time_ms, int(t["frantic_window_s"] * SECOND)) >= t["views"]
    loud = in_doubt or scanning or frantic or (fast and (probing or seen.strange))
    ways = [
        (fast, fewer(views, t["views"], "pages", t["views_window_s"])),
        (probing, fewer(paths, t["sensitive_paths"], "different sensitive paths", t["paths_window_s"])),
        (scanning, fewer(many, t["many_paths"], "different sensitive paths", t["many_window_s"])),
    ]
    if in_doubt:
        ways.append((True, fewer(doubted, t["doubted_views"], "pages", t["doubted_window_s"])))
    # The ways that it went come first.
    ways.sort(key=lambda way: not way[0])
    severity = Severity.MEDIUM if loud else Severity.LOW
    return Hit(severity, " and ".join(told), unless=joined(*(unless for _, unless in ways)))


_DAY: Final = 86_400
_ADDRESS: Final = {"ip": "192.0.2.10"}
_OWNER: Final = {**_ADDRESS, "device_id": "d1"}
_THIEF: Final = {"ip": "203.0.113.9", "device_id": "d2"}


def _views(
    count: int,
    every_s: float,
    path: str = "/item/",
    start: float = 0.0,
    where: Mapping[str, str] = _ADDRESS,
) -> tuple[dict[str, object], ...]:
    return tuple(event("page_view", start + n * every_s, path=f"{path}{n}", **where) for n in range(count))


_HOME: Final = (event("login", -2 * _DAY, country="DE", **_OWNER),)
# At home for days, then payments from another device as fast as they go.
_ALARM: Final = (
    *_HOME,
    *(event("transaction", _DAY - 60 + n, amount=5, currency="USD", **_THIEF) for n in range(15)),
)


RULES: Final = (
    Rule(
        id="suspicious_browsing",
        title="Browsing like a machine",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("page_view",),
        check=suspicious,
        thresholds={
            "views": 30,
            "views_window_s": 60,
            "frantic_window_s": 20,
            "sensitive_paths": 3,
            "paths_window_s": 600,
        }
        | {"many_paths": 5, "many_window_s": 1_800, "doubted_views": 20, "doubted_window_s": 300, "doubt_0_1": 0.3},
        period_s=3_600,
        weight=0.12,
        attack=("OAT-011", "T1595.003"),
        suggest=("Slow the session down", "Ask for a captcha"),
        words="30 page views in any minute, or 3 different sensitive paths (administration, exports, dot files: see "
        "core.paths) in any 10 minutes. MEDIUM are both together, 30 in a minute on a device and network "
        "strange to the user, 30 in 20 seconds on any, 5 sensitive paths in any 30 minutes, and 20 page views in any "
        "5 minutes from where an alarm about the user came in the hours before, or from a strange device in a "
        "country new to the user.",
        default_source="seeds",
        gaps="A slow scraper of ordinary pages passes. Views that come over 5 minutes late aren't counted.",
        examples=(
            Example(name="one page a second", events=_views(35, 1), hit=True, severity=Severity.LOW),
            Example(name="three pages a second", events=_views(35, 0.33), hit=True, severity=Severity.MEDIUM),
            Example(name="probing", events=_views(3, 20, "/admin/"), hit=True, severity=Severity.LOW),
            Example(name="a scanner", events=_views(5, 200, "/admin/"), hit=True, severity=Severity.MEDIUM),
            Example(
                name="a scanner that asks for everything twice",
                events=tuple(event("page_view", n * 100, path=f"/admin/{n // 2}") for n in range(10)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(name="both", events=_views(35, 1, "/wp-content/"), hit=True, severity=Severity.MEDIUM),
            Example(
                name="one page a second, from elsewhere",
                events=(*_HOME, *_views(35, 1, where=_THIEF)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a thief who reads on",
                events=(*_ALARM, *_views(25, 6, start=_DAY, where=_THIEF)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="the user, meanwhile", events=(*_ALARM, *_views(25, 6, start=_DAY, where=_OWNER)), hit=False
            ),
            Example(
                name="a slow one from another country",
                events=(*_HOME, *_views(25, 6, where={**_THIEF, "country": "BR"})),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="at home with a new phone",
                events=(*_HOME, *_views(25, 6, where={**_THIEF, "country": "DE"})),
                hit=False,
            ),
            Example(name="a reader", events=_views(40, 8), hit=False),
            Example(
                name="one admin page over and over",
                events=tuple(event("page_view", n * 20, path="/admin") for n in range(9)),
                hit=False,
            ),
        ),
    ),
)
