"""Distances on the globe, also where only the country is known."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

from core.countries import COUNTRIES

EARTH_KM: Final = 6_371.0


def distance_km(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Great-circle distance between two points in degrees (haversine)."""
    a, b = radians(lat_a), radians(lat_b)
    h = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(h)))


def country_gap_km(a: str, b: str) -> float:
    """The least distance between two countries, give or take: that of their middles less their radii. -1 where one of
    them is not listed, 0 within one country."""
    if a == b:
        return 0.0
    first, second = COUNTRIES.get(a), COUNTRIES.get(b)
    if first is None or second is None:
        return -1.0
    return max(0.0, distance_km(first[0], first[1], second[0], second[1]) - first[2] - second[2])
