"""People: who the customers are, what they own, where they live and work, and when they are awake."""

import math
from random import Random
from typing import Final, NamedTuple

from core.clock import HOUR
from simulation.habits import Habits
from simulation.places import (
    HOME_CITIES,
    HOME_WEIGHTS,
    PER_DOLLAR,
    RANGES,
    City,
    address,
    currency_of,
    near,
)


class Device(NamedTuple):
    """id: empty where it tells none."""

    id: str
    kind: str
    agent: str


class Office(NamedTuple):
    """A workplace: everybody in it comes from one of its few addresses."""

    city: City
    ips: tuple[str, ...]
    lat: float
    lon: float
    payday: int


class Trip(NamedTuple):
    """Away from home. No connection is made between leaving and landing; both ways take flight time."""

    city: City
    leaves_ms: int
    lands_ms: int
    returns_ms: int
    home_ms: int
    hotel_ip: str
    lat: float
    lon: float


# Visits by the hour of the local day, on a working day and on a day off.
_DAY = (1, 1, 0, 0, 0, 1, 4, 8, 9, 10, 9, 9, 12, 10, 8, 8, 8, 10, 12, 14, 15, 12, 8, 4)
_OFF = (2, 1, 1, 0, 0, 0, 1, 3, 6, 10, 12, 12, 11, 11, 12, 11, 10, 10, 11, 13, 14, 13, 9, 5)
_EVENING = (6, 3, 1, 0, 0, 0, 1, 2, 4, 4, 4, 5, 7, 5, 5, 5, 6, 8, 11, 15, 17, 18, 16, 11)
_NIGHT = (11, 12, 13, 12, 10, 9, 9, 8, 3, 1, 0, 0, 0, 0, 1, 3, 6, 8, 9, 9, 7, 5, 6, 9)
RHYTHMS: Final[dict[str, tuple[int, ...]]] = {
    "day": _DAY + _OFF,
    "evening": _EVENING + _OFF,
    "night": _NIGHT + _NIGHT,
}
SHARES: Final[dict[str, tuple[float, ...]]] = {}
for _name, _hours in RHYTHMS.items():
    _top = max(_hours)
    SHARES[_name] = tuple(_hour / _top for _hour in _hours)
# How many tries one visit takes when visits are drawn at the peak's rate and thinned by the hour.
THINNING: Final = {name: len(shares) / sum(shares) for name, shares in SHARES.items()}

_PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Version/18.3 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 Chrome/132.0.0.0 Mobile Safari/537.36",
)
_TABLETS = ("Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 Version/17.6 Mobile Safari/604.1",)
_LAPTOPS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
)
AGENTS: Final[dict[str, tuple[str, ...]]] = {
    "phone": _PHONES,
    "tablet": _TABLETS,
    "laptop": _LAPTOPS,
    "work": _LAPTOPS,
}


class User:
    """A customer. visits: sessions a day; level: ln of the usual payment in dollars; spread: its deviation."""

    __slots__ = (
        "away", "cards", "carrier", "city", "collector", "currency", "devices", "dormant", "forgetful", "habits",
        "home_ip", "id", "integer_times", "lat", "level", "lon", "mfa", "office", "offset_ms", "payees", "per_dollar",
        "rhythm", "salary", "shops", "spread", "typo", "visits",
    )  # fmt: skip

    def __init__(self, rng: Random, user_id: str, city: City, offices: list[Office], shops: list[int]) -> None:
        self.id = user_id
        self.city = city
        self.offset_ms = int(city.offset_h * HOUR)
        self.currency = currency_of(city.country)
        self.per_dollar = PER_DOLLAR[self.currency]
        self.home_ip = address(rng, RANGES[city.country].homes)
        self.lat, self.lon = near(rng, city, 6.0)
        self.carrier = city.country
        self.mfa = rng.random() < 0.3
        self.forgetful = rng.random() < 0.03
        self.typo = 0.3 if self.forgetful else rng.betavariate(1.2, 24.0)
        self.integer_times = rng.random() < 0.15
        roll = rng.random()
        self.rhythm = "night" if roll < 0.05 else "evening" if roll < 0.3 else "day"
        self.visits = min(9.0, rng.lognormvariate(0.6, 0.5))
        self.level = rng.gauss(3.4, 0.55)
        self.spread = rng.uniform(0.4, 0.7)
        self.salary = rng.lognormvariate(7.9, 0.45)
        self.office = offices[int(rng.random() ** 2 * len(offices))] if offices and rng.random() < 0.6 else None
        self.devices = own_devices(rng, self.office is not None)
        self.cards = [new_id(rng, "c") for _ in range(1 + int(rng.random() * 2.4))]
        self.payees = [new_id(rng, "p") for _ in range(2 + int(rng.random() * 5))]
        self.shops = shops
        self.habits = Habits(rng, shops)
        self.collector = rng.random() < 0.01
        self.dormant = False
        self.away: Trip | None = None

    def typical_amount(self) -> float:
        """The middle of what this user pays, in the user's currency."""
        return math.exp(self.level) * self.per_dollar


