"""What a member is told of their own account, in words that teach nobody a rule: what happened, when, and what to do;
never which rule saw it, from which figure on, or how much risk it was given."""

from collections.abc import Mapping
from typing import Final

from core.health import (
    CALL,
    CHANGE_CREDENTIAL,
    CHECK_CONTACTS,
    CHECK_DEVICES,
    CHECK_PAYMENTS,
    PROVE,
    SECOND_FACTOR,
    Health,
)
from core.records import Alert, Lock
from core.rules.book import RULES

DOES: Final[Mapping[str, str]] = {
    "signup": "Account opened",
    "login": "Login",
    "logout": "Logged out",
    "otp": "One-time code",
    "mfa_change": "Second factor changed",
    "password_change": "Password changed",
    "profile_change": "Profile changed",
    "page_view": "Page viewed",
    "transaction": "Payment",
    "payout": "Money sent",
    "deposit": "Money received",
}
UNUSUAL: Final[Mapping[str, str]] = {
    "login": "A login that looks unusual",
    "otp": "One-time codes that look unusual",
    "mfa_change": "A change of your second factor that looks unusual",
    "password_change": "A change of your password that looks unusual",
    "profile_change": "A change of your profile that looks unusual",
    "transaction": "A payment that looks unusual",
    "payout": "A transfer that looks unusual",
    "deposit": "Money that came in looks unusual",
    "signup": "The opening of the account looks unusual",
}
ANYTHING: Final = "Something that looks unusual"
_TYPES: Final = {rule.id: rule.types for rule in RULES}

_SUGGESTED: Final[Mapping[str, str]] = {
    CHANGE_CREDENTIAL: "Change your password, and use it nowhere else",
    SECOND_FACTOR: "Turn on a second factor",
    CHECK_DEVICES: "Look through your devices, and remove those that are not yours",
    CHECK_PAYMENTS: "Look through what is listed here, and say what was not you",
    CHECK_CONTACTS: "Check the mail address, phone number and second factor of your account",
    PROVE: "Confirm that it is you with a one-time code",
    CALL: "Get in touch with us: our staff has locked the account",
}


def said_of(alert: Alert) -> str:
    """What an alert is about, for the member: of a rule that wakes on events of many types nobody knows here which
    it was."""
    if "payee_id" in alert.context:
        return UNUSUAL["payout"]
    if "amount" in alert.context:
        return UNUSUAL["transaction"]
    types = _TYPES.get(alert.rule_id, ())
    return UNUSUAL.get(types[0], ANYTHING) if len(types) == 1 else ANYTHING


def details_of(alert: Alert) -> str:
    """What helps to recognise it: the sum and the country."""
    context, parts = alert.context, []
    if isinstance(context.get("amount"), int | float):
        parts.append(f"{context['amount']:,.2f} {context.get('currency', '')}".strip())
    if context.get("country"):
        parts.append(f"from {context['country']}")
    return ", ".join(parts)


def held_up(lock: Lock | None) -> str:
    """Why and how the account is held up, empty where it is not."""
    if lock is None or lock.state == "unlocked":
        return ""
    if lock.by == "admin":
        return "Our staff has locked your account."
    if lock.state == "locked":
        return "Your account is locked, because something looked as if it was not you."
    return "Before you go on we would like to be sure that it is you."


def reasons_of(health: Health) -> list[str]:
    """The reasons for the health, each kind once."""
    return list(dict.fromkeys(_reason(reason) for reason in health.reasons))


def suggestions_of(health: Health) -> list[str]:
    return [_SUGGESTED.get(suggestion, suggestion) for suggestion in health.suggestions]


def _reason(reason: str) -> str:
    if reason.startswith("The account is "):
        return "Your account is held up"
    if reason.startswith("An alert was raised"):
        return "Something looked unusual"
    return reason


def change_told(lock: Lock) -> str:
    """One change of the lock, as the member was told of it."""
    if lock.state == "locked":
        return "Your account was locked by our staff" if lock.by == "admin" else "Your account was locked"
    if lock.state == "challenged":
        return "You were asked to confirm that it is you"
    how = {"otp": " with your one-time code", "admin": " by our staff", "expiry": ": the time of the lock was over"}
    return f"Your account was unlocked{how.get(lock.by, '')}"
