"""Accounts that pass other people's money on."""

# Every check has one signature, used or not.
from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import fewer
from core.seen import UNKNOWN, Seen, is_ordered
from core.state import UserState
from core.wording import duration


def fan_out(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if action.failed or seen.payee_age_s < 0:
        return None
    hit = None
    if state.deposits and len(state.payees) >= t["payees"]:
        hit = _fanned(action, state, t, int(t["window_s"] * SECOND), t["share_0_1"], t["least_usd"], Severity.HIGH)
        if hit is None and seen.known_s * SECOND >= DAY and not is_ordered(action, seen):
            hit = _fanned(action, state, t, DAY, t["day_share_0_1"], t["day_usd"], Severity.MEDIUM)
    return hit or _drained(action, state, seen, t) or _strewn(action, state, seen, t)


def _fanned(
    action: Action,
    state: UserState,
    t: Thresholds,
    window_ms: int,
    share: float,
    least_usd: float,
    severity: Severity,
) -> Hit | None:
    since_ms = action.time_ms - window_ms
    came = [(at_ms, usd) for at_ms, usd in state.deposits if since_ms < at_ms <= action.time_ms]
    if not came:
        return None
    first_ms = came[0][0]
    payees = len([payee for payee in state.payees if payee.first_s * SECOND >= first_ms - SECOND])
    if payees < t["payees"]:
        return None
    came_usd = sum([usd for _, usd in came])
    gone_usd = sum([usd for at_ms, usd in state.money if first_ms <= at_ms <= action.time_ms])
    if came_usd < least_usd or gone_usd < share * came_usd:
        return None
    return Hit(
        severity,
        f"About {gone_usd:,.0f} of {came_usd:,.0f} dollars went on to {payees} new payees within "
        + duration(action.time_ms - first_ms),
        unless=fewer(payees, t["payees"], "new payees since the money came"),
    )


def _drained(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Hit | None:
    """Large sums to several payees whom the user has never paid before."""
    window_s, least_usd = t["window_s"], t["large_usd"]
    unknown = not state.signup_ms and seen.known_s < t["settled_s"]
    least = t["large_payees"] + (t["unknown_payees"] if unknown else 0)
    if seen.usd < least_usd or seen.payee_age_s >= window_s or len(state.payees) < least or is_ordered(action, seen):
        return None
    since_ms = action.time_ms - int(window_s * SECOND)
    payees = len([payee for payee in state.payees if payee.first_s * SECOND > since_ms])
    sums = len([usd for at_ms, usd in state.money if since_ms < at_ms <= action.time_ms and usd >= least_usd])
    if min(payees, sums) < least:
        return None
    return Hit(
        Severity.MEDIUM,
        f"{sums} payments of {least_usd:,.0f} dollars or more, and {payees} new payees, within "
        + duration(window_s * SECOND),
        unless=fewer(min(payees, sums), least, "of them", window_s),
    )


def _strewn(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Hit | None:
    """Sums of any size to payees never paid before, from a device and a network that are strange."""
    least, window_s = t["strange_payees"], t["window_s"]
    if seen.device_age_s == UNKNOWN or not (seen.strange and seen.away) or seen.payee_age_s >= window_s:
        return None
    since_ms = action.time_ms - int(window_s * SECOND)
    payees = len([payee for payee in state.payees if payee.first_s * SECOND > since_ms])
    if payees < least:
        return None
    return Hit(
        Severity.MEDIUM,
        f"{payees} new payees within {duration(window_s * SECOND)}, from a strange place",
        unless=fewer(payees, least, "new payees", window_s),
    )


_DAY: Final = 86_400


def _out(at: float, amount: float, payee: str = "p1", currency: str = "USD") -> dict[str, object]:
    return event("payout", at, amount=amount, currency=currency, payee_id=payee, ip="192.0.2.10", device_id="d1")


_STRANGE: Final = {"ip": "198.51.100.7", "device_id": "d9"}


def _in(at: float, amount: float) -> dict[str, object]:
    return event("deposit", at, amount=amount, currency="USD", ip="192.0.2.10", device_id="d1")


RULES: Final = (
    Rule(
        id="mule_fan_out",
        title="Money fans out to new payees",
        kind="TRANSACTION",
        severity=Severity.HIGH,
        scope="user",
        types=("payout", "transaction"),
        check=fan_out,
        thresholds={
            "payees": 3,
            "share_0_1": 0.5,
            "day_share_0_1": 0.8,
            "least_usd": 300,
            "window_s": 3_600,
            "large_payees": 2,
            "unknown_payees": 1,
            "large_usd": 500,
            "settled_s": 7 * _DAY,
            "day_usd": 1_000,
            "strange_payees": 4,
        },
        period_s=_DAY,
        weight=0.6,
        attack=("T1657",),
        suggest=("Hold the payouts", "Ask where the money is from"),
        words="A deposit, and within an hour at least half of it on to 3 or more payees that were never paid before. "
        "Within a day, at least four fifths of it, and of 1,000 dollars or more, is MEDIUM; so are 2 payments "
        "of 500 dollars or more to payees that were never paid before, within an hour, wherever the money is "
        "from, 3 of a user without a signup who was not known for 7 days (what is paid every month is new in "
        "the first), and any sums to 4 of them from a device and a network that are strange. What the bank pays by "
        "an order is no reason for the first two of these.",
        default_source="fraudstruct",
        gaps="Mules who wait for days pass. On the first day that Argus sees, every payee is new, so only the hour "
        "counts. 10 payees and 10 payments are known.",
        examples=(
            Example(
                name="4,000 in, three times 1,300 out",
                events=(_in(0, 4_000), *(_out(600 + n * 300, 1_300, f"p{n}") for n in range(3))),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="slower, but nearly all of it",
                events=(
                    _out(0, 20, "old"),
                    _in(3 * _DAY, 4_000),
                    *(_out(3 * _DAY + n * 9_000, 1_200, f"p{n}") for n in range(1, 4)),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="small sums to four strangers, from a strange place",
                events=(
                    _out(0, 20, "old"),
                    *({**_out(8 * _DAY + n * 60, 90, f"p{n}"), **_STRANGE} for n in range(4)),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="small sums to four strangers",
                events=(_out(0, 20, "old"), *(_out(8 * _DAY + n * 60, 90, f"p{n}") for n in range(4))),
                hit=False,
            ),
            Example(
                name="1,300 and 900 to two strangers within a minute",
                events=(_out(0, 20, "old"), _out(8 * _DAY, 1_300, "p1"), _out(8 * _DAY + 30, 900, "p2")),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="1,300 to a stranger, and 900 by an order to the bank",
                events=(
                    _out(0, 20, "old"),
                    _out(8 * _DAY, 1_300, "p1"),
                    event("payout", 8 * _DAY + 30, amount=900, currency="USD", payee_id="p2"),
                ),
                hit=False,
            ),
            Example(
                name="1,300 to a stranger, in two parts, and 20 to another",
                events=(event("signup", 0), _out(9, 20, "p2"), _out(60, 800, "p1"), _out(90, 500, "p1")),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="three large sums to strangers, the first that is ever seen of a user",
                events=tuple(_out(n * 300, 1_000, f"p{n}") for n in range(3)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="rent to somebody new, and small sums to others",
                events=(_out(0, 1_300, "p1"), _out(60, 80, "p2"), _out(90, 120, "p3")),
                hit=False,
            ),
            Example(
                name="1,300 and 900 to two strangers, a day apart",
                events=(_out(0, 1_300, "p1"), _out(_DAY, 900, "p2")),
                hit=False,
            ),
            Example(
                name="salary, then the bills as ever",
                events=(
                    *(_out(n, 600 - 200 * (n % 2), f"p{n}") for n in range(3)),
                    _in(30 * _DAY, 3_000),
                    *(_out(30 * _DAY + 600 + n, 600, f"p{n}") for n in range(3)),
                ),
                hit=False,
            ),
            Example(
                name="salary, and small sums to friends",
                events=(_in(0, 3_000), *(_out(600 + n * 300, 20, f"p{n}") for n in range(3))),
                hit=False,
            ),
        ),
    ),
)
