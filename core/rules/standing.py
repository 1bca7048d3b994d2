"""What the standing of a source (address, network, device, merchant) means for the user who comes from it."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from collections.abc import Mapping
from typing import Final

from core.events import Action
from core.reputation import BAD, LISTED, Reputation, learnt
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import otherwise
from core.seen import FAMILIAR_S, Seen
from core.state import UserState

Standings = Mapping[str, Reputation]


def _of(reputation: Standings, type_: str, name: str | None, time_ms: int) -> Reputation | None:
    found = None if name is None else reputation.get(f"{type_}:{name}")
    return found if found is not None and found.in_force(time_ms) else None


def _places(action: Action) -> tuple[tuple[str, str | None], ...]:
    return ("ip", action.ip), ("device", action.device_id), ("network", action.network)


def _worst(action: Action, reputation: Standings) -> tuple[str, Reputation] | None:
    worst = None
    for type_, name in _places(action):
        found = _of(reputation, type_, name, action.time_ms)
        if found is not None and (worst is None or found.level > worst[1].level):
            worst = (f"{type_} {name}", found)
    return worst


def _attacker(action: Action, reputation: Standings) -> tuple[str, Reputation] | None:
    """Where the event comes from, if attacks from there were seen here, whatever lists say beside that."""
    for type_, name in _places(action):
        found = None if name is None else learnt(reputation, f"{type_}:{name}")
        if found is not None and found.level == BAD and found.in_force(action.time_ms):
            return f"{type_} {name}", found
    return None


def compromised_merchant(
    action: Action, state: UserState, seen: Seen, t: Thresholds, reputation: Standings
) -> Answer:
    if not reputation:
        return None
    found = _of(reputation, "merchant", action.merchant_id, action.time_ms)
    if found is None:
        return None
    if found.record is not None and found.record.risk(action.time_ms) < t["risk_0_1"]:
        return None
    severity = Severity.HIGH if found.level >= BAD else Severity.MEDIUM
    if seen.device_age_s >= 0 and not seen.strange:
        severity = Severity.LOW
    elif not seen.new_merchant and state.events > 1:
        severity = Severity(severity - 1)
    return Hit(
        severity,
        f"Merchant {action.merchant_id}: {found.text or 'payments there were fraud'}",
        action.merchant_id or "",
        _GOOD_MERCHANT,
    )


def bad_source(action: Action, state: UserState, seen: Seen, t: Thresholds, reputation: Standings) -> Answer:
    if not reputation or action.failed:
        return None
    worst = _worst(action, reputation)
    if worst is None:
        return None
    name, found = worst
    at_home = seen.device_age_s >= FAMILIAR_S
    if found.level >= LISTED:
        severity = Severity.MEDIUM if at_home else Severity.HIGH
    elif found.level >= BAD:
        severity = Severity.LOW if at_home else Severity.MEDIUM
    elif at_home:
        return None
    else:
        severity = Severity.LOW
    return Hit(severity, f"From {name}: {found.text or 'known for attacks'}", name, _GOOD_SOURCE)


def attacker_logged_in(action: Action, state: UserState, seen: Seen, t: Thresholds, reputation: Standings) -> Answer:
    if not reputation or action.failed or seen.device_age_s >= FAMILIAR_S:
        return None
    attacker = _attacker(action, reputation)
    worst = attacker or _worst(action, reputation)
    if worst is None or not (seen.new_device or seen.new_network):
        return None
    name, found = worst
    had_others = seen.had_devices or seen.had_networks
    severity = Severity.CRITICAL if attacker is not None and had_others else Severity.HIGH
    text = f"A login succeeded from {name}, which attacks others: {found.text or found.rule_id}"
    return Hit(severity, text, name, _OWN_DEVICE)


_GOOD_MERCHANT: Final = otherwise("at a merchant where no frauds are known")
_GOOD_SOURCE: Final = otherwise("from a device, an address and a network that nobody was attacked from")
_OWN_DEVICE: Final = otherwise("on a device that had been the user's for a day")


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_AWAY: Final = {"ip": "203.0.113.9", "device_id": "x", "country": "DE"}
_DAY: Final = 86_400
_FOREVER: Final = 1 << 53


def _standing(level: int) -> dict[str, object]:
    # The stories begin on 2026-03-02T09:00:00Z; two days in.
    return {"level": level, "rule_id": "credential_stuffing", "since_ms": 1_772_614_800_000, "until_ms": _FOREVER}


RULES: Final = (
    Rule(
        id="payment_at_compromised_merchant",
        title="Payment at a compromised merchant",
        kind="TRANSACTION",
        severity=Severity.MEDIUM,
        scope="user",
        types=("transaction", "payout"),
        check=compromised_merchant,
        thresholds={"risk_0_1": 0.1},
        period_s=_DAY,
        weight=0.2,
        attack=("OAT-001",),
        suggest=("Ask the user whether the payment was theirs", "Replace the card"),
        words="The merchant's payments were confirmed as fraud too often, as far as labels have come in: "
        "MEDIUM, or HIGH where the share is large; one less for a customer of the merchant's. It informs "
        "where the payment names a device that isn't strange to the user: whoever pays with a phone of "
        "their own was not robbed there. Silent once time, or payments that nobody disputed, tell that it is over.",
        default_source="Fraud Detection Handbook, scenario 2",
        gaps="Labels come days late, and so does this.",
        inputs=("reputation",),
        examples=(
            Example(
                name="a skimmed till",
                events=(event("transaction", 2 * _DAY + 60, amount=20, merchant_id="m9", country="DE"),),
                reputation={"merchant:m9": _standing(2)},
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a suspicious till",
                events=(event("transaction", 2 * _DAY + 60, amount=20, merchant_id="m9", country="DE"),),
                reputation={"merchant:m9": _standing(1)},
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a customer with a phone of their own",
                events=(
                    event("login", 0, **_HOME),
                    event("transaction", 2 * _DAY + 60, amount=20, merchant_id="m9", **_HOME),
                ),
                reputation={"merchant:m9": _standing(2)},
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="another merchant",
                events=(event("transaction", 2 * _DAY + 60, amount=20, merchant_id="m1", **_HOME),),
                reputation={"merchant:m9": _standing(2)},
                hit=False,
            ),
            Example(
                name="before it became known",
                events=(event("transaction", 60, amount=20, merchant_id="m9", **_HOME),),
                reputation={"merchant:m9": _standing(2)},
                hit=False,
            ),
        ),
    ),
    Rule(
        id="bad_source",
        title="Activity from a source of attacks",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("signup", "password_change", "mfa_change", "profile_change", "transaction", "payout"),
        check=bad_source,
        thresholds={},
        period_s=_DAY,
        weight=0.15,
        attack=("T1078",),
        suggest=("Ask for a second factor",),
        words="The address, network or device is known for attacks on others. Its level sets the severity, one less "
        "from a device that the user has had for a day: offices and carriers share addresses.",
        default_source="own",
        gaps="Page views are let pass, to keep shared addresses quiet.",
        inputs=("reputation",),
        examples=(
            Example(
                name="a payment from an address that stuffs credentials",
                events=(event("transaction", 2 * _DAY + 60, amount=20, **_AWAY),),
                reputation={"ip:203.0.113.9": _standing(2)},
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a listed address",
                events=(event("payout", 2 * _DAY + 60, amount=20, **_AWAY),),
                reputation={"ip:203.0.113.9": _standing(3)},
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="an office from which somebody guessed passwords",
                events=(event("login", 0, **_HOME), event("transaction", 2 * _DAY + 60, amount=20, **_HOME)),
                reputation={"ip:192.0.2.10": _standing(1)},
                hit=False,
            ),
        ),
    ),
    Rule(
        id="attacker_logged_in",
        title="A login succeeded from a source of attacks",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="user",
        types=("login",),
        check=attacker_logged_in,
        thresholds={},
        period_s=21_600,
        weight=0.75,
        attack=("T1078", "T1110.004"),
        suggest=("End all sessions", "Reset the password", "Ask the user whether the login was theirs"),
        words="A login from an address, network or device that attacks others, for as long as it has that standing, "
        "on a device or network that is new to the user. CRITICAL where a HIGH finding is behind it and the user "
        "has others.",
        default_source="Elastic",
        gaps="A new customer in an office with an attacker is challenged.",
        inputs=("reputation",),
        examples=(
            Example(
                name="stuffing that fits",
                events=(event("login", 0, **_HOME), event("login", 2 * _DAY + 60, **_AWAY)),
                reputation={"ip:203.0.113.9": _standing(2)},
                hit=True,
                severity=Severity.CRITICAL,
            ),
            Example(
                name="a user never seen before",
                events=(event("login", 2 * _DAY + 60, **_AWAY),),
                reputation={"ip:203.0.113.9": _standing(2)},
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="the user's own device in the attacker's network",
                events=(event("login", 0, **_HOME), event("login", 2 * _DAY + 60, **{**_HOME, "ip": "203.0.113.9"})),
                reputation={"ip:203.0.113.9": _standing(2)},
                hit=False,
            ),
            Example(
                name="when the attack is over",
                events=(event("login", 0, **_HOME), event("login", 3 * _DAY + 60, **_AWAY)),
                reputation={"ip:203.0.113.9": {**_standing(2), "until_ms": 1_772_614_800_000 + 10_800_000}},
                hit=False,
            ),
        ),
    ),
)
