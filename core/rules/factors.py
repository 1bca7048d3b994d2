"""Attacks on the second factor."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, fewer
from core.seen import Seen
from core.state import UserState
from core.windows import count_around
from core.wording import duration

# Kept together: which of the two it was isn't remembered.
_FAILED: Final = "wrong codes or denied requests"


def guessing(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if is_push(action) or len(state.denials) < t["wrong_before_right"]:
        return None
    if not action.failed:
        return _right_at_last(action, state, seen, t)
    if len(state.denials) < t["wrong_codes"]:
        return None
    denials = state.denials
    if not seen.late:
        denials = [at_ms for at_ms in denials if at_ms > state.otp_ok_ms]
    count = count_around(denials, action.time_ms, int(t["window_s"] * SECOND))
    if count < t["wrong_codes"]:
        return _slowly(state, action, t, t["slow_codes"])
    severity = Severity.HIGH if count >= t["challenge_codes"] else Severity.MEDIUM
    return Hit(
        severity,
        f"{count} {_FAILED} within {duration(t['window_s'] * SECOND)}",
        unless=_unless(count, t),
    )


def _right_at_last(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    """A code that fits after several that did not, on a device and in a network strange to the user."""
    if not seen.strange or not seen.away:
        return None
    count = count_around(state.denials, action.time_ms, int(t["slow_window_s"] * SECOND))
    if count < t["wrong_before_right"]:
        return None
    unless = fewer(count, t["wrong_before_right"], f"{_FAILED} before it", t["slow_window_s"])
    return Hit(Severity.MEDIUM, f"A right code from a strange device after {count} {_FAILED}", unless=unless)


def bombing(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if len(state.denials) < t["denials"] or not is_push(action):
        return None
    count = count_around(state.denials, action.time_ms, int(t["window_s"] * SECOND))
    if count < t["denials"]:
        return _slowly(state, action, t, t["slow_denials"])
    if not action.failed:
        return Hit(
            Severity.HIGH,
            f"A login was approved after {count} {_FAILED}: the user may have given in",
            unless=fewer(count, t["denials"], f"{_FAILED} before it", t["window_s"]),
        )
    severity = Severity.HIGH if count >= t["challenge_denials"] else Severity.MEDIUM
    return Hit(
        severity,
        f"{count} {_FAILED} within {duration(t['window_s'] * SECOND)}",
        unless=_unless(count, t),
    )


def _slowly(state: UserState, action: Action, t: Thresholds, least: float) -> Answer:
    """Too many within hours, for whom minutes have too few. One right at last wakes nobody."""
    if not action.failed or len(state.denials) < least:
        return None
    count = count_around(state.denials, action.time_ms, int(t["slow_window_s"] * SECOND))
    if count < least:
        return None
    return Hit(
        Severity.MEDIUM,
        f"{count} {_FAILED} within {duration(t['slow_window_s'] * SECOND)}",
        unless=fewer(count, least, _FAILED, t["slow_window_s"]),
    )


def _unless(count: int, t: Thresholds) -> Unless:
    """Fewer at once, and not so many more slowly either."""
    quick, slow = ("wrong_codes", "slow_codes") if "wrong_codes" in t else ("denials", "slow_denials")
    return fewer(count, t[quick], _FAILED, t["window_s"], fewer(count, t[slow], "of them", t["slow_window_s"]))


def is_push(action: Action) -> bool:
    """Whether the second factor is a request to approve, by the attribute `mfa`."""
    method = action.attributes.get("mfa")
    return isinstance(method, str) and "push" in method.lower()


_PUSH: Final = {"attributes": {"mfa": "push"}}


def _otps(count: int, every_s: float, **fields: object) -> tuple[dict[str, object], ...]:
    return tuple(event("otp", n * every_s, outcome="failure", **fields) for n in range(count))


RULES: Final = (
    Rule(
        id="otp_guessing",
        title="One-time passwords are being guessed",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("otp",),
        check=guessing,
        thresholds={
            "wrong_codes": 5,
            "challenge_codes": 8,
            "wrong_before_right": 4,
            "window_s": 600,
            "slow_codes": 7,
            "slow_window_s": 43_200,
        },
        period_s=3_600,
        weight=0.4,
        attack=("T1621", "T1110.001"),
        suggest=(
            "Void the code and wait before sending another",
            "Change the password: whoever guesses codes has it",
        ),
        words="Counts wrong codes in any 10 minutes since the last right one: 5 warn, 8 challenge. 7 in any 12 "
        "hours warn as well, and so does a right one after 4 wrong ones, on a device and in a network "
        "strange to the user.",
        default_source="Elastic",
        gaps="Codes of different requests are counted together, since events do not say which code was tried, and "
        "denied push requests count with them.",
        examples=(
            Example(name="5 wrong codes in 2 minutes", events=_otps(5, 30), hit=True, severity=Severity.MEDIUM),
            Example(name="8 wrong codes", events=_otps(8, 30), hit=True, severity=Severity.HIGH),
            Example(
                name="typing errors, then the right code, then some more",
                events=(*_otps(3, 30), event("otp", 100), *_otps(6, 30)[4:]),
                hit=False,
            ),
            Example(name="7 wrong codes in 6 hours", events=_otps(7, 3_600), hit=True, severity=Severity.MEDIUM),
            Example(name="5 wrong codes in a day", events=_otps(5, 7_200), hit=False),
            Example(
                name="right at last, on a strange device",
                events=(
                    event("login", -3 * 86_400, ip="192.0.2.10", device_id="d1"),
                    *_otps(4, 1_800, ip="203.0.113.9", device_id="x"),
                    event("otp", 4 * 1_800, ip="203.0.113.9", device_id="x"),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
        ),
    ),
    Rule(
        id="mfa_bombing",
        title="Login requests are pushed until the user gives in",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("otp",),
        check=bombing,
        thresholds={
            "denials": 5,
            "challenge_denials": 8,
            "window_s": 600,
            "slow_denials": 6,
            "slow_window_s": 43_200,
        },
        period_s=3_600,
        weight=0.45,
        attack=("T1621",),
        suggest=("Ask the user whether the login was theirs", "Change the password: the attacker has it"),
        words="Counts denied push requests (attribute mfa is push) in any 10 minutes: 5 warn, 8 challenge, and so "
        "does one that is approved after 5 denials. 6 in any 12 hours warn as well.",
        default_source="Elastic",
        gaps="Wrong codes count with the denials. Without the attribute mfa, otp_guessing speaks of denials instead.",
        examples=(
            Example(name="5 denials in 5 minutes", events=_otps(5, 60, **_PUSH), hit=True, severity=Severity.MEDIUM),
            Example(name="one an hour", events=_otps(6, 3_600, **_PUSH), hit=True, severity=Severity.MEDIUM),
            Example(
                name="the user gives in",
                events=(*_otps(6, 30, **_PUSH), event("otp", 200, **_PUSH)),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="one denied by mistake, then approved",
                events=(*_otps(1, 30, **_PUSH), event("otp", 60, **_PUSH)),
                hit=False,
            ),
            Example(name="wrong codes are no push", events=_otps(5, 30), hit=False),
        ),
    ),
)
