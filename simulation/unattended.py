"""What an account does while nobody sits before a screen: tills, standing orders, and money that comes in."""

import math
from random import Random

from core.clock import HOUR, MINUTE, SECOND
from simulation.config import Fields
from simulation.delivery import Delivery
from simulation.people import User, World, new_id
from simulation.places import near
from simulation.session import in_currency


def tap(rng: Random, delivery: Delivery, user: User, world: World, time_ms: int) -> None:
    """A card at a till: a place and a shop, and neither a device nor a network."""
    away = user.away
    if away is not None and away.leaves_ms - 3 * HOUR < time_ms < away.home_ms:
        if not away.lands_ms + HOUR <= time_ms < away.returns_ms - 3 * HOUR:
            return
        city = away.city
    else:
        city = user.city
    shop = user.shops[int(rng.random() ** 1.5 * len(user.shops))] if rng.random() < 0.6 else world.shop(rng)
    lat, lon = near(rng, city, 4.0)
    event: Fields = {
        "event_id": "", "type": "transaction", "user_id": user.id, "time": "", "country": city.country,
        "lat": lat, "lon": lon,
        "amount": in_currency(rng, user, math.exp(rng.gauss(user.level - 0.5, user.spread + 0.1))),
        "currency": user.currency, "merchant_id": world.shop_ids[shop], "card_id": user.cards[0],
    }  # fmt: skip
    if rng.random() < 0.01:
        event["outcome"] = "failure"
    delivery.send(rng, time_ms, event, integer_times=user.integer_times, trap="till")


def pay_orders(rng: Random, delivery: Delivery, user: User, time_ms: int) -> None:
    """The bank pays what the user ordered once: rent, savings, an allowance."""
    t = time_ms
    for order in user.habits.orders:
        t += int(rng.uniform(1, 40) * SECOND)
        event: Fields = {
            "event_id": "", "type": "payout", "user_id": user.id, "time": "",
            "amount": round(order.dollars * user.per_dollar), "currency": user.currency, "payee_id": order.payee,
        }  # fmt: skip
        delivery.send(rng, t, event, integer_times=user.integer_times, trap="standing_order")


def charge(rng: Random, delivery: Delivery, user: User, world: World, time_ms: int) -> None:
    """A shop takes what is due for a subscription from the card that it knows."""
    due = user.habits.charges[0]
    user.habits.charges.rotate()
    event: Fields = {
        "event_id": "", "type": "transaction", "user_id": user.id, "time": "",
        "amount": max(1.0, round(due.dollars * user.per_dollar, 2)), "currency": user.currency,
        "merchant_id": world.shop_ids[due.shop], "card_id": user.cards[0],
    }  # fmt: skip
    delivery.send(rng, time_ms, event, integer_times=user.integer_times, trap="subscription")


def collect(rng: Random, delivery: Delivery, user: User, time_ms: int) -> None:
    """Whoever collects for a club or a present: many small deposits within hours, then one payment on."""
    total = 0.0
    each = in_currency(rng, user, rng.choice((5, 10, 20, 25, 40)))
    t = time_ms
    for _ in range(rng.randrange(12, 50)):
        t += int(rng.expovariate(1.0) * 9 * MINUTE)
        deposit(rng, delivery, user, t, each, trap="collector")
        total += each
    event: Fields = {
        "event_id": "", "type": "payout", "user_id": user.id, "time": "", "ip": user.home_ip,
        "device_id": user.devices[0].id, "session_id": new_id(rng, "s"), "country": user.city.country,
        "lat": user.lat, "lon": user.lon, "amount": round(total, 2), "currency": user.currency,
        "payee_id": user.payees[0],
    }  # fmt: skip
    late = t + int(rng.uniform(1, 20) * HOUR)
    delivery.send(rng, late, event, integer_times=user.integer_times, trap="collector")


def deposit(rng: Random, delivery: Delivery, user: User, time_ms: int, amount: float, trap: str | None) -> None:
    """Money that comes in by itself: no device, no network and no place."""
    event: Fields = {
        "event_id": "", "type": "deposit", "user_id": user.id, "time": "", "amount": amount,
        "currency": user.currency,
    }  # fmt: skip
    delivery.send(rng, time_ms, event, integer_times=user.integer_times, trap=trap)
