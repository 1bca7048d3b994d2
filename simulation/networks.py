"""Networks: from where a user is online just now."""

from random import Random

from simulation.people import Device, User
from simulation.places import CITIES, HOME_CITIES, RANGES, Spot, address, carrier_exit


def connect(rng: Random, user: User, device: Device, time_ms: int) -> Spot:
    """Home, the road, a hotel, a VPN that comes out somewhere else, or Tor, anywhere each time."""
    away = user.away
    roll = rng.random()
    habits = user.habits
    if habits.tor and device.kind != "phone":
        exit_ = rng.choice(CITIES)
        return Spot(
            address(rng, RANGES[exit_.country].hosting), exit_.country, exit_.lat, exit_.lon, True, told=False
        )
    if habits.vpn and roll < 0.3:
        exit_ = HOME_CITIES[int(rng.random() ** 2 * len(HOME_CITIES))]
        hosting = RANGES[exit_.country].hosting[0]
        ip = f"{hosting}.{60 + int(rng.random() * 3)}.{10 + int(rng.random() * 40)}"
        return Spot(ip, exit_.country, exit_.lat, exit_.lon, vpn=True, told=habits.vpn_told)
    if away is not None and away.lands_ms <= time_ms < away.returns_ms:
        # Roaming keeps the home carrier's address, while the app knows where it is.
        roaming = device.kind == "phone" and roll > 0.6
        ip = carrier_exit(rng, user.carrier) if roaming else away.hotel_ip
        return Spot(ip, away.city.country, away.lat, away.lon)
    if device.kind == "phone" and roll > 0.55:
        return on_the_road(rng, user)
    return Spot(user.home_ip, user.city.country, user.lat, user.lon)


def on_the_road(rng: Random, user: User) -> Spot:
    """A mobile carrier: one of a few addresses for all its customers, and a place that is right to some 10 km."""
    lat = round(user.lat + rng.gauss(0, 0.12), 4)
    lon = round(user.lon + rng.gauss(0, 0.15), 4)
    return Spot(carrier_exit(rng, user.carrier), user.city.country, lat, lon)
