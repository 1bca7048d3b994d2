"""Innocent stories that look like attacks. Each is told in `Labelled.trap`; detection should stay quiet."""

from random import Random
from typing import Final

from core.clock import DAY, HOUR, MINUTE
from simulation.people import Trip, User
from simulation.places import CITIES, RANGES, address, distance_km, near

TRAPS: Final[dict[str, str]] = {
    "bills": "several payments within minutes to payees paid before",
    "collector": "many small deposits, then one payment on",
    "dear": "a payment out of the ordinary: a bicycle, a sofa",
    "dormant_return": "an account idle for months is used again, for a small payment",
    "duplicate": "an event that comes in twice",
    "forgetful": "a user who mistypes the password every third time",
    "large_and_honest": "a car or a house: rare, large, legitimate",
    "late": "an event that comes in minutes or hours after it happened",
    "late_batch": "a session recorded without a connection, that comes in as one batch",
    "new_phone": "a new device with the same habits",
    "night_shift": "a session between midnight and five, as every day",
    "office_nine": "a whole office signs in from one address at nine",
    "password_reset": "a forgotten password, set anew",
    "private_browser": "a browser that gives no device id, or a new one each visit",
    "reader": "a firm that signs in for the user, from its own server and without a device",
    "salary": "a large deposit once a month",
    "spree": "many small purchases in one sitting",
    "standing_order": "a payout by the bank: no device, no network, no place",
    "subscription": "what a shop takes from the card each month, with nobody there",
    "till": "a card at a till: a place, but neither device nor network",
    "tor": "a browser that comes from another country each time",
    "travel": "a holiday or a business trip, with time for the flight",
    "vpn": "a user whose VPN comes out in another country; a quarter of them are not known as VPNs",
    "wifi_to_mobile": "a session that changes network as its phone leaves the house",
}


def plan_trip(rng: Random, user: User, from_ms: int) -> Trip:
    """A trip that begins within hours: flights at the speed of airliners, with the way to the airport."""
    city = rng.choice([city for city in CITIES if city.name != user.city.name])
    air_km = distance_km(user.city.lat, user.city.lon, city.lat, city.lon)
    door_to_door = int((air_km / rng.uniform(650, 800) + rng.uniform(2.5, 5)) * HOUR)
    leaves = from_ms + int(rng.uniform(2, 12) * HOUR)
    lands = leaves + door_to_door
    returns = lands + int(rng.uniform(1.5, 12) * DAY)
    lat, lon = near(rng, city, 4.0)
    hotel = address(rng, RANGES[city.country].homes)
    return Trip(city, leaves, lands, returns, returns + door_to_door + 30 * MINUTE, hotel, lat, lon)


def payday(rng: Random, user: User, after_ms: int) -> int:
    """The next time that the salary comes in: the same day each month, early in the morning."""
    from datetime import UTC, datetime

    on = user.office.payday if user.office else 1
    day = datetime.fromtimestamp(after_ms / 1000, UTC)
    month = day.year * 12 + day.month - 1
    while True:
        due = datetime(month // 12, month % 12 + 1, on, 5, tzinfo=UTC).timestamp() * 1000
        if due > after_ms + 12 * HOUR:
            return int(due + rng.uniform(-3, 4) * HOUR) - user.offset_ms
        month += 1
