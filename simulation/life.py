"""Life: one agenda of everybody's next steps. Each step plays a visit and puts the next one on the agenda."""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from core.clock import DAY, HOUR, MINUTE
from simulation.delivery import Delivery
from simulation.networks import connect, on_the_road
from simulation.people import SHARES, THINNING, Device, User, World, new_device, new_id
from simulation.places import RANGES, Spot, address
from simulation.session import (
    Visit,
    in_currency,
    look_around,
    pay,
    pay_bills,
    read_accounts,
    sign_in,
    spree,
    visit_as_usual,
)
from simulation.traps import payday, plan_trip
from simulation.unattended import charge, collect, deposit, pay_orders, tap

VISIT, WORK, SALARY, TRIP, PHONE, BILLS, COLLECT, LEASE, SIGNUP, WAKE, TAP, ORDERS, CHARGE, READER, SPREE = range(15)
# Mean days between them, for one user.
EVERY_DAYS: Final = {TRIP: 90.0, PHONE: 300.0, BILLS: 40.0, LEASE: 20.0, COLLECT: 6.0}
CHARGES_EVERY_DAYS: Final = 30
READER_EVERY_DAYS: Final = 0.4
SIGNUPS_PER_USER_DAY: Final = 0.004
# What a firm that reads accounts is seen with: no device, and a browser of its own.
NO_DEVICE: Final = Device("", "server", "AccountReader/4.2")


class Recent(NamedTuple):
    """A session that began a moment ago: what a thief at the wire would see of it."""

    user: User
    session: str
    device: Device
    spot: Spot
    time_ms: int


