"""What a user has in common with somebody whose fraud was confirmed."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from collections.abc import Mapping
from typing import Any, Final

from core.events import Action
from core.reputation import Reputation, rings_of
from core.ring import DEVICE, PAYEE, Hop, RingRecord, Tie, key_of, user_mark
from core.ring_member import membership
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import otherwise
from core.seen import Seen
from core.state import UserState, mark

# Its texts name other users, and are for those who work on alerts.
RING_MEMBER: Final = "ring_member"


def ring_member(
    action: Action, state: UserState, seen: Seen, t: Thresholds, reputation: Mapping[str, Reputation]
) -> Answer:
    if not reputation:
        return None
    rings = rings_of(reputation)
    tied = membership(action, seen, rings) if rings else None
    if tied is None or tied.weight(action.time_ms) < t["risk_0_1"]:
        return None
    severity = Severity.MEDIUM if tied.accusers >= t["medium_users"] else Severity.LOW
    return Hit(severity, tied.path(action.time_ms), unless=_APART)


_APART: Final = otherwise("with devices, cards, payees and networks that no confirmed fraud leads to")


_DAY: Final = 86_400
# The stories begin on 2026-03-02T09:00:00Z; a day in.
_CONFIRMED_MS: Final = 1_772_528_400_000
_HOME: Final = {"ip": "192.0.2.10", "country": "DE"}


def _tied(
    kind: int, name: str, *via: Hop, own: bool = False, users: tuple[str, ...] = ("u7",)
) -> dict[str, dict[str, Any]]:
    """A thing that leads to the frauds of those users."""
    ties = tuple(Tie(user, user_mark(user), mark(user), _CONFIRMED_MS, own, via) for user in users)
    ring = RingRecord(_CONFIRMED_MS, ties)
    facts = {"level": 0, "rule_id": "", "since_ms": _CONFIRMED_MS, "until_ms": _CONFIRMED_MS, "ring": ring}
    return {key_of(kind, mark(name)): facts}


_PAYOUT: Final = {"amount": 20, "payee_id": "p1", "country": "DE"}
_FAR: Final = Hop(DEVICE, "d2", "u8", user_mark("u8")), Hop(PAYEE, "p2", "u9", user_mark("u9"))

RULES: Final = (
    Rule(
        id=RING_MEMBER,
        title="Shares something with a confirmed fraud",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=(
            "signup",
            "login",
            "password_change",
            "mfa_change",
            "profile_change",
            "transaction",
            "payout",
            "deposit",
        ),
        check=ring_member,
        thresholds={"risk_0_1": 0.2, "medium_users": 2},
        period_s=7 * _DAY,
        weight=0.05,
        attack=("OAT-019",),
        suggest=("Look at what the accounts on the way have in common",),
        words="A device, card, payee or network of the event leads, over at most two users between, to somebody "
        "whose fraud was confirmed within 30 days. It informs, and tells the way; MEDIUM where two or more "
        "confirmed users lead here directly. The risk is raised with or without it, by less for each user between "
        "and by more for each further confirmed user.",
        default_source="own",
        gaps="Only what was used after the fraud was confirmed is seen, and labels come days late. Families share "
        "devices with victims. Things that more than 16 users touch are no tie.",
        inputs=("reputation",),
        examples=(
            Example(
                name="a login on a fraudster's device",
                events=(event("login", 2 * _DAY, device_id="d1", **_HOME),),
                reputation=_tied(DEVICE, "d1"),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="money to a mule's payee, by one who shares a device with the mule's accomplice",
                events=(event("payout", 2 * _DAY, **_PAYOUT),),
                reputation=_tied(PAYEE, "p1", _FAR[0]),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a payee to whom the money of two confirmed frauds went",
                events=(event("payout", 2 * _DAY, **_PAYOUT),),
                reputation=_tied(PAYEE, "p1", users=("u7", "u8")),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="two users between: it adds to the risk, and is no news",
                events=(event("payout", 2 * _DAY, **_PAYOUT),),
                reputation=_tied(PAYEE, "p1", *_FAR),
                hit=False,
            ),
            Example(
                name="the tablet of a family, one of whom was robbed by remote control",
                events=(event("login", 2 * _DAY, device_id="d1", **_HOME),),
                reputation=_tied(DEVICE, "d1", own=True),
                hit=False,
            ),
            Example(
                name="before anybody knew",
                events=(event("login", 0, device_id="d1", **_HOME),),
                reputation=_tied(DEVICE, "d1"),
                hit=False,
            ),
            Example(
                name="a month later",
                events=(event("login", 32 * _DAY, device_id="d1", **_HOME),),
                reputation=_tied(DEVICE, "d1"),
                hit=False,
            ),
        ),
    ),
)
