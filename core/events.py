"""The way in: bytes to an `Action`, or a `Rejected` that says why not.

Decoding and validating is one pass of msgspec over the contract's `Event`; what JSON Schema cannot say (clocks, real
addresses, country codes) is checked here. Cost: about 3 us for an event of 300 bytes, with its address seen before.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from core import net
from core.clock import MINUTE, to_ms
from core.records import (
    ID_MAX_CHARS,
    NUMBER_MAX,
    RECORD_MAX_BYTES,
    TEXT_MAX_CHARS,
    Command,
    Event,
    Feedback,
    Scalar,
    Time,
)

EARLIEST_MS: Final = to_ms(datetime(2000, 1, 1, tzinfo=UTC))
LATEST_MS: Final = to_ms(datetime(2100, 1, 1, tzinfo=UTC))
FUTURE_MS: Final = 5 * MINUTE
# A reason quotes what came in, so it goes into headers and logs no longer than this.
REASON_MAX_CHARS: Final = 300
# Country and currency codes that were found to be some.
CODES_KEPT: Final = 1_024

# A closed set, so that it can be a metric's label.
ERRORS: Final = ("not_json", "too_large", "missing_field", "invalid", "out_of_range", "from_the_future")


class Rejected(Exception):
    """A record that cannot be read. error: one of `ERRORS`; reason: one sentence for people, of bounded length."""

    def __init__(self, error: str, reason: str) -> None:
        if len(reason) > REASON_MAX_CHARS:
            # What is wrong stands in front, where it is at the end.
            half = REASON_MAX_CHARS // 2
            reason = f"{reason[:half]} ... {reason[5 - half :]}"
        super().__init__(f"{error}: {reason}")
        self.error = error
        self.reason = reason


class Place(Struct, frozen=True, gc=False):
    """Where an address is. lat and lon in degrees, None where only the country is known."""

    country: str | None
    lat: float | None = None
    lon: float | None = None


Locate = Callable[[str], Place | None]


def nowhere(_ip: str) -> Place | None:
    """The lookup that knows no address."""
    return None


class Action(Struct, kw_only=True):
    """An event as detection sees it: validated, placed on the map and on the clock.

    key: 8-byte digest of the event id; time_ms: when it happened; failed: its outcome; network: the address's /24
    (IPv4) or /48 (IPv6); vpn: what the producer knows of the address (`attributes.vpn`).
    """

    event_id: str
    key: bytes
    type: str
    user_id: str
    time_ms: int
    failed: bool = False
    ip: str | None = None
    network: str | None = None
    device_id: str | None = None
    session_id: str | None = None
    user_agent: str | None = None
    country: str | None = None
    lat: float | None = None
    lon: float | None = None
    amount: float | None = None
    currency: str | None = None
    merchant_id: str | None = None
    card_id: str | None = None
    payee_id: str | None = None
    path: str | None = None
    attributes: dict[str, Scalar] = {}
    vpn: bool = False


Read = TypeVar("Read")

_decode = msgspec.json.Decoder(Event).decode
_decode_feedback = msgspec.json.Decoder(Feedback).decode
_decode_command = msgspec.json.Decoder(Command).decode


def event_key(event_id: str) -> bytes:
    """The 8 bytes by which repeats of an event are recognised."""
    return blake2b(event_id.encode(), digest_size=8).digest()


def decode_action(raw: bytes, *, now_ms: int | None, locate: Locate) -> Action:
    """Read one record of the events topic.

    now_ms: the clock against which an event can be from the future, None to skip that check (replay).
    Raises `Rejected`; never anything else, whatever the bytes.
    """
    return to_action(read(raw), now_ms=now_ms, locate=locate)


def read(raw: bytes) -> Event:
    """The contract's event in `raw`, by its schema. Raises `Rejected`."""
    return _read(_decode, raw)


def read_feedback(raw: bytes, *, now_ms: int | None) -> Feedback:
    """The contract's feedback in `raw`, its time in milliseconds; now_ms as in `decode_action`. Raises `Rejected`."""
    feedback = _read(_decode_feedback, raw)
    feedback.time = time_ms = _time_ms(feedback.time)
    _check_clock(time_ms, now_ms)
    return feedback


