"""Habits: what a user's account does without a visit, and how the user's browser and network hide who comes."""

from collections import deque
from random import Random
from typing import Final, NamedTuple

from simulation.places import HOME_CITIES, RANGES, Spot

# Where the firms are that read accounts for their customers, and how many servers each has.
READERS: Final = tuple(city for city in HOME_CITIES if city.name in ("Amsterdam", "London", "New York"))
SERVERS: Final = 3


class Order(NamedTuple):
    """A standing order: the same sum to the same payee each month, by itself."""

    payee: str
    dollars: float


class Charge(NamedTuple):
    """A subscription: what a shop takes from the card each month."""

    shop: int
    dollars: float


class Habits:
    """taps: payments by card at tills, a day; reader: from where a firm signs in for the user, some times a day;
    sprees: sittings with many small purchases, a day; vpn_told: whether the VPN is known as one.
    browser: what devices other than phones say of themselves: "kept" an id, "fresh" one each visit, "none".
    """

    __slots__ = ("browser", "charges", "orders", "reader", "sprees", "taps", "tor", "vpn", "vpn_told")

    def __init__(self, rng: Random, shops: list[int]) -> None:
        self.taps = min(4.0, rng.lognormvariate(-0.7, 0.7)) if rng.random() < 0.6 else 0.0
        self.orders = [
            Order(f"p-{rng.getrandbits(48):012x}", rng.lognormvariate(5.3, 1.0))
            for _ in range(int(rng.random() * 2.5))
        ]
        self.charges = deque(
            Charge(rng.choice(shops), round(rng.lognormvariate(2.6, 0.6)) - 0.01)
            for _ in range(int(rng.random() * 3.5))
        )
        self.reader = _reader(rng) if rng.random() < 0.01 else None
        self.sprees = 0.2 if rng.random() < 0.05 else 0.0
        self.vpn = rng.random() < 0.05
        # Who sells addresses' reputation knows most exits.
        self.vpn_told = rng.random() < 0.75
        self.tor = rng.random() < 0.004
        roll = rng.random()
        self.browser = "none" if roll < 0.015 else "fresh" if roll < 0.03 else "kept"


def _reader(rng: Random) -> Spot:
    city = READERS[int(rng.random() * len(READERS))]
    server = f"{RANGES[city.country].hosting[0]}.90.{10 + int(rng.random() * SERVERS)}"
    return Spot(server, city.country, city.lat, city.lon)