def new_id(rng: Random, kind: str) -> str:
    return f"{kind}-{rng.getrandbits(48):012x}"


def new_device(rng: Random, kind: str) -> Device:
    agents = AGENTS[kind]
    return Device(new_id(rng, "d"), kind, agents[int(rng.random() * len(agents))])


def own_devices(rng: Random, works: bool) -> list[Device]:
    """A phone nearly always, then a laptop, a tablet, a laptop at work."""
    kinds = ["phone"] if rng.random() < 0.93 else ["laptop"]
    if kinds[0] == "phone" and rng.random() < 0.65:
        kinds.append("laptop")
    if rng.random() < 0.15:
        kinds.append("tablet")
    if works:
        kinds.append("work")
    return [new_device(rng, kind) for kind in kinds]


class World:
    """Everybody and every shop. The same for one seed and number of users, whatever happens in it."""

    def __init__(self, seed: int, users: int) -> None:
        rng = Random(f"{seed}:world")
        self.rng = rng
        self.shop_count = max(60, users // 4)
        self.shop_ids = [new_id(rng, "m") for _ in range(self.shop_count)]
        self.shop_levels = [rng.gauss(0.0, 0.45) for _ in range(self.shop_count)]
        self.offices: dict[str, list[Office]] = {city.name: [] for city in HOME_CITIES}
        total = sum(HOME_WEIGHTS)
        for city in HOME_CITIES:
            for _ in range(max(1, round(users * city.weight / total / 25))):
                halves = RANGES[city.country].homes
                head = address(rng, halves[-1:]).rpartition(".")[0]
                ips = tuple(f"{head}.{rng.randrange(1, 255)}" for _ in range(1 + (rng.random() < 0.3)))
                self.offices[city.name].append(Office(city, ips, *near(rng, city, 5.0), rng.randrange(1, 29)))
        cities = rng.choices(HOME_CITIES, HOME_WEIGHTS, k=users)
        self.users: list[User] = []
        for number in range(1, users):
            if rng.random() < 0.08:
                cities[number] = cities[number - 1]
        for number, city in enumerate(cities, start=1):
            user = User(rng, f"u{number:06d}", city, self.offices[city.name], self.favourites(rng))
            if number > 1 and self.users[-1].city is city and rng.random() < 0.5:
                # A couple: one home, and a tablet or laptop that both use.
                other = self.users[-1]
                user.home_ip, user.lat, user.lon = other.home_ip, other.lat, other.lon
                user.devices.append(other.devices[-1] if other.devices[-1].kind != "work" else other.devices[0])
            self.users.append(user)
        self.dormant: list[User] = []
        for user in rng.sample(self.users, max(1, users // 50)) if users > 10 else []:
            user.dormant = True
            self.dormant.append(user)
        self.active = [user for user in self.users if not user.dormant]

    def shop(self, rng: Random) -> int:
        """A shop by popularity: the first few have most of the customers (a power law)."""
        return min(self.shop_count - 1, int(self.shop_count ** rng.random()) - 1)

    def favourites(self, rng: Random) -> list[int]:
        return [self.shop(rng) for _ in range(7)]

    def newcomer(self, rng: Random) -> User:
        """A customer who is not in the world yet; the caller lets them in."""
        city = rng.choices(HOME_CITIES, HOME_WEIGHTS)[0]
        user_id = f"u{rng.randrange(10_000_000, 100_000_000)}"
        return User(rng, user_id, city, self.offices[city.name], self.favourites(rng))
