"""Payments too many, too large, or after too long a silence."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, amount, fewer
from core.seen import FAMILIAR_S, UNKNOWN, Seen
from core.state import UserState
from core.windows import count_around
from core.wording import duration


def velocity(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if len(state.paid) < t["low"]:
        return None
    count = count_around(state.paid, action.time_ms, int(t["window_s"] * SECOND))
    if count < t["medium"]:
        slow = count_around(state.paid, action.time_ms, int(t["slow_window_s"] * SECOND))
        least = _slow_least(seen, t)
        if slow >= least:
            quick = fewer(count, t["low"], "of them", t["window_s"])
            unless = fewer(slow, least, "payments", t["slow_window_s"], quick)
            text = f"{slow} payments within {duration(t['slow_window_s'] * SECOND)}"
            # Whoever collects many small things does so on a device of their own.
            return Hit(Severity.LOW if seen.own_device else Severity.MEDIUM, text, unless=unless)
    if count < t["low"]:
        return None
    if count >= t["critical"]:
        severity = Severity.CRITICAL
    elif count >= t["high"]:
        severity = Severity.HIGH
    elif count >= t["medium"]:
        trifles = seen.own_device and _spent_usd(action, state, t) < t["trifling_usd"]
        severity = Severity.LOW if trifles else Severity.MEDIUM
    else:
        severity = Severity.MEDIUM if _dear(action, state, t) else Severity.LOW
    return Hit(
        severity,
        f"{count} payments within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, t["low"], "payments", t["window_s"], _slowly(count, seen, t)),
    )


def _dear(action: Action, state: UserState, t: Thresholds) -> bool:
    """Whether the payments of the last window are large together, of somebody whose usual sums nobody knows yet."""
    return state.amounts.n < t["unproven"] and _spent_usd(action, state, t) >= t["dear_usd"]


def _spent_usd(action: Action, state: UserState, t: Thresholds) -> float:
    since_ms = action.time_ms - int(t["window_s"] * SECOND)
    return sum([usd for at_ms, usd in state.money if since_ms < at_ms <= action.time_ms])


def _slow_least(seen: Seen, t: Thresholds) -> float:
    if seen.till:
        return t["slow_till"]
    # A network alone, where no device is named, is new to whoever takes the train.
    settled = seen.abroad or (seen.device_age_s != UNKNOWN and seen.known_s >= t["settled_s"])
    strange = settled and seen.strange and seen.network_age_s < FAMILIAR_S
    return t["slow_strange"] if strange else t["slow"]


def _slowly(count: int, seen: Seen, t: Thresholds) -> Unless:
    return fewer(count, _slow_least(seen, t), "of them", t["slow_window_s"])


def large(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if action.amount is None or seen.usd < t["ceiling_usd"] or action.failed or seen.payee_age_s >= FAMILIAR_S:
        return None
    severity = Severity.LOW if seen.at_home else Severity.MEDIUM
    unless = amount(action, seen, t["ceiling_usd"])
    return Hit(severity, f"A payment of {action.amount:,.2f} {action.currency or ''}".rstrip(), unless=unless)


def dormant(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    large_usd = t["strange_usd"] if seen.strange else t["large_usd"]
    if seen.usd <= large_usd or not state.woke_ms or action.failed:
        return None
    awake_ms = action.time_ms - state.woke_ms
    if state.idle_ms < t["idle_s"] * SECOND or not 0 <= awake_ms <= t["awake_s"] * SECOND:
        return None
    return Hit(
        Severity.MEDIUM,
        f"A payment of about {seen.usd:,.0f} dollars after {state.idle_ms / DAY:.0f} silent days",
        unless=amount(action, seen, large_usd, beyond=True),
    )


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_DAY: Final = 86_400


def _burst(count: int, every_s: float) -> tuple[dict[str, object], ...]:
    return tuple(event("transaction", n * every_s, amount=9.5, currency="EUR", **_HOME) for n in range(count))


RULES: Final = (
    Rule(
        id="payment_velocity",
        title="Many payments in a short time",
        kind="TRANSACTION",
        severity=Severity.LOW,
        scope="user",
        types=("transaction", "payout"),
        check=velocity,
        thresholds={
            "low": 3,
            "medium": 6,
            "high": 8,
            "critical": 10,
            "window_s": 60,
            "slow": 16,
            "slow_strange": 6,
            "slow_till": 10,
            "settled_s": 3 * _DAY,
            "slow_window_s": 3_600,
            "dear_usd": 2_000,
            "unproven": 10,
            "trifling_usd": 30,
        },
        period_s=1_800,
        weight=0.12,
        attack=("OAT-012",),
        suggest=("Ask for a second factor", "Look at what was bought"),
        words="Counts payments and attempts at them in any 60 seconds: 3 inform, 6 wait for an analyst, 8 challenge, "
        "10 lock; up to 7 on a device of a day or more for less than 30 dollars in all inform: games. In any hour 16 "
        "wait for an analyst too (on such a device they inform: collectors), 10 at tills, and 6 where device and "
        "network are strange to a user known for 3 days or in a new country; so do 3 in 60 seconds for 2,000 dollars "
        "or more together of a user with fewer than 10 payments.",
        default_source="seed Sentinel Stream",
        gaps="A till that sends its day at once, all of one time, looks the same.",
        examples=(
            Example(name="3 in a minute", events=_burst(3, 15), hit=True, severity=Severity.LOW),
            Example(
                name="3 in a minute for 2,250 dollars, the first of a user",
                events=tuple({**paid, "amount": 750} for paid in _burst(3, 15)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(name="6 in a minute", events=_burst(6, 10), hit=True, severity=Severity.MEDIUM),
            Example(name="8 in a minute", events=_burst(8, 7), hit=True, severity=Severity.HIGH),
            Example(name="10 in a minute", events=_burst(10, 6), hit=True, severity=Severity.CRITICAL),
            Example(
                name="7 in a minute for a game, on a device of a day",
                events=(event("login", -_DAY, **_HOME), *[{**one, "amount": 0.99} for one in _burst(7, 8)]),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="10 in a minute, backwards", events=_burst(10, 6)[::-1], hit=True, severity=Severity.CRITICAL
            ),
            Example(name="3 in 2 minutes", events=_burst(3, 60), hit=False),
            Example(
                name="10 taps of a card in half an hour",
                events=(
                    event("login", -_DAY, **_HOME),
                    *(event("transaction", n * 180, amount=9.5, currency="EUR", country="DE") for n in range(10)),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
        ),
    ),
    Rule(
        id="large_amount",
        title="A large payment",
        kind="TRANSACTION",
        severity=Severity.MEDIUM,
        scope="user",
        types=("transaction", "payout"),
        check=large,
        thresholds={"ceiling_usd": 5_000},
        period_s=_DAY,
        weight=0.3,
        attack=(),
        suggest=("Ask the user whether the payment was theirs",),
        words="A plain ceiling, in rough dollars for each currency. It informs where device and network have "
        "been the user's for a day: who buys a car does so from home. Payees known for a day are exempt.",
        default_source="seeds; Fraud Detection Handbook, scenario 1",
        gaps="Whoever often pays so much to new merchants hears of it once a day.",
        examples=(
            Example(name="9,000 euros", events=(event("transaction", 0, amount=9_000, currency="EUR"),), hit=True),
            Example(name="9,000 yen", events=(event("transaction", 0, amount=9_000, currency="JPY"),), hit=False),
            Example(
                name="the mortgage",
                events=(
                    event("payout", 0, amount=4_000, currency="EUR", payee_id="bank"),
                    event("payout", 30 * _DAY, amount=9_000, currency="EUR", payee_id="bank"),
                ),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="dormant_account",
        title="A silent account wakes and pays",
        kind="TRANSACTION",
        severity=Severity.MEDIUM,
        scope="user",
        types=("transaction", "payout"),
        check=dormant,
        thresholds={"idle_s": 90 * _DAY, "large_usd": 1_000, "strange_usd": 300, "awake_s": _DAY},
        period_s=_DAY,
        weight=0.4,
        attack=("T1078",),
        suggest=("Ask for a second factor", "Check that contact data are the user's"),
        words="90 days without a sign of the user, then within a day of the first a payment over 1,000 dollars, "
        "or over 300 from a strange device. "
        "Failed logins of strangers don't count as signs.",
        default_source="own",
        gaps="Silence begins with the first event that Argus saw.",
        examples=(
            Example(
                name="a login and a large payout after 100 days",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 100 * _DAY, **_HOME),
                    event("payout", 100 * _DAY + 600, amount=1_800, currency="EUR", payee_id="p1", **_HOME),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="less, on a device that nobody knows",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 100 * _DAY, **{**_HOME, "device_id": "d9"}),
                    event(
                        "transaction", 100 * _DAY + 600, amount=450, currency="EUR", **{**_HOME, "device_id": "d9"}
                    ),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="back after 100 days, for something small",
                events=(event("login", 0, **_HOME), event("transaction", 100 * _DAY, amount=30, currency="EUR")),
                hit=False,
            ),
            Example(
                name="a large payment after a month",
                events=(event("login", 0, **_HOME), event("transaction", 31 * _DAY, amount=1_800, currency="EUR")),
                hit=False,
            ),
        ),
    ),
)
