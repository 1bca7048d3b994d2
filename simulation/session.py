"""One visit: signing in, looking around, paying, leaving."""

import math
from random import Random
from typing import Final

from core.clock import SECOND
from simulation.config import Fields
from simulation.delivery import Delivery
from simulation.people import Device, User, World, new_id
from simulation.places import Spot

PATHS: Final = (
    "/", "/home", "/account", "/account/statements", "/search", "/cart", "/checkout", "/offers", "/help", "/cards",
    "/payees", "/settings", "/orders", "/transfers",
)  # fmt: skip
# The share of payments for something out of the ordinary: a bicycle, a sofa, a week at the sea.
DEAR: Final = 0.003
# The share of pages that a script of the shop's asks for: it knows the session and not the device.
BY_SCRIPT: Final = 0.01


class Visit:
    """What is told about one session, event by event, and how far its clock has come."""

    def __init__(
        self, rng: Random, delivery: Delivery, user: User, device: Device, spot: Spot, time_ms: int, session: str
    ) -> None:
        self.rng = rng
        self.delivery = delivery
        self.user = user
        self.device = device
        self.spot = spot
        self.t = time_ms
        self.session = session
        self.trap: str | None = None
        self.held_ms = 0
        self._base: Fields = {
            "event_id": "",
            "type": "",
            "user_id": user.id,
            "time": "",
            "ip": spot.ip,
            "session_id": session,
            "country": spot.country,
        }
        if device.id:
            self._base["device_id"] = device.id

    def move(self, spot: Spot) -> None:
        """Another network, in the middle of it."""
        self.spot = spot
        self._base["ip"] = spot.ip
        self._base["country"] = spot.country

    def wait(self, median_s: float) -> None:
        """Let a while pass: lognormal, since people are mostly quick and sometimes gone for coffee."""
        self.t += 400 + int(median_s * SECOND * math.exp(self.rng.gauss(0.0, 0.8)))

    def act(self, type_: str, placed: bool = True, by_script: bool = False, **fields: object) -> None:
        event = self._base.copy()
        event["type"] = type_
        if by_script:
            event.pop("device_id", None)
        if placed:
            event["lat"] = self.spot.lat
            event["lon"] = self.spot.lon
        if fields:
            event.update(fields)
        if self.spot.vpn and self.spot.told:
            event.setdefault("attributes", {})["vpn"] = True
        user = self.user
        self.delivery.send(
            self.rng, self.t, event, integer_times=user.integer_times, held_ms=self.held_ms, trap=self.trap
        )


def sign_in(visit: Visit, *, unknown_device: bool = False) -> None:
    """Typos, the second factor, the login that works; now and then the password is forgotten altogether."""
    rng, user = visit.rng, visit.user
    told: Fields = {"user_agent": visit.device.agent, "attributes": {"tz": user.city.tz, "mfa": user.mfa}}
    failures = 0
    while failures < 8 and rng.random() < user.typo:
        visit.act("login", outcome="failure", user_agent=visit.device.agent)
        visit.wait(7)
        failures += 1
    if failures >= 4 or (failures >= 2 and rng.random() < 0.4) or rng.random() < 0.003:
        visit.trap = visit.trap or "password_reset"
        visit.act("page_view", path="/password/reset")
        visit.wait(70)
        visit.act("otp", outcome="success")
        visit.wait(25)
        visit.act("password_change")
        visit.wait(12)
    elif unknown_device or (user.mfa and rng.random() < 0.6) or rng.random() < 0.05:
        while rng.random() < 0.05:
            visit.act("otp", outcome="failure")
            visit.wait(15)
        visit.act("otp", outcome="success")
        visit.wait(3)
    visit.act("login", **told)


def look_around(visit: Visit, mean: float) -> None:
    rng = visit.rng
    more = mean / (1.0 + mean)
    while rng.random() < more:
        visit.wait(9)
        roll = rng.random()
        if roll < 0.45:
            path = f"/product/{int(1_000 * roll * roll * 50)}"
        else:
            path = PATHS[int(rng.random() ** 1.6 * len(PATHS))]
        visit.act("page_view", placed=roll > 0.8, by_script=rng.random() < BY_SCRIPT, path=path)


