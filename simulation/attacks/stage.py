"""The stage an attacker works on: time that passes, addresses to come from, accounts to try, and events to leave."""

import math
from random import Random
from typing import Any, Final

from core.clock import HOUR, SECOND
from simulation.config import Fields, Intensity
from simulation.delivery import Delivery
from simulation.life import Life
from simulation.people import Device, User, World, new_device, new_id
from simulation.places import CITIES, RANGES, City, Spot, address, near, nearest

# So many attackers set a browser's clock by the address that it comes from; those of others tell where they are.
CLOCKS_SET: Final = 0.35


class Stage:
    """One campaign while it is played. t: its clock, moved by `wait`. events: how many it has left so far."""

    def __init__(
        self,
        *,
        rng: Random,
        delivery: Delivery,
        life: Life,
        attack: str,
        campaign: str,
        intensity: str,
        pace: Intensity,
        start_ms: int,
    ) -> None:
        self.rng = rng
        self.life = life
        self.world: World = life.world
        self.t = start_ms
        self.events = 0
        self._delivery = delivery
        self._attack = attack
        self._campaign = campaign
        self._intensity = intensity
        self._pace = pace
        whose = Random(f"clock of {campaign}")
        self._tz = None if whose.random() < CLOCKS_SET else whose.choice(CITIES).tz
        # Where the victim's own devices are used, which tell the victim's time.
        self._homes: set[str] = set()

    def wait(self, median_s: float, spread: float = 0.7) -> None:
        """Pause, about median_s at the typical pace."""
        pause = median_s * self._pace.pace * math.exp(self.rng.gauss(0.0, spread))
        self.t += 150 + int(pause * SECOND)

    def linger(self, median_h: float, spread: float = 0.7) -> None:
        """Pause for hours. Patience stretches these less: who moves money wants it moved within the week."""
        self.t += int(median_h * HOUR * math.sqrt(self._pace.pace) * math.exp(self.rng.gauss(0.0, spread)))

    def blink(self, median_s: float) -> None:
        """Pause as long as a page or a script takes, whatever the attacker's patience."""
        self.t += 150 + int(median_s * SECOND * math.exp(self.rng.gauss(0.0, 0.6)))

    def count(self, low: float, high: float) -> int:
        """How many: between low and high at the typical size, more often few than many."""
        drawn = math.exp(self.rng.uniform(math.log(low), math.log(high)))
        return max(1, round(drawn * self._pace.size))

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def victim(self) -> User:
        active = self.world.active
        return active[int(self.rng.random() * len(active))]

    def victims(self, most: int) -> list[User]:
        """Different accounts; fewer in a small world."""
        return self.rng.sample(self.world.active, min(most, len(self.world.active)))

    def claimed(self, user: User, known: float) -> str:
        """The account of a line in a leaked list: this user's, or with 1 - known one that does not exist here."""
        return user.id if self.rng.random() < known else f"u{self.rng.randrange(10_000_000, 100_000_000)}"

    def city(self, but: City | None = None) -> City:
        """Where an attacker is: hardly ever where the victim is."""
        while True:
            city = self.rng.choice(CITIES)
            if but is None or city.country != but.country:
                return city

    def hideout(self, city: City | None = None) -> Spot:
        """An attacker's connection: a rented server, or somebody's home turned proxy."""
        city = city or self.city()
        ranges = RANGES[city.country]
        ip = address(self.rng, ranges.hosting if self.chance(0.55) else ranges.homes)
        return Spot(ip, city.country, *near(self.rng, city, 8.0), self.chance(0.08))

    def proxies(self, most: int) -> list[Spot]:
        """Residential proxies all over the world."""
        return [self.hideout(self.rng.choice(CITIES)) for _ in range(max(2, most))]

    def next_door(self, user: User) -> Spot:
        """A proxy in the victim's own city, for attackers who do their homework."""
        return Spot(address(self.rng, RANGES[user.city.country].homes), user.city.country, user.lat, user.lon)

    def device(self) -> Device:
        return new_device(self.rng, self.rng.choice(("laptop", "laptop", "phone")))

    def session(self) -> str:
        return new_id(self.rng, "s")

    def dollars(self, median: float, spread: float) -> float:
        return median * math.exp(self.rng.gauss(0.0, spread))

    def price(self, user: User, dollars: float) -> Fields:
        """An amount in the user's currency."""
        amount = dollars * user.per_dollar
        return {"amount": round(amount) if user.per_dollar > 50 else round(amount, 2), "currency": user.currency}

    def home(self, user: User) -> Spot:
        self._homes.add(user.home_ip)
        return Spot(user.home_ip, user.city.country, user.lat, user.lon)

    def newcomer(self) -> User:
        return self.world.newcomer(self.rng)

    def act(
        self,
        type_: str,
        user_id: str,
        spot: Spot | None = None,
        device: Device | None = None,
        session: str | None = None,
        **fields: Any,
    ) -> None:
        """Leave one event at the stage's present."""
        event: Fields = {"event_id": "", "type": type_, "user_id": user_id, "time": ""}
        if spot is not None:
            if spot.ip is not None:
                event["ip"] = spot.ip
            event["country"] = spot.country
            event["lat"] = spot.lat
            event["lon"] = spot.lon
        if device is not None:
            if device.id:
                event["device_id"] = device.id
            if type_ in ("login", "signup"):
                event["user_agent"] = device.agent
                if spot is not None:
                    theirs = None if spot.ip in self._homes else self._tz
                    event["attributes"] = {"tz": theirs or nearest(spot.lat, spot.lon).tz}
        if session is not None:
            event["session_id"] = session
        event.update(fields)
        if spot is not None and spot.vpn:
            event.setdefault("attributes", {})["vpn"] = True
        self.events += 1
        self._delivery.send(
            self.rng,
            self.t,
            event,
            label="fraud",
            attack=self._attack,
            campaign=self._campaign,
            intensity=self._intensity,
        )
