"""Rules that add up what rules and models say. Asked last."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from collections.abc import Mapping
from typing import Final

from core.clock import SECOND
from core.events import Action
from core.grouping import SHADOW
from core.records import EVENT_TYPES
from core.rules.entry import NOT_ENOUGH, Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Side, Unless, fewer
from core.seen import FAMILIAR_S, Seen
from core.state import UserState
from core.wording import duration

WEAK_SIGNALS: Final = "several_weak_signals"
HIGH_RISK: Final = "high_risk"
# Rules that speak of one and the same thing count once.
SAME_STORY: Final[Mapping[str, str]] = {
    "new_country_login": "new_device_login",
    "distributed_brute_force": "login_brute_force",
    "slow_brute_force": "login_brute_force",
    "success_after_attack": "login_brute_force",
    "card_testing": "failed_payments",
    "cards_per_user": "failed_payments",
    "large_amount": "amount_spike",
    "new_device_large_payment": "new_device_login",
    "mfa_bombing": "otp_guessing",
}
# Reporting duties are no sign of a takeover.
NOT_COUNTED: Final = frozenset({WEAK_SIGNALS, "aml_threshold", "aml_structuring", "aml_volume", "aml_round_amounts"})


def weak_signals(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    hits = state.hits
    if len(hits) < t["rules"]:
        return None
    since_ms = action.time_ms - int(t["window_s"] * SECOND)
    recent = [rule_id for rule_id, at_ms in hits.items() if at_ms > since_ms and rule_id not in NOT_COUNTED]
    if len(recent) < t["rules"] or action.time_ms not in hits.values():
        return None
    stories = {SAME_STORY.get(rule_id, rule_id) for rule_id in recent}
    if len(stories) < t["rules"]:
        return None
    own = seen.device_age_s >= FAMILIAR_S or seen.network_age_s >= FAMILIAR_S
    first_day = seen.known_s < FAMILIAR_S
    # A new phone at home is paid with on its first day, and on the user's all phones are new.
    usual = (first_day or seen.network_age_s >= FAMILIAR_S) and len(stories) <= t["rules"]
    if seen.at_home or usual:
        severity = Severity.LOW
    elif own or first_day or action.vpn:
        severity = Severity.MEDIUM
    else:
        severity = Severity.HIGH if seen.abroad or len(stories) > t["rules"] else Severity.MEDIUM
    return Hit(
        severity,
        f"{len(recent)} rules spoke within {duration(t['window_s'] * SECOND)}: {', '.join(sorted(recent))}",
        unless=fewer(len(stories), t["rules"], "such signs, each of something else,", t["window_s"]),
    )


def anomaly(action: Action, state: UserState, seen: Seen, t: Thresholds, scores: Mapping[str, float]) -> Answer:
    if not scores:
        return None
    if state.events < t["least_events"]:
        return NOT_ENOUGH
    agreeing = [name for name, score in scores.items() if score >= t["score_0_1"]]
    if 2 * len(agreeing) <= len(scores):
        return None
    extreme = min(scores[name] for name in agreeing) >= t["extreme_0_1"]
    notable = seen.new_device or seen.new_country or seen.new_payee or seen.ratio >= t["ratio"]
    names = ", ".join(sorted(agreeing))
    severity = Severity.HIGH if extreme and notable else Severity.MEDIUM
    return Hit(severity, f"Unlike almost all that came before, say {names}")


def high_risk(action: Action, state: UserState, seen: Seen, t: Thresholds, risk_score: float) -> Answer:
    if risk_score < t["risk_0_100"] or not seen.own:
        return None
    since_ms = action.time_ms - int(t["window_s"] * SECOND)
    for key, group in state.groups.items():
        told = group.severity >= Severity.MEDIUM and not group.flags & SHADOW and group.last_ms > since_ms
        if told and not key.startswith(f"{HIGH_RISK}:"):
            return None
    window = duration(t["window_s"] * SECOND)
    return Hit(
        Severity.MEDIUM,
        f"A risk of {risk_score:.0f} in 100, and no other alert of MEDIUM or more within {window}",
        unless=Unless(Side.BELOW, "a risk", risk_score, t["risk_0_100"], named=True),
    )


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE", "session_id": "s1"}
_NEW: Final = {"ip": "203.0.113.9", "device_id": "d2", "country": "BR", "session_id": "s2"}
_PHONE: Final = {**_HOME, "device_id": "d2", "session_id": "s2"}
_LIFE: Final = tuple(event("page_view", n * 600, path="/", **_HOME) for n in range(25))
_PAYMENT: Final = event("transaction", 20_000, amount=30, currency="EUR", **_HOME)
_BURST: Final = tuple(event("transaction", 9_000 + n, amount=9.5, currency="EUR", **_NEW) for n in range(3))
_PROBES: Final = tuple(event("page_view", 9_600 + n, path=f"/admin/{n}", **_NEW) for n in range(3))

RULES: Final = (
    Rule(
        id=WEAK_SIGNALS,
        title="Several weak signals on one user",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="user",
        types=EVENT_TYPES,
        check=weak_signals,
        thresholds={"rules": 3, "window_s": 86_400},
        period_s=86_400,
        weight=0.55,
        attack=("T1078",),
        suggest=("Look at the user's last day as a whole", "Ask for a second factor"),
        words="3 different rules on one user within 24 hours, whatever their severity. Rules about the same "
        "thing (a new device and its new country, guesses and the login that comes of them) count once, "
        "reporting duties and what a rule lowered to LOW not at all. It informs where the last of them came "
        "from a device and network that have been the user's for a day, and of 3 where it came from such a network "
        "or on the user's first day: a new phone is paid with at home. HIGH takes a strange device and network "
        "of a user known for a day, no VPN, and a fourth rule or a new country; else MEDIUM.",
        default_source="asked for in SigmaHQ/pySigma#317",
        gaps="Rules that need reputation or models don't count; the 8 newest are remembered.",
        examples=(
            Example(
                name="a new device, quick payments and probing",
                events=(event("login", -2 * 86_400, **_HOME), event("login", 8_990, **_NEW), *_BURST, *_PROBES),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a new phone in the user's own network",
                events=(
                    event("login", -2 * 86_400, **_HOME),
                    event("login", 8_990, **_PHONE),
                    *({**payment, **_PHONE} for payment in (*_BURST, *_PROBES)),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="two of them",
                events=(event("login", 0, **_HOME), event("login", 86_000, **_NEW), *_BURST[:2], *_PROBES),
                hit=False,
            ),
            Example(
                name="guesses from a new device, and in",
                events=(
                    event("login", 0, **_HOME),
                    *(event("login", 2 * 86_400 + n, outcome="failure", **_NEW) for n in range(8)),
                    event("login", 2 * 86_400 + 60, **_NEW),
                ),
                hit=False,
            ),
            Example(
                name="on holiday with a new phone",
                events=(event("login", 0, **_HOME), event("login", 86_000, **_NEW), *_LIFE[-2:]),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="anomaly",
        title="Unlike anything usual",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=("login", "password_change", "mfa_change", "profile_change", "transaction", "payout"),
        check=anomaly,
        thresholds={"score_0_1": 0.9999, "extreme_0_1": 0.99999, "ratio": 3.0, "least_events": 20},
        period_s=86_400,
        weight=0.3,
        attack=(),
        suggest=("Look at what the models hold against the event",),
        words="More than half of the deciding models rank the event above 99.99 % of what they saw. HIGH above "
        "99.999 % and only where something is new or large for the user as well.",
        default_source="own",
        gaps="A model ranks against its own partition, and slowly forgets.",
        inputs=("model",),
        examples=(
            Example(name="all agree", events=(*_LIFE, _PAYMENT), scores={"a": 0.99998, "b": 0.99996}, hit=True),
            Example(
                name="extreme, and from a new device",
                events=(*_LIFE, {**_PAYMENT, **_NEW}),
                scores={"a": 0.999995, "b": 0.999995},
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(name="one of three", events=(*_LIFE, _PAYMENT), scores={"a": 1.0, "b": 0.4, "c": 0.1}, hit=False),
            Example(name="hardly known", events=(_PAYMENT,), scores={"a": 1.0, "b": 1.0}, hit=False),
        ),
    ),
    Rule(
        id=HIGH_RISK,
        title="High risk without any other finding",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="user",
        types=EVENT_TYPES,
        check=high_risk,
        thresholds={"risk_0_100": 65, "window_s": 86_400},
        period_s=86_400,
        weight=0.0,
        attack=(),
        suggest=("Look at what adds up to the risk: its reasons, the models and the user's last hours",),
        words="The risk of what a user did reaches 65, and no alert of MEDIUM or more has been about the user within "
        "24 hours: what informs, the models and the user's last hours add up to more than any of them says.",
        default_source="own",
        gaps="The risk hangs on the models, which differ from partition to partition. Failed logins are left to "
        "other rules: in an attack on many, each user would have an alert of it.",
        inputs=("risk",),
        examples=(
            Example(name="much adds up", events=(*_LIFE, _PAYMENT), risk_score=72.5, hit=True),
            Example(
                name="somebody's guess at the password",
                events=(event("login", 20_000, outcome="failure", **_NEW),),
                risk_score=72.5,
                hit=False,
            ),
            Example(name="hardly anything does", events=(*_LIFE, _PAYMENT), risk_score=40.0, hit=False),
        ),
    ),
)
