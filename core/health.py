"""How safe an account looks, 0 to 100, with what takes points and what would give them back.

Every finding takes its points when it is made and gives them back evenly over its days, so an account that is clean
is at 100 again after `CLEAN_DAYS` at most; only a lock takes points for as long as it stands. Points of one finding
are never counted twice for repeats of it. None of this decides anything: it is for the user, and for who helps them.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from core.alerting import SHADOW
from core.clock import DAY, SECOND
from core.respond import held, lock_at
from core.rules.composite import NOT_COUNTED, WEAK_SIGNALS
from core.rules.entry import Severity
from core.state import UserState

FULL: Final = 100
CLEAN_DAYS: Final = 30

LOCK_POINTS: Final = {"locked": 40, "challenged": 20}
ALARM: Final = (35, CLEAN_DAYS)
STRANGE_CHANGE: Final = (20, 14)
CHANGE: Final = (5, 3)
NEW_DEVICE: Final = (5, 3)
FAILED_LOGINS: Final = (10, 7)
FAILED_LOGINS_LEAST: Final = 3
DENIALS: Final = (10, 7)
DENIALS_LEAST: Final = 3
# An alert's points and days by its severity; at most `ALERTS_POINTS` for all.
ALERTS: Final = {
    Severity.LOW: (2, 3),
    Severity.MEDIUM: (8, 7),
    Severity.HIGH: (18, 14),
    Severity.CRITICAL: (25, CLEAN_DAYS),
}
ALERTS_POINTS: Final = 40

CHANGE_CREDENTIAL: Final = "Change the password, and use it nowhere else"
SECOND_FACTOR: Final = "Turn on a second factor"
CHECK_DEVICES: Final = "Look through the devices, and remove those that are not yours"
CHECK_PAYMENTS: Final = "Look through the last payments, and dispute those that are not yours"
CHECK_CONTACTS: Final = "Check the mail address, phone number and second factor of the account"
PROVE: Final = "Confirm that it is you with a one-time password"
CALL: Final = "An admin has locked the account: get in touch"


class Health(Struct, frozen=True):
    """score: 0 worst, 100 best; reasons and suggestions: what weighs most comes first, empty at 100."""

    score: int
    reasons: list[str]
    suggestions: list[str]


class Finding(Struct, frozen=True):
    """points: what it takes now."""

    points: float
    reason: str
    suggestion: str


def health(state: UserState, time_ms: int) -> Health:
    """The account's health at that time. While nothing happens it never falls as time goes by."""
    alerts = list(_alerts(state, time_ms))
    findings = [finding for finding in (*_findings(state, time_ms), *alerts) if finding.points > 0]
    findings.sort(key=lambda finding: -finding.points)
    lost = sum(finding.points for finding in findings)
    told = sum(finding.points for finding in alerts)
    lost -= max(0.0, told - ALERTS_POINTS)
    return Health(
        score=max(0, min(FULL, round(FULL - lost))),
        reasons=list(dict.fromkeys(finding.reason for finding in findings)),
        suggestions=list(dict.fromkeys(finding.suggestion for finding in findings)),
    )


def _findings(state: UserState, time_ms: int) -> Iterator[Finding]:
    lock = state.lock
    if lock is not None and held(lock) != "unlocked":
        now = lock_at(lock, max(time_ms, lock.since_ms))
        if now != "unlocked":
            suggestion = CALL if lock.by == "admin" else PROVE
            yield Finding(LOCK_POINTS[now], f"The account is {now}: {lock.reason}", suggestion)
    if state.alarm_ms:
        points = _left(ALARM, state.alarm_ms, time_ms)
        yield Finding(points, "There were signs that somebody else is in the account", CHANGE_CREDENTIAL)
    change = state.change
    if change is not None:
        what = change.type.replace("_change", "").replace("mfa", "second factor")
        if change.strange:
            points = _left(STRANGE_CHANGE, change.time_ms, time_ms)
            yield Finding(points, f"The {what} was changed from a device that was new", CHECK_CONTACTS)
        else:
            yield Finding(_left(CHANGE, change.time_ms, time_ms), f"The {what} was changed lately", CHECK_CONTACTS)
    if len(state.devices) > 1:
        newest_ms = max(device.first_s for device in state.devices) * SECOND
        yield Finding(_left(NEW_DEVICE, newest_ms, time_ms), "A device is new to the account", CHECK_DEVICES)
    if len(state.failures) >= FAILED_LOGINS_LEAST:
        # The third from the end: single typing errors are everybody's.
        since_ms = state.failures[-FAILED_LOGINS_LEAST][0]
        points = _left(FAILED_LOGINS, since_ms, time_ms)
        yield Finding(points, "Logins failed several times", SECOND_FACTOR)
    if len(state.denials) >= DENIALS_LEAST:
        since_ms = state.denials[-DENIALS_LEAST]
        yield Finding(_left(DENIALS, since_ms, time_ms), "Wrong codes were entered several times", CHANGE_CREDENTIAL)


def _alerts(state: UserState, time_ms: int) -> Iterator[Finding]:
    """The worst alert of each rule; reporting duties say nothing against a user."""
    worst: dict[str, float] = {}
    for key, group in state.groups.items():
        rule_id = key.partition(":")[0]
        if rule_id not in NOT_COUNTED - {WEAK_SIGNALS} and not group.flags & SHADOW:
            points = _left(ALERTS[Severity(group.severity)], group.last_ms, time_ms)
            worst[rule_id] = max(worst.get(rule_id, 0.0), points)
    for rule_id, points in worst.items():
        yield Finding(points, f"An alert was raised: {rule_id.replace('_', ' ')}", CHECK_PAYMENTS)


def _left(weight: tuple[int, int], at_ms: int, time_ms: int) -> float:
    """What is left of a finding's points."""
    points, days = weight
    return points * min(1.0, max(0.0, 1.0 - (time_ms - at_ms) / (days * DAY)))
