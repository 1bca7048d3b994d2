"""Places: cities on the real map, the address ranges of their countries, and where a connection comes from."""

import math
from random import Random
from typing import Final, NamedTuple


class City(NamedTuple):
    """weight: its share of the customers, against the others'."""

    name: str
    country: str
    lat: float
    lon: float
    tz: str
    offset_h: float
    weight: float


class Spot(NamedTuple):
    """Where a connection comes from, as an event tells it. told: whether events say that it is a VPN."""

    ip: str | None
    country: str
    lat: float
    lon: float
    vpn: bool = False
    told: bool = True


class Ranges(NamedTuple):
    """First halves of IPv4 addresses in use in a country, by who is behind them."""

    homes: tuple[str, ...]
    mobile: tuple[str, ...]
    hosting: tuple[str, ...]


CITIES: Final[tuple[City, ...]] = (
    City("New York", "US", 40.7128, -74.0060, "America/New_York", -5, 8),
    City("Chicago", "US", 41.8781, -87.6298, "America/Chicago", -6, 5),
    City("Los Angeles", "US", 34.0522, -118.2437, "America/Los_Angeles", -8, 6),
    City("Houston", "US", 29.7604, -95.3698, "America/Chicago", -6, 4),
    City("Seattle", "US", 47.6062, -122.3321, "America/Los_Angeles", -8, 3),
    City("Toronto", "CA", 43.6532, -79.3832, "America/Toronto", -5, 3),
    City("Vancouver", "CA", 49.2827, -123.1207, "America/Vancouver", -8, 1.5),
    City("London", "GB", 51.5074, -0.1278, "Europe/London", 0, 8),
    City("Manchester", "GB", 53.4808, -2.2426, "Europe/London", 0, 3),
    City("Dublin", "IE", 53.3498, -6.2603, "Europe/Dublin", 0, 1.5),
    City("Berlin", "DE", 52.5200, 13.4050, "Europe/Berlin", 1, 5),
    City("Munich", "DE", 48.1351, 11.5820, "Europe/Berlin", 1, 4),
    City("Hamburg", "DE", 53.5511, 9.9937, "Europe/Berlin", 1, 3),
    City("Vienna", "AT", 48.2082, 16.3738, "Europe/Vienna", 1, 2),
    City("Zurich", "CH", 47.3769, 8.5417, "Europe/Zurich", 1, 2),
    City("Paris", "FR", 48.8566, 2.3522, "Europe/Paris", 1, 6),
    City("Lyon", "FR", 45.7640, 4.8357, "Europe/Paris", 1, 2),
    City("Madrid", "ES", 40.4168, -3.7038, "Europe/Madrid", 1, 3),
    City("Barcelona", "ES", 41.3874, 2.1686, "Europe/Madrid", 1, 2),
    City("Lisbon", "PT", 38.7223, -9.1393, "Europe/Lisbon", 0, 1.5),
    City("Milan", "IT", 45.4642, 9.1900, "Europe/Rome", 1, 3),
    City("Rome", "IT", 41.9028, 12.4964, "Europe/Rome", 1, 2),
    City("Amsterdam", "NL", 52.3676, 4.9041, "Europe/Amsterdam", 1, 3),
    City("Warsaw", "PL", 52.2297, 21.0122, "Europe/Warsaw", 1, 2),
    City("Stockholm", "SE", 59.3293, 18.0686, "Europe/Stockholm", 1, 1.5),
    City("Sydney", "AU", -33.8688, 151.2093, "Australia/Sydney", 11, 3),
    City("Melbourne", "AU", -37.8136, 144.9631, "Australia/Melbourne", 11, 2),
    City("Singapore", "SG", 1.3521, 103.8198, "Asia/Singapore", 8, 2),
    City("Tokyo", "JP", 35.6762, 139.6503, "Asia/Tokyo", 9, 2),
    City("Mumbai", "IN", 19.0760, 72.8777, "Asia/Kolkata", 5.5, 2),
    City("Sao Paulo", "BR", -23.5505, -46.6333, "America/Sao_Paulo", -3, 2),
    City("Mexico City", "MX", 19.4326, -99.1332, "America/Mexico_City", -6, 1.5),
    # Customers travel to these and attackers work from them; none lives there.
    City("Istanbul", "TR", 41.0082, 28.9784, "Europe/Istanbul", 3, 0),
    City("Dubai", "AE", 25.2048, 55.2708, "Asia/Dubai", 4, 0),
    City("Cape Town", "ZA", -33.9249, 18.4241, "Africa/Johannesburg", 2, 0),
    City("Hong Kong", "HK", 22.3193, 114.1694, "Asia/Hong_Kong", 8, 0),
    City("Lagos", "NG", 6.5244, 3.3792, "Africa/Lagos", 1, 0),
    City("Kyiv", "UA", 50.4501, 30.5234, "Europe/Kyiv", 2, 0),
    City("Moscow", "RU", 55.7558, 37.6173, "Europe/Moscow", 3, 0),
    City("Bucharest", "RO", 44.4268, 26.1025, "Europe/Bucharest", 2, 0),
    City("Hanoi", "VN", 21.0278, 105.8342, "Asia/Ho_Chi_Minh", 7, 0),
    City("Jakarta", "ID", -6.2088, 106.8456, "Asia/Jakarta", 7, 0),
)
HOME_CITIES: Final = tuple(city for city in CITIES if city.weight)
HOME_WEIGHTS: Final = tuple(city.weight for city in HOME_CITIES)

