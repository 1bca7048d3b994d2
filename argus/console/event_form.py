"""The form of one event: a field for each of the contract's, and how they become an event."""

from typing import Any, Final

from argus.api.problems import invalid
from argus.api.simulated import PREFIX
from core.clock import rfc3339

DEFAULTS: Final = {
    "type": "transaction",
    "user_id": f"{PREFIX}ada",
    "event_id": "",
    "time": "",
    "outcome": "success",
    "ip": "198.51.100.7",
    "device_id": f"{PREFIX}laptop",
    "session_id": f"{PREFIX}session",
    "user_agent": "",
    "country": "SE",
    "lat": "59.33",
    "lon": "18.07",
    "amount": "120",
    "currency": "EUR",
    "merchant_id": f"{PREFIX}shop",
    "card_id": f"{PREFIX}card",
    "payee_id": "",
    "path": "",
    "attributes": "",
}
NUMBERS: Final = ("lat", "lon", "amount")
PAYMENTS: Final = ("transaction", "payout", "deposit")
OF_PAYMENTS: Final = ("amount", "currency", "merchant_id", "card_id", "payee_id")
# What other users may share with them: the address alone is as it was typed.
PREFIXED: Final = ("user_id", "event_id", "device_id", "session_id", "merchant_id", "card_id", "payee_id")

EventForm = dict[str, str]


def read_event(form: EventForm, now_ms: int) -> dict[str, Any]:
    """The event, not checked yet; fields that are empty, or that are of payments in what is none, are left out.
    Raises a `Problem`."""
    event: dict[str, Any] = {}
    for name, text in form.items():
        if not text or (name in OF_PAYMENTS and form.get("type") not in PAYMENTS):
            continue
        if name in NUMBERS:
            event[name] = _number(name, text)
        elif name == "attributes":
            event[name] = _attributes(text)
        elif name in PREFIXED and not text.startswith(PREFIX):
            event[name] = PREFIX + text
        else:
            event[name] = text
    time = form.get("time", "")
    event["time"] = int(time) if time.isdecimal() and len(time) < 15 else time or rfc3339(now_ms)
    return event


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid(f"{name}: {text[:40]!r} is no number", name) from None


def _attributes(text: str) -> dict[str, str | float | bool]:
    """A line each, `name=value`."""
    found: dict[str, str | float | bool] = {}
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name and not value:
            continue
        if not equals:
            raise invalid(f"attributes: {line[:40]!r} is not name=value", "attributes")
        found[name] = _scalar(value)
    return found


def _scalar(text: str) -> str | float | bool:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