def pay(visit: Visit, world: World) -> None:
    """A payment at a shop, mostly a usual one; one in sixty is declined and often tried again."""
    rng, user = visit.rng, visit.user
    shop = user.shops[int(rng.random() ** 1.5 * len(user.shops))] if rng.random() < 0.72 else world.shop(rng)
    dollars = math.exp(rng.gauss(user.level + world.shop_levels[shop], user.spread))
    if rng.random() < DEAR:
        visit.trap = visit.trap or "dear"
        dollars *= rng.uniform(3.0, 8.0)
    fields: Fields = {
        "amount": in_currency(rng, user, dollars),
        "currency": user.currency,
        "merchant_id": world.shop_ids[shop],
        "card_id": user.cards[0 if rng.random() < 0.8 else int(rng.random() * len(user.cards))],
    }
    visit.wait(45)
    if rng.random() < 0.016:
        visit.act("transaction", outcome="failure", **fields)
        if rng.random() < 0.3:
            return
        visit.wait(40)
        fields["card_id"] = user.cards[-1]
    visit.act("transaction", **fields)


def pay_out(visit: Visit, dollars: float | None = None, *, usual: bool = False) -> None:
    """Money to a person or a firm, mostly one paid before. dollars None: what this user sends as a rule."""
    rng, user = visit.rng, visit.user
    if not usual and rng.random() < 0.12:
        payee = new_id(rng, "p")
        user.payees[int(rng.random() * len(user.payees))] = payee
        visit.wait(20)
        visit.act("page_view", placed=False, path="/payees/new")
    else:
        payee = user.payees[int(rng.random() ** 1.5 * len(user.payees))]
    if dollars is None:
        dollars = math.exp(rng.gauss(user.level + 1.1, user.spread))
    visit.wait(30)
    visit.act("payout", amount=in_currency(rng, user, dollars), currency=user.currency, payee_id=payee)


def in_currency(rng: Random, user: User, dollars: float) -> float:
    """Dollars as a price in the user's currency: some are whole, yen always."""
    amount = max(0.5, dollars * user.per_dollar)
    if user.per_dollar > 50 or rng.random() < 0.12:
        return float(max(1, round(amount)))
    return round(amount, 2)


def visit_as_usual(visit: Visit, world: World) -> None:
    """What most sessions are."""
    rng, user = visit.rng, visit.user
    look_around(visit, 3.4)
    if rng.random() < 0.8:
        pay(visit, world)
        look_around(visit, 0.7)
        while rng.random() < 0.33:
            visit.wait(60)
            pay(visit, world)
    roll = rng.random()
    if roll < 0.17:
        pay_out(visit)
    elif roll < 0.19:
        visit.wait(25)
        visit.act("profile_change")
    elif roll < 0.194:
        visit.wait(40)
        visit.act("password_change")
    elif roll < 0.196:
        visit.wait(40)
        visit.act("mfa_change")
    elif roll < 0.1964:
        # A car, a deposit for a house: rare, large and honest.
        visit.trap = visit.trap or "large_and_honest"
        pay_out(visit, rng.uniform(8_000, 60_000), usual=rng.random() < 0.3)
    elif roll < 0.28:
        visit.wait(30)
        dollars = math.exp(rng.gauss(user.level + 0.8, 0.6))
        visit.act("deposit", amount=in_currency(rng, user, dollars), currency=user.currency)
    if rng.random() < 0.38:
        visit.wait(15)
        visit.act("logout", placed=False)


def spree(visit: Visit, world: World) -> None:
    """Coins for a game, songs, stickers: one small purchase after another at one shop."""
    rng, user = visit.rng, visit.user
    visit.trap = visit.trap or "spree"
    shop = world.shop_ids[user.shops[-1]]
    each = in_currency(rng, user, rng.choice((0.99, 1.99, 2.99, 4.99)))
    for _ in range(rng.randrange(4, 14)):
        visit.wait(35)
        visit.act("transaction", amount=each, currency=user.currency, merchant_id=shop, card_id=user.cards[0])


def read_accounts(visit: Visit) -> None:
    """A firm signs in with the user's leave, from its own server, and reads what there is."""
    visit.trap = "reader"
    visit.act("login", user_agent=visit.device.agent, attributes={"tz": visit.user.city.tz})
    for path in ("/account", "/account/statements", "/cards"):
        visit.wait(1)
        visit.act("page_view", placed=False, path=path)


def pay_bills(visit: Visit) -> None:
    """The end of the month: one payment after another, to the usual payees."""
    visit.trap = visit.trap or "bills"
    look_around(visit, 1.5)
    for _ in range(2 + int(visit.rng.random() * 4)):
        pay_out(visit, usual=True)
