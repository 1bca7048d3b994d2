"""Reporting duties: kind COMPLIANCE, which opens a case and never locks."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import at_most, below, fewer
from core.seen import Seen
from core.state import UserState
from core.windows import count_around, sum_around
from core.wording import duration


def _moved(action: Action, state: UserState, window_ms: int) -> float:
    """What went the same way in the fullest window around the event, in rough dollars."""
    ring = state.deposits if action.type == "deposit" else state.money
    return sum_around(ring, action.time_ms, window_ms) if ring else 0.0


def threshold(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if seen.usd <= 0 or action.failed:
        return None
    total = _moved(action, state, int(t["window_s"] * SECOND))
    if total < t["report_usd"]:
        return None
    way = "came in" if action.type == "deposit" else "went out"
    text = f"About {total:,.0f} dollars {way} within {duration(t['window_s'] * SECOND)}"
    return Hit(Severity.CRITICAL, text, unless=below(total, t["report_usd"], "dollars", t["window_s"]))


def structuring(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if len(state.tall) < t["payments"] or action.failed or action.time_ms not in state.tall:
        return None
    count = count_around(state.tall, action.time_ms, int(t["window_s"] * SECOND))
    if count < t["payments"]:
        return None
    return Hit(
        Severity.HIGH,
        f"{count} sums just under the reporting threshold within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, t["payments"], "sums just under the reporting threshold", t["window_s"]),
    )


def volume(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if seen.usd <= 0 or action.failed:
        return None
    total = _moved(action, state, int(t["window_s"] * SECOND))
    if total <= t["volume_usd"]:
        return None
    text = f"About {total:,.0f} dollars moved within {duration(t['window_s'] * SECOND)}"
    return Hit(Severity.MEDIUM, text, unless=at_most(total, t["volume_usd"], "dollars", t["window_s"]))


def round_amounts(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if len(state.round) < t["payments"] or action.failed or action.time_ms not in state.round:
        return None
    count = count_around(state.round, action.time_ms, int(t["window_s"] * SECOND))
    if count < t["payments"]:
        return None
    return Hit(
        Severity.MEDIUM,
        f"{count} round sums of thousands to new payees within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, t["payments"], "such sums", t["window_s"]),
    )


_DAY: Final = 86_400


def _out(at: float, amount: float, payee: str = "p1", currency: str = "USD") -> dict[str, object]:
    return event("payout", at, amount=amount, currency=currency, payee_id=payee, ip="192.0.2.10", device_id="d1")


def _in(at: float, amount: float) -> dict[str, object]:
    return event("deposit", at, amount=amount, currency="USD", ip="192.0.2.10", device_id="d1")


_REPORT: Final = ("Open a compliance case", "Collect the origin of the money")

RULES: Final = (
    Rule(
        id="aml_threshold",
        title="Reporting threshold reached",
        kind="COMPLIANCE",
        severity=Severity.CRITICAL,
        scope="user",
        types=("transaction", "payout", "deposit"),
        check=threshold,
        thresholds={"report_usd": 10_000, "window_s": _DAY},
        period_s=_DAY,
        weight=0.15,
        attack=(),
        suggest=_REPORT,
        words="10,000 dollars or more in one sum, or together within any 24 hours; in and out apart.",
        default_source="31 CFR 1010.311",
        gaps="The duty is about cash; events don't say what is. Of over 10 payments in 30 hours, or 4 deposits in "
        "25, some are kept as one, and may count for a few hours too long.",
        examples=(
            Example(name="12,000 at once", events=(_out(0, 12_000),), hit=True, severity=Severity.CRITICAL),
            Example(name="in four parts", events=tuple(_out(n * 3_600, 2_600) for n in range(4)), hit=True),
            Example(name="9,000", events=(_out(0, 9_000),), hit=False),
            Example(name="in and out", events=(_in(0, 6_000), _out(600, 6_000)), hit=False),
            Example(name="12,000 yen", events=(_out(0, 12_000, currency="JPY"),), hit=False),
            Example(name="two days apart", events=(_out(0, 6_000), _out(2 * _DAY, 6_000)), hit=False),
        ),
    ),
    Rule(
        id="aml_structuring",
        title="Sums just under the reporting threshold",
        kind="COMPLIANCE",
        severity=Severity.HIGH,
        scope="user",
        types=("transaction", "payout", "deposit"),
        check=structuring,
        thresholds={"payments": 3, "window_s": _DAY},
        period_s=_DAY,
        weight=0.15,
        attack=(),
        suggest=_REPORT,
        words="3 sums of 8,000 to 10,000 dollars within any 24 hours, in or out.",
        default_source="own; the offence is 31 USC 5324",
        gaps="Spread over days it is left to the analysts of aml_threshold.",
        examples=(
            Example(name="3 times 9,500", events=tuple(_in(n * 7_200, 9_500) for n in range(3)), hit=True),
            Example(name="twice", events=tuple(_in(n * 7_200, 9_500) for n in range(2)), hit=False),
            Example(name="3 times 7,000", events=tuple(_in(n * 7_200, 7_000) for n in range(3)), hit=False),
        ),
    ),
    Rule(
        id="aml_volume",
        title="Large volume in a day",
        kind="COMPLIANCE",
        severity=Severity.MEDIUM,
        scope="user",
        types=("transaction", "payout", "deposit"),
        check=volume,
        thresholds={"volume_usd": 25_000, "window_s": _DAY},
        period_s=_DAY,
        weight=0.1,
        attack=(),
        suggest=_REPORT,
        words="Over 25,000 dollars in or out within any 24 hours.",
        default_source="own",
        gaps="As of aml_threshold.",
        examples=(
            Example(name="3 times 9,000", events=tuple(_out(n * 3_600, 9_000) for n in range(3)), hit=True),
            Example(name="2 times 9,000", events=tuple(_out(n * 3_600, 9_000) for n in range(2)), hit=False),
        ),
    ),
    Rule(
        id="aml_round_amounts",
        title="Round sums of thousands",
        kind="COMPLIANCE",
        severity=Severity.MEDIUM,
        scope="user",
        types=("transaction", "payout"),
        check=round_amounts,
        thresholds={"payments": 3, "window_s": 30 * _DAY},
        period_s=30 * _DAY,
        weight=0.1,
        attack=(),
        suggest=_REPORT,
        words="3 payments of whole thousands within any 30 days to payees that the user hasn't known for a day.",
        default_source="own",
        gaps="Sums below a thousand dollars never count.",
        examples=(
            Example(
                name="3 payees, 2,000 each",
                events=tuple(_out(n * 5 * _DAY, 2_000, f"p{n}") for n in range(3)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(name="savings", events=tuple(_out(n * 7 * _DAY, 1_000, "me") for n in range(4)), hit=False),
            Example(name="odd sums", events=tuple(_out(n * 5 * _DAY, 2_013.5, f"p{n}") for n in range(3)), hit=False),
        ),
    ),
)