class Life:
    """Everybody's normal days from start_ms on. pace: visits a day are multiplied by it, for small live worlds;
    by_the_hour: whether people sleep; history: whether dormant accounts were seen long before the start."""

    def __init__(
        self,
        world: World,
        delivery: Delivery,
        rng: Random,
        start_ms: int,
        *,
        pace: float = 1.0,
        by_the_hour: bool = True,
        history: bool = True,
    ) -> None:
        self.world = world
        self.delivery = delivery
        self.rng = rng
        self.pace = pace
        self.by_the_hour = by_the_hour
        self.recent: deque[Recent] = deque(maxlen=48)
        self._agenda: list[tuple[int, int, int, User]] = []
        self._planned = 0
        for user in world.active:
            self._settle(user, start_ms)
        if history:
            for user in world.dormant:
                self._plan(start_ms - int(rng.uniform(95, 320) * DAY), VISIT, user)
                if rng.random() < 0.25:
                    self._plan(start_ms + int(rng.uniform(0.5, 14) * DAY), WAKE, user)
        self._plan(self._in_days(start_ms, 1 / (SIGNUPS_PER_USER_DAY * len(world.users))), SIGNUP, world.users[0])

    def next_ms(self) -> int:
        return self._agenda[0][0]

    def step(self) -> None:
        """Play what is next on the agenda."""
        time_ms, _, kind, user = heapq.heappop(self._agenda)
        rng = self.rng
        if kind == VISIT:
            if not user.dormant:
                self._plan(self._next_visit(user, time_ms), VISIT, user)
            self._visit(user, time_ms)
        elif kind == TAP:
            tap(rng, self.delivery, user, self.world, time_ms)
            self._plan(self._next_by_hour(user, user.habits.taps, time_ms), TAP, user)
        elif kind == WORK:
            self._plan(self._next_morning(user, time_ms), WORK, user)
            self._at_nine(user, time_ms)
        elif kind == SALARY:
            deposit(rng, self.delivery, user, time_ms, in_currency(rng, user, user.salary), trap="salary")
            self._plan(payday(rng, user, time_ms), SALARY, user)
        elif kind == TRIP:
            if user.away is None or user.away.home_ms < time_ms:
                user.away = plan_trip(rng, user, time_ms)
            self._plan(self._in_days(time_ms + 14 * DAY, EVERY_DAYS[TRIP]), TRIP, user)
        elif kind == PHONE:
            user.devices[0] = new_device(rng, "phone")
            self._visit(user, time_ms, new_phone=True)
            self._plan(self._in_days(time_ms, EVERY_DAYS[PHONE]), PHONE, user)
        elif kind == BILLS:
            self._visit(user, time_ms, story=pay_bills)
            self._plan(self._in_days(time_ms, EVERY_DAYS[BILLS]), BILLS, user)
        elif kind == COLLECT:
            if user.away is None:
                collect(rng, self.delivery, user, time_ms)
            self._plan(self._in_days(time_ms, EVERY_DAYS[COLLECT]), COLLECT, user)
        elif kind == LEASE:
            user.home_ip = address(rng, RANGES[user.city.country].homes)
            self._plan(self._in_days(time_ms, EVERY_DAYS[LEASE]), LEASE, user)
        elif kind == SIGNUP:
            self._sign_up(time_ms)
            self._plan(self._in_days(time_ms, 1 / (SIGNUPS_PER_USER_DAY * len(self.world.users))), SIGNUP, user)
        elif kind == WAKE:
            self._visit(user, time_ms, trap="dormant_return", unknown_device=rng.random() < 0.4)
        elif kind == ORDERS:
            pay_orders(rng, self.delivery, user, time_ms)
            self._plan(payday(rng, user, time_ms) + DAY, ORDERS, user)
        elif kind == CHARGE:
            charge(rng, self.delivery, user, self.world, time_ms)
            self._plan(time_ms + CHARGES_EVERY_DAYS * DAY // len(user.habits.charges), CHARGE, user)
        elif kind == READER:
            assert user.habits.reader is not None
            read_accounts(Visit(rng, self.delivery, user, NO_DEVICE, user.habits.reader, time_ms, new_id(rng, "s")))
            self._plan(self._in_days(time_ms, READER_EVERY_DAYS), READER, user)
        elif kind == SPREE:
            self._visit(user, time_ms, story=lambda visit: spree(visit, self.world))
            self._plan(self._next_by_hour(user, user.habits.sprees, time_ms), SPREE, user)

    def _settle(self, user: User, from_ms: int) -> None:
        self._plan(self._next_visit(user, from_ms), VISIT, user)
        if user.office is not None:
            self._plan(self._next_morning(user, from_ms), WORK, user)
        self._plan(payday(self.rng, user, from_ms), SALARY, user)
        habits, rng = user.habits, self.rng
        if habits.taps:
            self._plan(self._next_by_hour(user, habits.taps, from_ms), TAP, user)
        if habits.orders:
            self._plan(payday(rng, user, from_ms) + DAY, ORDERS, user)
        if habits.charges:
            self._plan(from_ms + int(rng.random() * CHARGES_EVERY_DAYS * DAY / len(habits.charges)), CHARGE, user)
        if habits.reader is not None:
            self._plan(self._in_days(from_ms, READER_EVERY_DAYS), READER, user)
        if habits.sprees:
            self._plan(self._next_by_hour(user, habits.sprees, from_ms), SPREE, user)
        for kind, days in EVERY_DAYS.items():
            if kind != COLLECT or user.collector:
                self._plan(self._in_days(from_ms, days), kind, user)

    def _plan(self, time_ms: int, kind: int, user: User) -> None:
        self._planned += 1
        heapq.heappush(self._agenda, (time_ms, self._planned, kind, user))

    def _in_days(self, from_ms: int, mean: float) -> int:
        return from_ms + 1 + int(self.rng.expovariate(1.0) * mean * DAY)

    def _next_visit(self, user: User, after_ms: int) -> int:
        return self._next_by_hour(user, user.visits, after_ms)

    def _next_by_hour(self, user: User, per_day: float, after_ms: int) -> int:
        """A Poisson process whose rate follows the hour of the local day, drawn by thinning."""
        rng = self.rng
        per_day *= self.pace
        if not self.by_the_hour:
            return after_ms + 1 + int(rng.expovariate(per_day) * DAY)
        shares = SHARES[user.rhythm]
        peak = per_day * THINNING[user.rhythm]
        offset = user.offset_ms
        t = after_ms
        while True:
            t += 1 + int(rng.expovariate(peak) * DAY)
            local = t + offset
            # 1970-01-01 was a Thursday: two days later the week's first Saturday.
            off = 24 if (local // DAY + 3) % 7 >= 5 else 0
            if rng.random() < shares[off + local % DAY // HOUR]:
                return t

    def _next_morning(self, user: User, after_ms: int) -> int:
        """About nine on the next working day, local."""
        rng = self.rng
        start = 22 * HOUR if user.rhythm == "night" else 9 * HOUR
        day = (after_ms + user.offset_ms + 6 * HOUR) // DAY
        while True:
            at = day * DAY + start + int(rng.gauss(-3, 11) * MINUTE) - user.offset_ms
            if at > after_ms and (day + 3) % 7 < 5 and rng.random() < 0.5:
                return at
            day += 1

    def _visit(
        self,
        user: User,
        time_ms: int,
        *,
        trap: str | None = None,
        new_phone: bool = False,
        unknown_device: bool = False,
        story: Callable[[Visit], None] | None = None,
    ) -> None:
        rng = self.rng
        away = user.away
        if away is not None:
            # A visit takes up to half an hour: none begins that would end in the air.
            ends = time_ms + 30 * MINUTE
            if away.leaves_ms <= ends and (
                time_ms < away.lands_ms or away.returns_ms <= ends < away.home_ms + 30 * MINUTE
            ):
                return
            if time_ms >= away.home_ms:
                user.away = None
            if not away.lands_ms <= time_ms < away.returns_ms:
                away = None
        devices = user.devices
        device = devices[0 if new_phone else int(rng.random() ** 1.8 * len(devices))]
        if unknown_device:
            device = new_device(rng, "laptop")
        elif device.kind == "work":
            device = devices[0]
        spot = connect(rng, user, device, time_ms)
        if user.habits.browser != "kept" and device.kind != "phone":
            unknown_device = True
            device = device._replace(id="" if user.habits.browser == "none" else new_id(rng, "d"))
        visit = Visit(rng, self.delivery, user, device, spot, time_ms, new_id(rng, "s"))
        hour = (time_ms + user.offset_ms) % DAY // HOUR
        if away is not None:
            trap = trap or "travel"
        elif spot.vpn:
            trap = trap or ("tor" if user.habits.tor else "vpn")
        elif new_phone:
            trap = trap or "new_phone"
        elif user.forgetful:
            trap = trap or "forgetful"
        elif user.rhythm == "night" and hour < 5:
            trap = trap or "night_shift"
        elif device.kind == "phone" and rng.random() < 0.004:
            trap = trap or "late_batch"
            visit.held_ms = int(rng.uniform(0.2, 9) * HOUR)
        elif device.kind != "phone" and user.habits.browser != "kept":
            trap = trap or "private_browser"
        visit.trap = trap
        if rng.random() < 0.93:
            sign_in(visit, unknown_device=new_phone or unknown_device)
        self.recent.append(Recent(user, visit.session, device, spot, time_ms))
        if device.kind == "phone" and away is None and not spot.vpn and rng.random() < 0.02:
            look_around(visit, 2.0)
            visit.trap = visit.trap or "wifi_to_mobile"
            visit.move(on_the_road(rng, user))
        if story is not None:
            story(visit)
        else:
            visit_as_usual(visit, self.world)

    def _at_nine(self, user: User, time_ms: int) -> None:
        """Signing in at the office, from an address that the whole office shares."""
        away, office = user.away, user.office
        if office is None or (away is not None and away.leaves_ms - HOUR < time_ms < away.home_ms):
            return
        rng = self.rng
        spot = Spot(rng.choice(office.ips), office.city.country, office.lat, office.lon)
        device = next((device for device in user.devices if device.kind == "work"), user.devices[0])
        visit = Visit(rng, self.delivery, user, device, spot, time_ms, new_id(rng, "s"))
        visit.trap = "office_nine"
        sign_in(visit)
        self.recent.append(Recent(user, visit.session, device, spot, time_ms))
        look_around(visit, 3.0)
        if rng.random() < 0.35:
            pay(visit, self.world)

    def _sign_up(self, time_ms: int) -> None:
        rng = self.rng
        user = self.world.newcomer(rng)
        spot = connect(rng, user, user.devices[0], time_ms)
        visit = Visit(rng, self.delivery, user, user.devices[0], spot, time_ms, new_id(rng, "s"))
        visit.act("signup", user_agent=user.devices[0].agent, attributes={"tz": user.city.tz})
        visit.wait(40)
        sign_in(visit, unknown_device=True)
        look_around(visit, 5.0)
        self._settle(user, visit.t + HOUR)
