"""Attacks with cards and payments."""

import math

from simulation.attacks.passwords import enter
from simulation.attacks.stage import Stage
from simulation.people import new_id
from simulation.places import Spot


def velocity(stage: Stage) -> None:
    """A hijacked checkout: payment upon payment, seconds apart, before anybody looks."""
    user, device = stage.victim(), stage.device()
    spot = stage.next_door(user) if stage.chance(0.4) else stage.hideout()
    session = enter(stage, user, spot, device) if stage.chance(0.7) else stage.session()
    for _ in range(stage.count(6, 28)):
        stage.wait(5)
        shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
        price = stage.price(user, stage.dollars(math.exp(user.level) * 1.3, 0.6))
        outcome = "failure" if stage.chance(0.1) else "success"
        fields = {"merchant_id": shop, "card_id": user.cards[0], "outcome": outcome}
        stage.act("transaction", user.id, spot, device, session, **fields, **price)


def amount_spike(stage: Stage) -> None:
    """The victim's own device, by remote control: a few payments far out of the usual."""
    user = stage.victim()
    spot, device, session = stage.home(user), user.devices[0], stage.session()
    stage.act("login", user.id, spot, device, session)
    for _ in range(stage.count(1, 4)):
        stage.wait(150)
        price = stage.price(user, stage.dollars(math.exp(user.level) * 22, 0.6))
        if stage.chance(0.4):
            stage.act("payout", user.id, spot, device, session, payee_id=new_id(stage.rng, "p"), **price)
        else:
            shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
            stage.act("transaction", user.id, spot, device, session, merchant_id=shop, card_id=user.cards[0], **price)


def card_testing(stage: Stage) -> None:
    """A list of stolen cards against one lenient shop, small amounts, most of them declined. Who is careful takes a
    fresh account and device for each card."""
    device, spot = stage.device(), stage.hideout()
    accounts = [stage.newcomer() if stage.chance(0.6) else stage.victim() for _ in range(stage.rng.randrange(1, 4))]
    shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
    careful = stage.chance(0.3)
    for _ in range(stage.count(10, 70)):
        user = stage.newcomer() if careful else stage.rng.choice(accounts)
        device = stage.device() if careful else device
        price = stage.price(user, stage.rng.uniform(0.5, 6))
        outcome = "failure" if stage.chance(0.82) else "success"
        fields = {"merchant_id": shop, "card_id": new_id(stage.rng, "c"), "outcome": outcome}
        stage.act("transaction", user.id, spot, device, None, **fields, **price)
        stage.wait(11)


def stolen_card(stage: Stage) -> None:
    """A fresh account, somebody else's cards: expensive things, a decline or two, then the next card."""
    user, device, spot = stage.newcomer(), stage.device(), stage.hideout()
    stage.act("signup", user.id, spot, device)
    stage.wait(60)
    session = enter(stage, user, spot, device)
    for _ in range(stage.count(3, 9)):
        card = new_id(stage.rng, "c")
        for _ in range(stage.rng.randrange(1, 4)):
            stage.wait(140)
            declined = stage.chance(0.4)
            shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
            price = stage.price(user, stage.dollars(450, 0.6))
            fields = {"merchant_id": shop, "card_id": card, "outcome": "failure" if declined else "success"}
            stage.act("transaction", user.id, spot, device, session, **fields, **price)
            if declined:
                break


def compromised_merchant(stage: Stage) -> None:
    """A skimmed terminal: for days every payment of its crooked clerk there is fraud, at amounts like any other."""
    world, rng = stage.world, stage.rng
    shop = int(world.shop_count * rng.uniform(0.3, 0.95))
    for user in stage.victims(stage.count(25, 90)):
        stage.linger(1.0, spread=1.0)
        price = stage.price(user, stage.dollars(math.exp(user.level) * 1.5, 0.6))
        # A terminal has a place and neither a device nor a network.
        there = Spot(None, user.city.country, user.lat, user.lon)
        fields = {"merchant_id": world.shop_ids[shop], "card_id": user.cards[0]}
        stage.act("transaction", user.id, there, None, None, **fields, **price)
