"""Payments too many, too large, or after too long a silence."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from math import exp
from typing import Final

from core.clock import DAY, SECOND
from core.events import Action
from core.ledger import LEAST_LOG_SD, ODD_RATIO
from core.rules.devices import shopping
from core.rules.entry import NOT_ENOUGH, Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, amount, fewer
from core.seen import FAMILIAR_S, UNKNOWN, Seen
from core.state import PRIOR_N, UserState
from core.student import error_at
from core.windows import count_around
from core.wording import duration

_Told = tuple[Severity, str]


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
            # Whoever collects many small things does so from home.
            return Hit(Severity.LOW if seen.at_home else Severity.MEDIUM, text, unless=unless)
    if count < t["low"]:
        return None
    if count >= t["critical"]:
        severity = Severity.CRITICAL
    elif count >= t["high"]:
        severity = Severity.HIGH
    else:
        severity = Severity.MEDIUM if count >= t["medium"] or _dear(action, state, t) else Severity.LOW
    return Hit(
        severity,
        f"{count} payments within {duration(t['window_s'] * SECOND)}",
        unless=fewer(count, t["low"], "payments", t["window_s"], _slowly(count, seen, t)),
    )


def _dear(action: Action, state: UserState, t: Thresholds) -> bool:
    """Whether the payments of the last window are large together, of somebody whose usual sums nobody knows yet."""
    if state.amounts.n >= t["unproven"]:
        return False
    since_ms = action.time_ms - int(t["window_s"] * SECOND)
    return sum([usd for at_ms, usd in state.money if since_ms < at_ms <= action.time_ms]) >= t["dear_usd"]


def _slow_least(seen: Seen, t: Thresholds) -> float:
    if seen.till:
        return t["slow_till"]
    # A network alone, where no device is named, is new to whoever takes the train.
    settled = seen.abroad or (seen.device_age_s != UNKNOWN and seen.known_s >= t["settled_s"])
    strange = settled and seen.strange and seen.network_age_s < FAMILIAR_S
    return t["slow_strange"] if strange else t["slow"]


def _slowly(count: int, seen: Seen, t: Thresholds) -> Unless:
    return fewer(count, _slow_least(seen, t), "of them", t["slow_window_s"])


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
    if seen.ratio < ODD_RATIO or seen.z <= t["run_sigmas"] or seen.usd < t["far_usd"]:
        return None
    if seen.payee_age_s >= FAMILIAR_S or seen.till:
        return None
    count = _odd(action, state, t["run_s"])
    if count < t["run"]:
        return None
    return Severity.MEDIUM, f"{count} odd payments within {duration(t['run_s'] * SECOND)}, {_times(seen)}"


def _of_few(action: Action, state: UserState, seen: Seen, t: Thresholds) -> _Told | None:
    if seen.ratio < t["few_ratio"] or seen.z <= t["far_sigmas"] or seen.usd < t["far_usd"] or _by_bank(action, seen):
        return None
    return Severity.MEDIUM, f"{_times(seen)}, of only {state.amounts.n}"


def _times(seen: Seen) -> str:
    return f"{seen.ratio:.1f} times the typical payment"


def _of_many(action: Action, state: UserState, seen: Seen, t: Thresholds) -> _Told | None:
    usd, ratio = seen.usd, seen.usd / seen.usual
    if seen.payee_age_s >= FAMILIAR_S:
        return None
    if usd <= t["largest_ratio"] * state.amounts.largest:
        # The first of a series may just have been learnt.
        series = _odd(action, state, t["series_s"])
        if seen.till or series < 2 or ratio <= t["series_ratio"] or usd < t["far_usd"]:
            return None
        text = f"{series} odd payments within {duration(t['series_s'] * SECOND)}, {ratio:.1f} times the usual"
        return Severity.MEDIUM, text
    if ratio <= t["least_ratio"]:
        return None
    far = seen.z > t["far_sigmas"] or (_suspected(action, state, seen) and seen.z > t["suspected_sigmas"])
    if not far and seen.z <= t["sigmas"] and ratio <= t["mean_ratio"]:
        return None
    far = far and usd >= t["far_usd"] and not _by_bank(action, seen)
    severity = Severity.MEDIUM if far else Severity.LOW
    return severity, f"{ratio:.1f} times the usual payment, {seen.z:.1f} deviations above it"


def _suspected(action: Action, state: UserState, seen: Seen) -> bool:
    return not seen.till and (seen.strange or _odd(action, state, DAY / SECOND) > 1)


def _by_bank(action: Action, seen: Seen) -> bool:
    """A standing order: nobody was there to be anybody else."""
    return seen.till and action.type == "payout"


def _quiet_usd(action: Action, state: UserState, seen: Seen, t: Thresholds, *, few: bool) -> float:
    """The sum, in rough dollars, below which a spike would have been none."""
    typical = seen.usd / seen.ratio
    if few:
        quiet_usd = max(t["far_usd"], t["few_ratio"] * typical)
    else:
        quiet_usd = _usual_usd(action, state, seen, t)
        if _odd(action, state, t["series_s"]) > 1 and not seen.till:
            quiet_usd = min(quiet_usd, max(t["far_usd"], t["series_ratio"] * seen.usual))
    if _odd(action, state, t["run_s"]) >= t["run"] and not seen.till:
        run_usd = max(ODD_RATIO * typical, _deviating_usd(action, state, t["run_sigmas"]))
        quiet_usd = min(quiet_usd, max(t["far_usd"], run_usd))
    return max(t["least_usd"], quiet_usd)


def _usual_usd(action: Action, state: UserState, seen: Seen, t: Thresholds) -> float:
    suspected = _suspected(action, state, seen)
    sigmas = min(t["sigmas"], t["suspected_sigmas"]) if suspected else t["sigmas"]
    far_usd = min(_deviating_usd(action, state, sigmas), t["mean_ratio"] * seen.usual)
    return max(t["largest_ratio"] * state.amounts.largest, t["least_ratio"] * seen.usual, far_usd)


def _deviating_usd(action: Action, state: UserState, sigmas: float) -> float:
    """The sum at so many deviations; of payouts they are not known here, and what is left is necessary, too."""
    if action.type == "payout":
        return 0.0
    amounts = state.amounts
    error = error_at(sigmas, amounts.n + PRIOR_N) * max(amounts.log_sd, LEAST_LOG_SD)
    return exp(amounts.log_mean + error)


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
        },
        period_s=1_800,
        weight=0.12,
        attack=("OAT-012",),
        suggest=("Ask for a second factor", "Look at what was bought"),
        words="Counts payments and attempts at them in any 60 seconds: 3 inform, 6 wait for an analyst, 8 challenge, "
        "10 lock. In any hour 16 wait for an analyst too (from home they inform: collectors), 10 at tills, and "
        "6 where device and network are strange to a user known for 3 days or in a new country; so do 3 in 60 "
        "seconds for 2,000 dollars or more together of a user with fewer than 10 payments.",
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
        id="amount_spike",
        title="A payment far above the usual",
        kind="TRANSACTION",
        severity=Severity.LOW,
        scope="user",
        types=("transaction", "payout"),
        check=spike,
        thresholds={
            "sigmas": 3.0,
            "mean_ratio": 5.0,
            "far_sigmas": 3.4,
            "suspected_sigmas": 2.6,
            "far_usd": 200,
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
        words="A payment over 3 deviations (of logarithms: sums are skewed) and 2.5 times the user's mean, or "
        "over 5 times it, once 10 are known, and clearly above the largest that the user ever made, "
        "informs: with so many payments, honest ones come so far out too. MEDIUM from 3.4 deviations on, "
        "from 2.6 where it is the second odd payment in a day or comes from a strange device, and only from 200 "
        "dollars on; so is the second odd payment within an hour, 4 times the mean, where only the first was "
        "far above the largest, and the fourth within an hour, 1.5 deviations out, once 5 are known. At tills, "
        "where neither device nor network is named, only 3.4 deviations are MEDIUM, and standing orders never. "
        "Small sums and payees known for a day don't count. Deviations are Student's: with 10 payments known, 3.4 "
        "stand for 4.5, with 100 for 3.5. While 5 to 9 payments are known, 20 times the typical one is MEDIUM.",
        default_source="Fraud Detection Handbook",
        gaps="Who once bought a car may be robbed of less. A MEDIUM spike isn't learnt, so a real rise in spending "
        "is told again until payments in between close the gap.",
        examples=(
            Example(
                name="ten times the usual",
                events=(*shopping(12), event("transaction", 12 * _DAY, amount=400, currency="EUR", **_HOME)),
                hit=True,
                severity=Severity.MEDIUM,
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