RANGES: Final[dict[str, Ranges]] = {
    "US": Ranges(
        ("24.5", "67.160", "68.40", "71.200", "73.140", "76.90", "98.200"),
        ("174.200", "172.56"),
        ("104.131", "66.30"),
    ),
    "CA": Ranges(("24.81", "72.141", "99.251", "174.88"), ("184.144",), ("142.19",)),
    "GB": Ranges(("81.100", "82.10", "86.140", "90.200", "92.20", "2.220"), ("31.124",), ("5.69",)),
    "IE": Ranges(("86.40", "87.35"), ("93.107",), ("57.148",)),
    "DE": Ranges(
        ("79.200", "80.130", "87.140", "91.10", "84.150", "93.200", "78.46"), ("46.88",), ("5.9", "138.201")
    ),
    "AT": Ranges(("84.112", "62.46"), ("80.110",), ("143.245",)),
    "CH": Ranges(("178.192", "85.0", "62.202"), ("92.107",), ("153.109",)),
    "FR": Ranges(("78.125", "78.213", "82.64", "90.50", "86.192"), ("37.168",), ("51.15",)),
    "ES": Ranges(("81.184", "83.44", "88.30", "80.28"), ("95.21",), ("62.42",)),
    "PT": Ranges(("85.245", "88.157"), ("37.189",), ("176.78",)),
    "IT": Ranges(("79.24", "87.4", "93.59"), ("37.178",), ("151.30",)),
    "NL": Ranges(("84.104", "62.194", "81.59", "77.160"), ("178.84",), ("145.44",)),
    "PL": Ranges(("83.9", "83.18", "78.11"), ("31.60",), ("46.76",)),
    "SE": Ranges(("90.137", "83.182", "77.53"), ("109.57",), ("193.182",)),
    "AU": Ranges(("58.169", "101.165", "120.145"), ("1.149",), ("49.194",)),
    "SG": Ranges(("116.86", "121.6", "175.156"), ("8.141",), ("43.6", "139.59")),
    "JP": Ranges(("60.124", "126.50", "119.240", "133.200"), ("126.200",), ("49.240",)),
    "IN": Ranges(("59.88", "117.200", "122.160", "106.200"), ("49.35", "157.32"), ("27.61",)),
    "BR": Ranges(("177.43", "187.20", "179.139"), ("177.106",), ("143.107",)),
    "MX": Ranges(("187.132", "189.142", "189.218"), ("187.236",), ("148.249",)),
    "TR": Ranges(("78.160", "88.238"), ("31.143",), ("212.253",)),
    "AE": Ranges(("2.51", "94.202"), ("5.194",), ("91.72",)),
    "ZA": Ranges(("41.195", "105.9"), ("197.90",), ("41.1",)),
    "HK": Ranges(("42.200", "218.255"), ("61.10",), ("63.223",)),
    "NG": Ranges(("102.89", "197.210"), ("105.112",), ("105.120",)),
    "UA": Ranges(("37.57", "178.133"), ("46.119",), ("176.38",)),
    "RU": Ranges(("95.26", "188.162", "5.141"), ("176.192",), ("46.159", "94.51")),
    "RO": Ranges(("79.118", "86.127"), ("109.102",), ("89.136",)),
    "VN": Ranges(("14.243", "113.169"), ("27.74",), ("171.244",)),
    "ID": Ranges(("36.70", "125.160"), ("114.120",), ("114.120",)),
}

CURRENCIES: Final[dict[str, str]] = {
    "US": "USD", "CA": "CAD", "GB": "GBP", "CH": "CHF", "PL": "PLN", "SE": "SEK", "AU": "AUD", "SG": "SGD",
    "JP": "JPY", "IN": "INR", "BR": "BRL", "MX": "MXN",
}  # fmt: skip
# About what one US dollar buys.
PER_DOLLAR: Final[dict[str, float]] = {
    "USD": 1.0, "EUR": 0.92, "GBP": 0.79, "CAD": 1.36, "CHF": 0.89, "PLN": 3.9, "SEK": 10.5, "AUD": 1.5, "SGD": 1.34,
    "JPY": 150.0, "INR": 83.0, "BRL": 5.0, "MXN": 17.5,
}  # fmt: skip
CARRIER_EXITS: Final = 24


def currency_of(country: str) -> str:
    return CURRENCIES.get(country, "EUR")


def address(rng: Random, halves: tuple[str, ...]) -> str:
    """An address out of one of the ranges."""
    return f"{halves[int(rng.random() * len(halves))]}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def carrier_exit(rng: Random, country: str) -> str:
    """One of the few addresses behind which a mobile carrier keeps all its customers."""
    halves = RANGES[country].mobile
    exit_ = int(rng.random() * CARRIER_EXITS)
    return f"{halves[exit_ % len(halves)]}.{32 + exit_ // 6}.{10 + exit_}"


def near(rng: Random, city: City, spread_km: float) -> tuple[float, float]:
    """A point about spread_km around a city, degrees rounded to 10 m."""
    north = rng.gauss(0.0, spread_km) / 111.0
    east = rng.gauss(0.0, spread_km) / (111.0 * max(0.2, math.cos(math.radians(city.lat))))
    return round(city.lat + north, 4), round(city.lon + east, 4)


def distance_km(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> float:
    """The great circle between two points."""
    lat1, lat2 = math.radians(a_lat), math.radians(b_lat)
    half = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(b_lon - a_lon) / 2) ** 2
    )
    return 12_742.0 * math.asin(math.sqrt(min(1.0, half)))


def nearest(lat: float, lon: float) -> City:
    """The city that a point is in or near."""
    return min(CITIES, key=lambda city: distance_km(lat, lon, city.lat, city.lon))
