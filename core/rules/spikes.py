"""Sums far above what a user pays as a rule."""

# Every check has one signature, used or not.
from math import exp
from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.ledger import LEAST_LOG_SD, ODD_RATIO
from core.rules.entry import NOT_ENOUGH, Answer, Example, Hit, Rule, Severity, Thresholds, event, shopping
from core.rules.unless import amount
from core.seen import FAMILIAR_S, Seen, is_ordered
from core.state import PRIOR_N, UserState
from core.student import error_at
from core.wording import duration

_SPIKE: Final = "amount_spike"
_Told = tuple[Severity, str]


def spike(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    usd = seen.usd
    if usd <= 0 or usd < t["least_usd"] or action.failed:
        return None
    few = not seen.usual or state.amounts.n < t["least_payments"]
    told = _run(action, state, seen, t) or (_of_few if few else _of_many)(action, state, seen, t)
    if told is None:
        return NOT_ENOUGH if few else None
    severity, text = told
    return Hit(severity, text, unless=amount(action, seen, _quiet_usd(action, state, seen, t, few=few)))


def _odd(action: Action, state: UserState, within_s: float) -> int:
    """How many odd payments there were, with this one."""
    since_ms = action.time_ms - int(within_s * SECOND)
    return len([1 for at_ms in state.odd if since_ms < at_ms <= action.time_ms])


def _run(action: Action, state: UserState, seen: Seen, t: Thresholds) -> _Told | None:
    """One of many odd payments, or what follows a spike that was told."""
    if seen.z <= t["run_sigmas"] or seen.usd < t["far_usd"] or seen.payee_age_s >= FAMILIAR_S or seen.till:
        return None
    count = _odd(action, state, t["run_s"])
    if count >= t["run"] and seen.ratio >= ODD_RATIO:
        return Severity.MEDIUM, f"{count} odd payments within {duration(t['run_s'] * SECOND)}, {_times(seen)}"
    if _told_lately(action, state, t):
        return Severity.MEDIUM, f"{_times(seen)}, soon after another payment far above the usual"
    return None


def _told_lately(action: Action, state: UserState, t: Thresholds) -> bool:
    return 0 < action.time_ms - state.hits.get(_SPIKE, 0) <= t["series_s"] * SECOND


def _of_few(action: Action, state: UserState, seen: Seen, t: Thresholds) -> _Told | None:
    if seen.ratio < t["few_ratio"] or seen.z <= t["far_sigmas"] or seen.usd < _least_usd(action, state, seen, t):
        return None
    if is_ordered(action, seen):
        return None
    return Severity.MEDIUM, f"{_times(seen)}, of only {state.amounts.n}"


def _times(seen: Seen) -> str:
    return f"{seen.ratio:.1f} times the typical payment"


def _of_many(action: Action, state: UserState, seen: Seen, t: Thresholds) -> _Told | None:
    usd, ratio = seen.usd, seen.usd / seen.usual
    if seen.payee_age_s >= FAMILIAR_S:
        return None
    if usd <= t["largest_ratio"] * _largest(action, state):
        # The first of a series may just have been learnt.
        series = _odd(action, state, t["series_s"])
        if seen.till or series < 2 or ratio <= t["series_ratio"] or usd < t["far_usd"]:
            return None
        text = f"{series} odd payments within {duration(t['series_s'] * SECOND)}, {ratio:.1f} times the usual"
        return Severity.MEDIUM, text
    if ratio <= t["least_ratio"]:
        return None
    suspected = _suspected(action, state, seen, t)
    far = seen.z > t["suspected_sigmas" if suspected else "far_sigmas"]
    if not far and seen.z <= t["sigmas"] and ratio <= t["mean_ratio"]:
        return None
    far = far and usd >= _least_usd(action, state, seen, t) and not is_ordered(action, seen)
    severity = Severity.MEDIUM if far else Severity.LOW
    return severity, f"{ratio:.1f} times the usual payment, {seen.z:.1f} deviations above it"


def _least_usd(action: Action, state: UserState, seen: Seen, t: Thresholds) -> float:
    """Rents and dear things come alone, and from home or from tills."""
    alone = seen.till or (seen.own_device and _odd(action, state, t["series_s"]) <= 1)
    return t["alone_usd"] if alone else t["far_usd"]


def _largest(action: Action, state: UserState) -> float:
    largest = state.amounts.largest
    return max(largest, state.sent.largest) if action.type == "payout" else largest


def _suspected(action: Action, state: UserState, seen: Seen, t: Thresholds) -> bool:
    if seen.usd >= t["dear_usd"]:
        return True
    return not seen.till and (seen.strange or _odd(action, state, DAY / SECOND) > 1)


def _quiet_usd(action: Action, state: UserState, seen: Seen, t: Thresholds, *, few: bool) -> float:
    """The sum, in rough dollars, below which a spike would have been none."""
    typical = seen.usd / seen.ratio
    if few:
        quiet_usd = max(_least_usd(action, state, seen, t), t["few_ratio"] * typical)
    else:
        quiet_usd = _usual_usd(action, state, seen, t)
        if _odd(action, state, t["series_s"]) > 1 and not seen.till:
            quiet_usd = min(quiet_usd, max(t["far_usd"], t["series_ratio"] * seen.usual))
    told = _told_lately(action, state, t)
    if (told or _odd(action, state, t["run_s"]) >= t["run"]) and not seen.till:
        least_usd = t["far_usd"] if told else max(t["far_usd"], ODD_RATIO * typical)
        quiet_usd = min(quiet_usd, max(least_usd, _deviating_usd(action, state, t["run_sigmas"])))
    return max(t["least_usd"], quiet_usd)


def _usual_usd(action: Action, state: UserState, seen: Seen, t: Thresholds) -> float:
    suspected = _suspected(action, state, seen, t)
    sigmas = min(t["sigmas"], t["suspected_sigmas"]) if suspected else t["sigmas"]
    far_usd = min(_deviating_usd(action, state, sigmas), t["mean_ratio"] * seen.usual)
    return max(t["largest_ratio"] * _largest(action, state), t["least_ratio"] * seen.usual, far_usd)


def _deviating_usd(action: Action, state: UserState, sigmas: float) -> float:
    """The sum at so many deviations; of payouts they are not known here, and what is left is necessary, too."""
    if action.type == "payout":
        return 0.0
    amounts = state.amounts
    error = error_at(sigmas, amounts.n + PRIOR_N) * max(amounts.log_sd, LEAST_LOG_SD)
    return exp(amounts.log_mean + error)


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_DAY: Final = 86_400

RULES: Final = (
    Rule(
        id=_SPIKE,
        title="A payment far above the usual",
        kind="TRANSACTION",
        severity=Severity.LOW,
        scope="user",
        types=("transaction", "payout"),
        check=spike,
        thresholds={
            "sigmas": 3.0,
            "mean_ratio": 5.0,
            "far_sigmas": 3.6,
            "suspected_sigmas": 2.6,
            "far_usd": 200,
            "alone_usd": 500,
            "dear_usd": 2_000,
            "series_s": 3_600,
            "series_ratio": 4.0,
            "run": 4,
            "run_s": 3_600,
            "run_sigmas": 1.5,
            "least_payments": 10,
            "least_ratio": 2.5,
            "least_usd": 50,
            "largest_ratio": 1.5,
            "few_ratio": 20.0,
        },
        period_s=_DAY,
        weight=0.2,
        attack=(),
        suggest=("Ask the user whether the payment was theirs",),
        words="A payment over 3 deviations (of logarithms: sums are skewed) and 2.5 times the user's mean, or over "
        "5 times it, once 10 are known, and clearly above the largest that the user ever made (for a purchase, ever "
        "bought), informs: with so many payments, honest ones come so far out too. MEDIUM from 3.6 deviations and "
        "200 dollars on; from 2.6 where it is the second odd payment in a day, comes from a strange device or is of "
        "2,000 dollars or more; and only from 500 dollars on where it is the first odd one within an hour on a "
        "device of a day or more, or at a till: rents and dear things come alone, and from home. Within an hour of "
        "an odd one 4 times the mean is enough where only the first was far above the largest, and 1.5 deviations "
        "are after one that was told, and for the fourth, once 5 are known. At tills, where neither device nor "
        "network is named, it takes 3.6 deviations or 2,000 dollars, and standing orders are never MEDIUM. Small "
        "sums and payees known for a day don't count. Deviations are Student's: with 10 payments known, 3.6 stand "
        "for 4.9, with 100 for 3.7; those of payouts go by how many payouts are known. While 5 to 9 payments are "
        "known, 20 times the typical one is MEDIUM.",
        default_source="Fraud Detection Handbook",
        gaps="Who once bought a car may be robbed of less. A MEDIUM spike isn't learnt, so a real rise in spending "
        "is told again until payments in between close the gap.",
        examples=(
            Example(
                name="fifteen times the usual",
                events=(*shopping(12), event("transaction", 12 * _DAY, amount=600, currency="EUR", **_HOME)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a dear thing, alone and from home",
                events=(*shopping(12), event("transaction", 12 * _DAY, amount=400, currency="EUR", **_HOME)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="little is known, but nothing like that",
                events=(*shopping(6), event("transaction", 12 * _DAY, amount=1_000, currency="EUR", **_HOME)),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="hardly anything is known",
                events=(*shopping(5), event("transaction", 12 * _DAY, amount=400, currency="EUR", **_HOME)),
                hit=False,
            ),
            Example(
                name="a fourth odd payment within an hour",
                events=(
                    *shopping(7),
                    *[
                        event("transaction", 12 * _DAY + n * 600, amount=300 * (n + 1), currency="EUR", **_HOME)
                        for n in range(4)
                    ],
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a little more than usual",
                events=(*shopping(12), event("transaction", 12 * _DAY, amount=46, currency="EUR", **_HOME)),
                hit=False,
            ),
            Example(
                name="as much as once before",
                events=(
                    *shopping(9),
                    event("transaction", 9 * _DAY, amount=380, currency="EUR", **_HOME),
                    *shopping(12)[10:],
                    event("transaction", 12 * _DAY, amount=400, currency="EUR", **_HOME),
                ),
                hit=False,
            ),
        ),
    ),
)