def read_command(raw: bytes, *, now_ms: int | None) -> Command:
    """The contract's command in `raw`, its times in milliseconds. now_ms: as in `decode_action`. What a command needs
    by its type is not asked here: that gets an answer, not a rejection. Raises `Rejected`."""
    command = _read(_decode_command, raw)
    command.time = time_ms = _time_ms(command.time)
    _check_clock(time_ms, now_ms)
    if command.until is not None:
        command.until = _time_ms(command.until)
    return command


def _read(decode: Callable[[bytes], Read], raw: bytes) -> Read:
    if len(raw) > RECORD_MAX_BYTES:
        raise Rejected("too_large", f"the record has {len(raw)} bytes, more than {RECORD_MAX_BYTES}")
    try:
        # msgspec skips over unknown fields without looking at their text.
        str(raw, "utf-8")
        return decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        raise Rejected("missing_field" if "missing required field" in text else "invalid", text) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected("not_json", str(error)) from None
    except RecursionError:
        raise Rejected("not_json", "the record is nested too deeply") from None


def _time_ms(time: Time) -> int:
    time_ms = time if isinstance(time, int) else to_ms(time)
    if not EARLIEST_MS <= time_ms < LATEST_MS:
        raise Rejected("out_of_range", "time lies before 2000 or after 2100")
    return time_ms


def _check_clock(time_ms: int, now_ms: int | None) -> None:
    if now_ms is not None and time_ms > now_ms + FUTURE_MS:
        raise Rejected("from_the_future", "time is over 5 minutes ahead of the clock")


def to_action(event: Event, *, now_ms: int | None, locate: Locate) -> Action:
    """Check what a schema cannot and fill in what the event leaves out. Raises `Rejected`."""
    time_ms = _time_ms(event.time)
    _check_clock(time_ms, now_ms)
    country, lat, lon, network = event.country, event.lat, event.lon, None
    if country is not None:
        country = _letters("country", country, 2)
    currency = event.currency if event.currency is None else _letters("currency", event.currency, 3)
    if event.ip is not None:
        network = net.network_of(event.ip)
        if network is None:
            raise Rejected("invalid", "ip is neither IPv4 nor IPv6 text - at `$.ip`")
        if country is None or lat is None or lon is None:
            place = locate(event.ip)
            if place is not None and (country is None or country == place.country):
                country = place.country
                if lat is None or lon is None:
                    lat, lon = place.lat, place.lon
    if lat is None or lon is None:
        lat = lon = None
    attributes = event.attributes or {}
    for name, value in attributes.items():
        _check_scalar(name, value)
    return Action(
        event_id=event.event_id,
        key=event_key(event.event_id),
        type=event.type,
        user_id=event.user_id,
        time_ms=time_ms,
        failed=event.outcome == "failure",
        ip=event.ip,
        network=network,
        device_id=_id("device_id", event.device_id) if event.device_id else None,
        session_id=_id("session_id", event.session_id) if event.session_id else None,
        user_agent=event.user_agent,
        country=country,
        lat=lat,
        lon=lon,
        amount=event.amount,
        currency=currency,
        merchant_id=_id("merchant_id", event.merchant_id) if event.merchant_id else None,
        card_id=_id("card_id", event.card_id) if event.card_id else None,
        payee_id=_id("payee_id", event.payee_id) if event.payee_id else None,
        path=event.path,
        attributes=attributes,
        vpn=attributes.get("vpn") is True,
    )


@lru_cache(CODES_KEPT)
def _letters(name: str, text: str, length: int) -> str:
    if len(text) != length or not text.isascii() or not text.isalpha():
        raise Rejected("invalid", f"{name} is not a code of {length} letters - at `$.{name}`")
    return text.upper()


def _id(name: str, text: str) -> str:
    if len(text) > ID_MAX_CHARS:
        raise Rejected("invalid", f"{name} has over {ID_MAX_CHARS} characters - at `$.{name}`")
    return text


def _check_scalar(name: str, value: Scalar) -> None:
    if isinstance(value, str):
        if len(value) > TEXT_MAX_CHARS:
            raise Rejected(
                "invalid", f"attribute has over {TEXT_MAX_CHARS} characters - at `$.attributes.{name[:64]}`"
            )
    elif isinstance(value, int | float) and abs(value) > NUMBER_MAX:
        raise Rejected("out_of_range", f"number is beyond 1e15 - at `$.attributes.{name[:64]}`")
