"""Devices and countries that are new to a user."""

# Every check has one signature, used or not.
# ruff: noqa: ARG001
from typing import Final

from core.clock import HOUR, SECOND
from core.events import Action
from core.rules.entry import NOT_ENOUGH, Answer, Example, Hit, Rule, Severity, Thresholds, event, shopping
from core.rules.takeover import second_factor
from core.rules.unless import amount, otherwise
from core.seen import FAMILIAR_S, Seen
from core.state import UserState
from core.windows import sum_around
from core.wording import duration


def new_device(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if action.failed or not seen.new_device:
        return None
    if not seen.had_devices:
        return NOT_ENOUGH
    return Hit(Severity.LOW, "The first login from this device", action.device_id or "", _KNOWN_DEVICE)


def new_country(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if action.failed or not seen.new_country or seen.vpn:
        return None
    if not seen.had_countries:
        return NOT_ENOUGH
    return Hit(Severity.LOW, f"The first login from {action.country}", action.country or "", _KNOWN_COUNTRY)


def _device_age_s(action: Action, state: UserState, seen: Seen) -> int:
    """Of the device that pays; of a tap abroad, the newest one: it may hold the card."""
    if seen.till and seen.abroad and state.devices:
        return max(0, action.time_ms // SECOND - max([device.first_s for device in state.devices]))
    return seen.device_age_s


def _notable_usd(seen: Seen, t: Thresholds) -> float:
    """The sum that stands out by itself, in rough dollars."""
    if seen.abroad:
        return t["abroad_usd"]
    return t["away_usd"] if seen.ratio < 0 and seen.strange and seen.away else t["large_usd"]


def large_payment(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    age_s = _device_age_s(action, state, seen)
    if action.failed or age_s < 0 or age_s > t["new_for_s"] or seen.usd < t["least_usd"]:
        return None
    if seen.payee_age_s >= FAMILIAR_S:
        return None
    if len(state.devices) == 1:
        return NOT_ENOUGH
    young = seen.known_s - age_s < FAMILIAR_S and seen.usd <= t["large_usd"]
    if young and state.amounts.n < t["least_payments"]:
        return NOT_ENOUGH
    far, big, against = False, seen.usd > t["large_usd"], ""
    quiet_usd = _notable_usd(seen, t)
    notable = seen.usd > quiet_usd
    if seen.ratio >= 0:
        ratio = seen.usd / seen.usual
        if seen.usd <= state.amounts.largest or (ratio <= t["mean_ratio"] and not big):
            return None
        far = seen.z > t["sigmas"] and ratio > t["far_ratio"] and seen.usd >= t["far_usd"]
        big = big and ratio > t["mean_ratio"]
        against = f", {ratio:.1f} times the usual"
        quiet_usd = max(state.amounts.largest, min(t["mean_ratio"] * seen.usual, t["large_usd"]))
    elif not notable:
        return None
    proven = second_factor(action, state, seen)
    # From another part of the own country, only what is known of a user's payments says that one is none of theirs.
    settled = seen.abroad or (seen.ratio >= 0 and seen.known_s - age_s >= t["settled_s"])
    if not far and not big:
        severity = Severity.MEDIUM if notable and not proven else Severity.LOW
    elif seen.away and settled and not young and not proven:
        severity = Severity.HIGH
    else:
        at_home = seen.network_age_s >= FAMILIAR_S
        others_usd = sum_around(state.money, action.time_ms, HOUR) - seen.usd
        sure = big and (far or others_usd >= t["series_usd"])
        severity = Severity.LOW if at_home and (proven or not sure) else Severity.MEDIUM
    return Hit(
        severity,
        f"{action.amount:,.2f} {action.currency or ''}".rstrip()
        + f" paid{against}, from a device "
        + (f"first seen {duration(age_s * SECOND)} before" if age_s else "never seen before"),
        unless=amount(action, seen, max(t["least_usd"], quiet_usd), beyond=quiet_usd >= t["least_usd"]),
    )


_KNOWN_DEVICE: Final = otherwise("from a device that the user had been seen with before")
_KNOWN_COUNTRY: Final = otherwise("from a country that the user had been seen in before")


_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_NEW: Final = {"ip": "203.0.113.9", "device_id": "d2", "country": "DE"}
_ABROAD: Final = {**_NEW, "country": "BR"}
_PHONE: Final = {**_HOME, "device_id": "d2"}
_DAY: Final = 86_400


RULES: Final = (
    Rule(
        id="new_device_login",
        title="Login from a new device",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("login",),
        check=new_device,
        thresholds={},
        period_s=_DAY,
        weight=0.1,
        attack=("T1078",),
        suggest=("Tell the user about the login",),
        words="A successful login from a device that the user was never seen with. Informs; other rules build on it.",
        default_source="seeds",
        gaps="The 6 devices used last are known; whoever uses more is told of an old one again.",
        examples=(
            Example(
                name="a second device",
                events=(event("login", 0, **_HOME), event("login", 3_600, **_NEW)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(name="the first device of all", events=(event("login", 0, **_HOME),), hit=False),
            Example(
                name="a failure that claims a new device",
                events=(event("login", 0, **_HOME), event("login", 60, outcome="failure", **_NEW)),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="new_country_login",
        title="Login from a new country",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("login",),
        check=new_country,
        thresholds={},
        period_s=_DAY,
        weight=0.12,
        attack=("T1078",),
        suggest=("Tell the user about the login",),
        words="A successful login from a country that the user was never seen in, neither end behind a VPN. Informs.",
        default_source="seeds",
        gaps="The 8 newest countries are known.",
        examples=(
            Example(
                name="on holiday",
                events=(event("login", 0, **_HOME), event("login", 2 * _DAY, **{**_HOME, "country": "PT"})),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(name="the first country of all", events=(event("login", 0, **_HOME),), hit=False),
            Example(
                name="a VPN",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 60, ip="203.0.113.9", country="NL", attributes={"vpn": True}),
                ),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="new_device_large_payment",
        title="Large payment from a new device",
        kind="TRANSACTION",
        severity=Severity.HIGH,
        scope="user",
        types=("transaction", "payout"),
        check=large_payment,
        thresholds={
            "new_for_s": _DAY,
            "mean_ratio": 3.0,
            "far_ratio": 5.0,
            "far_usd": 200,
            "series_usd": 500,
            "sigmas": 3.0,
            "large_usd": 1_000,
            "away_usd": 500,
            "abroad_usd": 300,
            "least_usd": 100,
            "least_payments": 10,
            "settled_s": 3 * _DAY,
        },
        period_s=21_600,
        weight=0.6,
        attack=("T1078", "OAT-012"),
        suggest=("Hold the payment", "Ask for a second factor", "Ask the user whether the device is theirs"),
        words="A payment from a device that was first seen within 24 hours, over 3 times the user's mean or "
        "over 1,000 dollars, and more than the user ever paid. A user with no other device has no new "
        "one, and a payee known for a day is no news. Notable are more than 1,000 dollars, or 5 times the "
        "mean and 3 deviations (of logarithms) and 200 dollars. HIGH takes such a sum and a network that "
        "is new as well and no VPN, of a user who was known for 3 days before the device appeared and whose "
        "mean is known, or in a country that is new too, and no second factor passed on the device. Without one "
        "of them it is MEDIUM, and in the user's own network it informs, unless all of that is true of the sum, "
        "or it is over 1,000 dollars and 500 more went within the hour: a new phone is often paid with on its "
        "first day. Without a second factor, over 300 dollars in a country that is new too are MEDIUM, and over "
        "500 from a strange network while fewer than 5 payments are known.",
        default_source="seeds",
        gaps="With fewer than 5 payments (10 on the first day) there is no mean, and only the sum itself counts. "
        "Payments under 100 dollars never count.",
        examples=(
            Example(
                name="five times the usual, an hour after the device appeared",
                events=(
                    *shopping(8),
                    event("login", 8 * _DAY, **_NEW),
                    event("transaction", 8 * _DAY + 3_600, amount=210, currency="EUR", **_NEW),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="little is known, but the sum is large",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_NEW),
                    event("payout", 4 * _DAY + 60, amount=1_500, currency="USD", payee_id="p1", **_NEW),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="little is known, but the sum is large, and the country new",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_ABROAD),
                    event("payout", 4 * _DAY + 60, amount=1_500, currency="USD", payee_id="p1", **_ABROAD),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="little is known, the sum is not so large, and the country new",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_ABROAD),
                    event("transaction", 4 * _DAY + 60, amount=450, currency="USD", merchant_id="m1", **_ABROAD),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="little is known, the sum is not so large, and a code has proved who pays",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_ABROAD),
                    event("otp", 4 * _DAY + 30, **_ABROAD),
                    event("transaction", 4 * _DAY + 60, amount=450, currency="USD", merchant_id="m1", **_ABROAD),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="little is known, and network and device are new",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_NEW),
                    event("transaction", 4 * _DAY + 60, amount=550, currency="USD", merchant_id="m1", **_NEW),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="little is known, and the sum is anybody's",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_NEW),
                    event("transaction", 4 * _DAY + 60, amount=450, currency="USD", merchant_id="m1", **_NEW),
                ),
                hit=False,
            ),
            Example(
                name="taps abroad, on the day of a strange device there",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_ABROAD),
                    event("transaction", 4 * _DAY + 600, amount=450, currency="USD", country=_ABROAD["country"]),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a new phone at home, and one large payment",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_PHONE),
                    event("payout", 4 * _DAY + 60, amount=1_500, currency="USD", payee_id="p1", **_PHONE),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a new phone at home, and large payments one after the other",
                events=(
                    event("login", 0, **_HOME),
                    event("login", 4 * _DAY, **_PHONE),
                    event("transaction", 4 * _DAY + 60, amount=700, currency="USD", merchant_id="m1", **_PHONE),
                    event("payout", 4 * _DAY + 120, amount=1_500, currency="USD", payee_id="p1", **_PHONE),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a new phone, confirmed by a second factor",
                events=(
                    *shopping(8),
                    event("login", 8 * _DAY, **_NEW),
                    event("otp", 8 * _DAY + 20, **_NEW),
                    event("transaction", 8 * _DAY + 3_600, amount=210, currency="EUR", **_NEW),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a new phone and the usual shopping",
                events=(
                    *shopping(8),
                    event("login", 8 * _DAY, **_NEW),
                    event("transaction", 8 * _DAY + 3_600, amount=60, currency="EUR", **_NEW),
                ),
                hit=False,
            ),
            Example(
                name="a new customer",
                events=(
                    event("signup", 0, **_HOME),
                    event("transaction", 600, amount=1_900, currency="EUR", **_HOME),
                ),
                hit=False,
            ),
            Example(
                name="1,500 yen are not 1,500 dollars",
                events=(event("login", 0, **_HOME), event("transaction", 600, amount=1_500, currency="JPY", **_NEW)),
                hit=False,
            ),
        ),
    ),
)
