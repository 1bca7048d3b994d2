"""Merchants and terminals where payments turn out to be fraud, as far as labels have come in."""

from core.fraud_share import PRIOR_PAYMENTS, fraud_run, fraud_share
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import fewer
from core.signal import FRAUD, Signal
from core.source_state import SourceState


def _compromised(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    share, frauds, paid = fraud_share(state, t["prior_payments"])
    if len(frauds) < t["frauds"] or len({user for _, user, _, _ in frauds}) < t["users"]:
        return None
    if signal.time_ms - frauds[-1][0] > t["age_s"] * 1000:
        return None
    run = fraud_run(state)
    if share < t["share"] and run < t["run"]:
        return None
    severity = Severity.HIGH if share >= t["share_high"] or run >= t["run_high"] else Severity.MEDIUM
    tail = f", the last {run} in a row" if run > 1 else ""
    return Hit(
        severity,
        f"{len(frauds)} of {paid} payments here are confirmed fraud{tail}",
        unless=fewer(len(frauds), t["frauds"], "confirmed frauds here"),
    )


def _story(
    name: str, number: int, frauds: int, users: int = 9, *, hit: bool, severity: Severity | None = None
) -> Example:
    """Payments at one merchant, hourly, of which the last `frauds` are labelled as fraud a week later."""
    events = tuple(
        event(
            "transaction",
            n * 3_600.0,
            event_id=f"p{n}",
            user_id=f"u{n % users}",
            amount=30.0,
            currency="USD",
            merchant_id="m1",
            card_id=f"c{n % users}",
        )
        for n in range(number)
    )
    labels = tuple(
        {
            "feedback_id": f"f{n}",
            "event_id": f"p{n}",
            "user_id": f"u{n % users}",
            "label": "fraud",
            "source": "chargeback",
            "at": 604_800.0 + n * 3_600,
        }
        for n in range(number - frauds, number)
    )
    return Example(name=name, events=events, feedback=labels, hit=hit, severity=severity)


RULES: tuple[Rule, ...] = (
    Rule(
        id="compromised_merchant",
        title="Compromised terminal or merchant",
        kind="TRANSACTION",
        severity=Severity.MEDIUM,
        scope="source",
        types=(FRAUD,),
        sources=("merchant",),
        check=_compromised,
        thresholds={
            "frauds": 3,
            "users": 2,
            "share": 0.25,
            "share_high": 0.5,
            "run": 4,
            "run_high": 8,
            "prior_payments": PRIOR_PAYMENTS,
            "window_s": 28 * 86_400,
            "age_s": 35 * 86_400,
        },
        period_s=7 * 86_400,
        weight=0.5,
        attack=("OAT-001",),
        suggest=("Have the terminal checked", "Review the newest payments there"),
        words="Of a merchant's payments in 7 or 28 days before the newest confirmed fraud, a quarter or more (half: "
        "HIGH) are confirmed fraud on 2 users or more, smoothed by 6 clean payments; or the last 4 (8: HIGH) in "
        "a row.",
        default_source="Fraud Detection Handbook, scenario 2",
        gaps="Nothing is known before the first labels come, usually days later.",
        examples=(
            _story("the last 4 of 20 payments in a row", 20, 4, hit=True, severity=Severity.MEDIUM),
            _story("8 of 10 payments", 10, 8, hit=True, severity=Severity.HIGH),
            _story("one of two payments", 2, 1, hit=False),
            _story("two of two payments", 2, 2, hit=False),
            _story("3 of 60 payments", 60, 3, hit=False),
            _story("one user disputes everything", 5, 5, users=1, hit=False),
        ),
    ),
)
