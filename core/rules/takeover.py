"""Signs that somebody else is in the account."""

# Every check has one signature, used or not.
from collections.abc import Sequence
from typing import Final

from core.clock import DAY, HOUR, SECOND
from core.events import Action
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event, shopping
from core.rules.unless import after, amount, fewer
from core.seen import FAMILIAR_S, UNKNOWN, Seen
from core.state import UserState, short
from core.wording import count, duration


def success_after_attack(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if action.failed or len(state.failures) < t["strange_failures"]:
        return None
    known_device = seen.device_age_s >= FAMILIAR_S or (seen.device_age_s == UNKNOWN and seen.network_age_s > 0)
    if known_device:
        return None
    since_ms = action.time_ms - int(t["window_s"] * SECOND)
    recent = [entry for entry in state.failures if since_ms < entry[0] <= action.time_ms]
    strange = sum([entry[4] for entry in recent])
    if strange < t["strange_failures"] and len(recent) < t["failures"]:
        return None
    network = short(seen.network_mark)
    from_it = sum([entry[4] for entry in recent if entry[2] == network]) if network else 0
    # A typo of the user's own doesn't make it the attack's.
    from_there = from_it >= max(2, t["source_share"] * len(recent))
    elsewhere = (seen.new_device and seen.had_devices) or (seen.new_network and seen.had_networks)
    if not from_there and not elsewhere:
        return None
    where = "from a network that the attack came from" if from_there else "from a place new to the user"
    severity = Severity.CRITICAL if from_there and strange >= t["strange_failures"] else Severity.HIGH
    # Who forgot a password gets in by a code, and nobody had to be worn down for it.
    proven = freely_proven(action, state, seen)
    # Of who was only ever seen at tills, or never, nobody knows which place is strange.
    met = any(one.first_s * SECOND < recent[0][0] for one in (*state.devices, *state.networks))
    if proven or (not met and seen.known_s >= FAMILIAR_S):
        severity = Severity.MEDIUM
    elif not met and len(recent) < t["failures"]:
        severity = Severity.HIGH
    return Hit(
        severity,
        f"A login succeeded {where}, after {count(len(recent), 'failure')} within {duration(t['window_s'] * SECOND)}",
        unless=fewer(
            strange,
            t["strange_failures"],
            "failures before it from places strange to the user",
            t["window_s"],
            fewer(len(recent), t["failures"], "failures in all"),
        ),
    )


def change_then_payout(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    change = state.change
    if change is None or action.failed:
        return None
    if action.payee_id is None and action.type != "payout":
        return None
    age_ms = action.time_ms - change.time_ms
    if not 0 <= age_ms <= t["window_s"] * SECOND:
        return None
    large = seen.usd >= t["large_usd"]
    unusual = (large or seen.usd >= t["strange_usd"]) and not 0 <= seen.ratio < t["usual_ratio"]
    device = seen.strange or (change.strange and seen.device_age_s < FAMILIAR_S)
    if seen.payee_age_s >= FAMILIAR_S:
        if not large or not device or not seen.away:
            return None
        severity = Severity.HIGH
        whom = "a known payee"
    else:
        far = seen.ratio >= t["far_ratio"]
        severity = _how_sure(action, state, seen, t, unusual=unusual, far=far, device=device)
        if unusual and far and age_ms <= t["prompt_s"] * SECOND:
            severity = max(severity, Severity.MEDIUM)
        whom = "a payee new to the user" if action.payee_id is not None else "an unnamed payee"
    what = "an MFA change" if change.type == "mfa_change" else "a " + change.type.replace("_", " ")
    text = f"{seen.usd:,.0f} dollars or so went to {whom}, {duration(age_ms)} after {what}"
    known = seen.payee_age_s >= FAMILIAR_S
    unless = amount(action, seen, t["large_usd"]) if known else after(age_ms, t["window_s"] * SECOND, what)
    return Hit(severity, text, unless=unless)


# Rules of second factors that were forced; those that, within a day, speak of somebody else in the account.
WORN_DOWN: Final = ("mfa_bombing", "otp_guessing")
INTRUSIONS: Final = ("success_after_attack", "session_hijack", "impossible_travel", *WORN_DOWN)


def _how_sure(
    action: Action, state: UserState, seen: Seen, t: Thresholds, *, unusual: bool, far: bool, device: bool
) -> Severity:
    """Of a payment to somebody new after a change. A lock takes signs of a takeover from two sides (a strange device,
    a strange network, what other rules saw), an unusual sum, no second factor passed on the device, and a user of
    whom enough is known for all that to be strange."""
    large = seen.usd >= t["large_usd"]
    settled = seen.abroad or seen.known_s >= t["settled_s"]
    intruded = _hit_lately(action, state, INTRUSIONS)
    signs = int(device) + int(seen.away) + int(intruded)
    proven = second_factor(action, state, seen) and not intruded
    if unusual and signs >= 2 and settled:
        if not proven:
            return Severity.CRITICAL
        # Of whom hardly a payment is known, a new phone and a forgotten password explain it.
        return Severity.HIGH if large or seen.abroad or seen.ratio >= 0 else Severity.MEDIUM
    # Whoever roams takes the network of home abroad; a thief comes from another.
    elsewhere = seen.abroad and seen.network_age_s < FAMILIAR_S
    if unusual and signs and (large or elsewhere) and not proven:
        return Severity.HIGH
    notable = seen.usd >= t["notable_usd"] or far or signs >= 2
    if (unusual and signs and notable) or (large and not seen.at_home) or (signs >= 2 and seen.abroad):
        return Severity.MEDIUM
    return Severity.MEDIUM if large and unusual else Severity.LOW


def _hit_lately(action: Action, state: UserState, rule_ids: Sequence[str]) -> bool:
    """Whether one of these rules spoke in the last day."""
    since_ms = action.time_ms - DAY
    return any(state.hits.get(rule_id, 0) > since_ms for rule_id in rule_ids)


def second_factor(action: Action, state: UserState, seen: Seen) -> bool:
    """Whether one was passed since the event's device appeared, or within the hour before."""
    appeared_ms = action.time_ms - max(0, seen.device_age_s) * SECOND
    return state.otp_ok_ms >= appeared_ms - HOUR > 0


def freely_proven(action: Action, state: UserState, seen: Seen) -> bool:
    """Whether one was, and was not forced."""
    return second_factor(action, state, seen) and not _hit_lately(action, state, WORN_DOWN)


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_AWAY: Final = {"ip": "203.0.113.9", "device_id": "x", "country": "BR"}
_AWAY_AT_HOME: Final = {**_AWAY, "country": "DE"}
_ROAMING: Final = {**_HOME, "device_id": "d2", "country": "SG"}
_DAY: Final = 86_400
_LOGIN: Final = event("login", 0, **_HOME)


def _guesses(count: int, **place: str) -> tuple[dict[str, object], ...]:
    return tuple(event("login", _DAY + n * 60, outcome="failure", **place) for n in range(count))


RULES: Final = (
    Rule(
        id="success_after_attack",
        title="A login succeeded on a user under attack",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="user",
        types=("login",),
        check=success_after_attack,
        thresholds={"failures": 10, "strange_failures": 5, "source_share": 0.25, "window_s": 10_800},
        period_s=21_600,
        weight=0.75,
        attack=("T1078", "T1110"),
        suggest=("End all sessions", "Reset the password", "Ask the user whether the login was theirs"),
        words="A login that succeeds within 180 minutes of 10 failures, or of 5 from places strange to the user, "
        "from a device that isn't long known and a place that is new to a user who has others, or that the attack "
        "came from. CRITICAL from the attack's own network: a quarter of the failures, 2 at least, came from there; "
        "of who was never seen before, it takes 10 failures. Who passed a second factor there, nobody having been "
        "worn down or guessed for it, is MEDIUM, and so is who was only ever seen at tills before. The user's own "
        "device, known for a day, is never held against them.",
        default_source="Elastic",
        gaps="An attacker who guesses from the user's own network is taken for the user; so is one who gets in from "
        "a third place where the user has never logged in.",
        examples=(
            Example(
                name="the attacker gets in",
                events=(_LOGIN, *_guesses(6, **_AWAY), event("login", _DAY + 600, **_AWAY)),
                hit=True,
                severity=Severity.CRITICAL,
            ),
            Example(
                name="from a third place",
                events=(
                    _LOGIN,
                    *_guesses(6, **_AWAY),
                    event("login", _DAY + 600, ip="198.51.100.7", device_id="y", country="US"),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="the user mistypes once in a new place while somebody guesses",
                events=(
                    _LOGIN,
                    *_guesses(6, **_AWAY),
                    event("login", _DAY + 500, outcome="failure", **_ROAMING),
                    event("login", _DAY + 600, **_ROAMING),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="first seen at a forgotten password, reset with a code",
                events=(
                    *_guesses(5, **_HOME),
                    event("otp", _DAY + 500, **_HOME),
                    event("password_change", _DAY + 510, **_HOME),
                    event("login", _DAY + 600, **_HOME),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="worn down until a request was granted",
                events=(
                    _LOGIN,
                    *_guesses(6, **_AWAY),
                    *(event("otp", _DAY + 360 + n * 10, outcome="failure", **_AWAY) for n in range(6)),
                    event("otp", _DAY + 500, **_AWAY),
                    event("login", _DAY + 600, **_AWAY),
                ),
                hit=True,
                severity=Severity.CRITICAL,
            ),
            Example(
                name="a first login ever, while somebody guesses",
                events=(*_guesses(6, **_AWAY), event("login", _DAY + 600, **_HOME)),
                hit=False,
            ),
            Example(
                name="the user logs in while somebody guesses",
                events=(_LOGIN, *_guesses(6, **_AWAY), event("login", _DAY + 600, **_HOME)),
                hit=False,
            ),
            Example(
                name="a forgetful user",
                events=(_LOGIN, *_guesses(6, **_HOME), event("login", _DAY + 600, **_HOME)),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="credential_change_payout",
        title="Money leaves after a change of credentials",
        kind="SECURITY",
        severity=Severity.CRITICAL,
        scope="user",
        types=("payout", "transaction"),
        check=change_then_payout,
        thresholds={
            "window_s": _DAY,
            "large_usd": 1_000,
            "strange_usd": 100,
            "notable_usd": 200,
            "usual_ratio": 3.0,
            "far_ratio": 10.0,
            "prompt_s": 3_600,
            "settled_s": 3 * _DAY,
        },
        period_s=_DAY,
        weight=0.85,
        attack=("T1098", "T1657"),
        suggest=("Hold the payout", "Call the user on the number known before", "Undo the change"),
        words="A password, second factor or contact changed, and within 24 hours a payout, or a payment to a payee, "
        "that the user hasn't paid for a day before. Two things are weighed. The sum: unusual are 100 dollars that "
        "are 3 times what the user sends as a rule, or where that is not known. Signs of a takeover: a device less "
        "than a day old of a user known for longer (of the payment, or of the change unless the payment is from the "
        "user's own), a network less than a day old that is no VPN, and an intrusion that another rule saw within a "
        "day. CRITICAL with an unusual sum and two signs, of a user known for 3 days or in a country new to the "
        "user; HIGH if a second factor was passed since the device appeared, and MEDIUM where then less than 1,000 "
        "dollars go from the user's country and it is not known what the user sends. HIGH with one sign and no "
        "second factor, for 1,000 dollars or from a country new to the user in a network that is no older; MEDIUM "
        "for 200 dollars or 10 times what the user sends as a rule, and from anywhere for 1,000, or for 10 times as "
        "much within an hour. Else it informs: people who reset a password go on to pay their friends. A payee "
        "known for a day is news only for a large sum with both signs.",
        default_source="own",
        gaps="A change that arrives after its payout isn't joined to it. A profile_change counts where an attribute "
        "names contact data, or it came from a strange device. On a user's first day nothing is strange.",
        examples=(
            Example(
                name="roaming with a new phone, and a friend is paid after a change of address",
                events=(
                    _LOGIN,
                    event("profile_change", 4 * _DAY, **_ROAMING),
                    event("payout", 4 * _DAY + 600, amount=260, currency="USD", payee_id="friend", **_ROAMING),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a thief changes the password and cashes out",
                events=(
                    _LOGIN,
                    event("password_change", 2 * _DAY, **_AWAY),
                    event("payout", 2 * _DAY + 600, amount=300, currency="EUR", payee_id="mule", **_AWAY),
                ),
                hit=True,
                severity=Severity.CRITICAL,
            ),
            Example(
                name="from the user's own device, but a large sum",
                events=(
                    _LOGIN,
                    event("mfa_change", 2 * _DAY, **_HOME),
                    event("payout", 2 * _DAY + 600, amount=2_500, currency="EUR", payee_id="mule", **_HOME),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a new phone at home, the password forgotten, and a friend is paid",
                events=(
                    _LOGIN,
                    event("otp", 4 * _DAY - 60, **_AWAY_AT_HOME),
                    event("password_change", 4 * _DAY, **_AWAY_AT_HOME),
                    event("payout", 4 * _DAY + 600, amount=160, currency="EUR", payee_id="friend", **_AWAY_AT_HOME),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a new phone abroad, confirmed by a second factor",
                events=(
                    _LOGIN,
                    event("otp", 2 * _DAY - 60, **_AWAY),
                    event("password_change", 2 * _DAY, **_AWAY),
                    event("payout", 2 * _DAY + 600, amount=300, currency="EUR", payee_id="friend", **_AWAY),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a reset on the laptop at home, then a sum out of the usual",
                events=(
                    _LOGIN,
                    event("password_change", 2 * _DAY, **{**_HOME, "device_id": "d2"}),
                    event(
                        "payout",
                        2 * _DAY + 600,
                        amount=300,
                        currency="EUR",
                        payee_id="friend",
                        **{**_HOME, "device_id": "d2"},
                    ),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="at home, a sum to somebody new",
                events=(
                    _LOGIN,
                    event("password_change", 2 * _DAY, **_HOME),
                    event("payout", 2 * _DAY + 600, amount=230, currency="EUR", payee_id="friend", **_HOME),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="at home, ten times as much as ever, at once",
                events=(
                    *shopping(12, 8),
                    event("password_change", 12 * _DAY, **_HOME),
                    event("payout", 12 * _DAY + 90, amount=230, currency="EUR", payee_id="friend", **_HOME),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="at home, a small sum to somebody new",
                events=(
                    _LOGIN,
                    event("password_change", 2 * _DAY, **_HOME),
                    event("payout", 2 * _DAY + 600, amount=30, currency="EUR", payee_id="friend", **_HOME),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a new password, and the rent as ever",
                events=(
                    event("payout", 0, amount=900, currency="EUR", payee_id="landlord", **_HOME),
                    event("password_change", 2 * _DAY, **_HOME),
                    event("payout", 2 * _DAY + 600, amount=900, currency="EUR", payee_id="landlord", **_HOME),
                ),
                hit=False,
            ),
            Example(
                name="a new picture is no credential",
                events=(
                    _LOGIN,
                    event("profile_change", 2 * _DAY, attributes={"field": "picture"}, **_HOME),
                    event("payout", 2 * _DAY + 600, amount=300, currency="EUR", payee_id="friend", **_HOME),
                ),
                hit=False,
            ),
            Example(
                name="shopping after a reset",
                events=(
                    _LOGIN,
                    event("password_change", 2 * _DAY, **_HOME),
                    event("transaction", 2 * _DAY + 600, amount=300, currency="EUR", merchant_id="m1", **_HOME),
                ),
                hit=False,
            ),
        ),
    ),
)
