"""Guessing a user's password: fast, from many places, and slowly."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import fewer, nearest
from core.seen import Seen
from core.state import UserState
from core.windows import entries_around, most_around
from core.wording import duration


def brute_force(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not action.failed or len(state.failures) < t["warn_failures"]:
        return None
    failures = max(entries_around(state.failures, action.time_ms, int(t["window_s"] * SECOND)), key=len)
    count = len(failures)
    if count < t["warn_failures"]:
        return None
    many = count >= t["challenge_failures"]
    if seen.own_device and not any(strange for *_, strange in failures):
        severity = Severity.MEDIUM if many else Severity.LOW
    else:
        severity = Severity.HIGH if many else Severity.MEDIUM
    return Hit(
        severity,
        f"{count} failed logins within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, t["warn_failures"], "failed logins", t["window_s"]),
    )


def distributed(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not action.failed or len(state.failures) < t["failures"]:
        return None
    for part in entries_around(state.failures, action.time_ms, int(t["window_s"] * SECOND)):
        if len(part) < t["failures"]:
            continue
        ips = len({ip for _, ip, _, _, _ in part})
        networks = len({network for _, _, network, _, _ in part})
        countries = len({country for _, _, _, country, _ in part if country})
        spread = countries >= t["countries"] or networks >= t["networks"] or ips >= t["many_ips"]
        if ips >= t["ips"] and spread:
            return Hit(
                Severity.MEDIUM,
                f"{len(part)} failed logins from {ips} addresses, {networks} networks and {countries} countries "
                f"within {duration(t['window_s'] * SECOND)}",
                unless=nearest(
                    fewer(len(part), t["failures"], "failed logins", t["window_s"]),
                    fewer(ips, t["ips"], "addresses that they came from", t["window_s"]),
                ),
            )
    return None


def slow(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if not action.failed or not seen.outsider or len(state.failures) < t["day_failures"]:
        return None
    strange = [entry for entry in state.failures if entry[4]]
    if len(strange) < t["day_failures"]:
        return None
    day = most_around(strange, action.time_ms, DAY)
    week = most_around(strange, action.time_ms, 7 * DAY)
    if day < t["day_failures"] and week < t["week_failures"]:
        return None
    return Hit(
        Severity.MEDIUM,
        f"{week} failed logins in a week, {day} of them in a day, from places the user has never been",
        unless=fewer(
            day,
            t["day_failures"],
            "such failed logins",
            _DAY_S,
            fewer(week, t["week_failures"], "of them", 7 * _DAY_S),
        ),
    )


_DAY_S: Final = DAY / SECOND
_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_AWAY: Final = {"ip": "203.0.113.9", "device_id": "x", "country": "BR"}
_NOWHERE: Final = {"ip": "192.0.2.10", "country": "DE"}


def _failures(count: int, every_s: float, **fields: str) -> tuple[dict[str, object], ...]:
    return tuple(event("login", n * every_s, outcome="failure", **fields) for n in range(count))


def _spread(count: int, networks: int) -> tuple[dict[str, object], ...]:
    return tuple(
        event("login", n * 60, outcome="failure", ip=f"198.51.{n % networks}.{n}", country="US") for n in range(count)
    )


RULES: Final = (
    Rule(
        id="login_brute_force",
        title="Password guessing on one user",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("login",),
        check=brute_force,
        thresholds={"warn_failures": 5, "challenge_failures": 10, "window_s": 600},
        period_s=3_600,
        weight=0.35,
        attack=("T1110.001", "OAT-007"),
        suggest=("Ask for a second factor at the next login", "Look for the same source on other users"),
        words="Counts failed logins of a user in any 10 minutes: 5 warn, 10 challenge logins. Failed logins alone "
        "never lock, since anybody could then lock anybody out. On devices and in networks of the user's, the last "
        "of them on a device (in a network, where none is named) of a day or more, up to 9 only inform, and more are "
        "MEDIUM: passwords are forgotten, and programs keep old ones.",
        default_source="PCI DSS 4 8.3.4 and Auth0 (10), Keycloak (30 minutes); 5 is own",
        gaps="A program with an old password looks like guessing, if mildly. Guessing below 5 in 10 minutes is left "
        "to slow_brute_force.",
        examples=(
            Example(
                name="5 failures in 4 minutes", events=_failures(5, 60, **_HOME), hit=True, severity=Severity.MEDIUM
            ),
            Example(
                name="5 failures on the user's own device",
                events=(event("login", -86_400, **_HOME), *_failures(5, 60, **_HOME)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a program with an old password on the user's own device",
                events=(event("login", -86_400, **_HOME), *_failures(12, 45, **_HOME)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="5 failures in the user's network, where no device is named",
                events=(event("login", -86_400, **_NOWHERE), *_failures(5, 60, **_NOWHERE)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="5 failures on a device that claims to be the user's, and others from elsewhere",
                events=(event("login", -86_400, **_HOME), *_failures(4, 60, **_AWAY), *_failures(5, 60, **_HOME)[4:]),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="10 failures in 9 minutes", events=_failures(10, 60, **_AWAY), hit=True, severity=Severity.HIGH
            ),
            Example(
                name="the last two come first",
                events=tuple(_failures(5, 60, **_AWAY)[n] for n in (3, 4, 0, 1, 2)),
                hit=True,
            ),
            Example(
                name="somebody forgets a password and then has it",
                events=(*_failures(4, 20, **_HOME), event("login", 90, **_HOME)),
                hit=False,
            ),
            Example(name="one failure every 5 minutes", events=_failures(9, 300, **_HOME), hit=False),
        ),
    ),
    Rule(
        id="distributed_brute_force",
        title="Password guessing on one user from many places",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("login",),
        check=distributed,
        thresholds={"failures": 10, "ips": 5, "networks": 3, "countries": 2, "many_ips": 8, "window_s": 1_800},
        period_s=3_600,
        weight=0.4,
        attack=("T1110.001", "OAT-007"),
        suggest=("Ask for a second factor at the next login", "Block the networks for logins if they hit others too"),
        words="In any 30 minutes: 10 failed logins from 5 addresses, which lie in 2 countries or 3 networks, or are "
        "8.",
        default_source="Elastic",
        gaps="Only the 20 newest failures are kept, so the figures in the text stop growing there.",
        examples=(
            Example(name="10 failures from 10 addresses in 5 networks", events=_spread(10, 5), hit=True),
            Example(
                name="10 failures from one network and few addresses", events=_failures(10, 60, **_AWAY), hit=False
            ),
            Example(name="9 failures from 9 networks", events=_spread(9, 9), hit=False),
        ),
    ),
    Rule(
        id="slow_brute_force",
        title="Slow password guessing on one user",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("login",),
        check=slow,
        thresholds={"day_failures": 8, "week_failures": 14},
        period_s=86_400,
        weight=0.3,
        attack=("T1110.001", "OAT-007"),
        suggest=("Ask for a second factor at the next login",),
        words="Counts failed logins from places where neither device nor network was ever the user's: 8 in any day "
        "or 14 in any week. The user's own typing errors don't count, however many.",
        default_source="own",
        gaps="Up to 7 a day for less than 2 days pass. A new phone on a new network with a forgotten password can "
        "count.",
        examples=(
            Example(
                name="one guess an hour",
                events=(event("login", 0, **_HOME), *_failures(9, 3_600, **_AWAY)[1:]),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="two guesses a day",
                events=(event("login", 0, **_HOME), *_failures(15, 40_000, **_AWAY)[1:]),
                hit=True,
            ),
            Example(
                name="a forgetful user at home all day",
                events=(event("login", 0, **_HOME), *_failures(12, 3_600, **_HOME)[1:]),
                hit=False,
            ),
        ),
    ),
)
