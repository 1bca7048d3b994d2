"""Attacks from within an account: what happens between getting in and getting the money out."""

from simulation.attacks.passwords import enter, fail, peek
from simulation.attacks.stage import Stage
from simulation.people import Device, User, new_id
from simulation.places import Spot, distance_km


def cash_out(stage: Stage, user: User, spot: Spot, device: Device, session: str, payouts: int) -> None:
    """To payees never paid before, more than the user ever sends."""
    for _ in range(payouts):
        stage.wait(45)
        price = stage.price(user, stage.dollars(900, 0.7))
        stage.act("payout", user.id, spot, device, session, payee_id=new_id(stage.rng, "p"), **price)


def change_credentials(stage: Stage, user: User, spot: Spot, device: Device, session: str) -> None:
    """Lock the owner out and the alerts away: mail or phone, password, second factor."""
    changes = ["profile_change", "password_change", "mfa_change"]
    stage.rng.shuffle(changes)
    for type_ in changes[: stage.rng.randrange(1, 4)]:
        stage.wait(30)
        stage.act(type_, user.id, spot, device, session)


def _take(stage: Stage, user: User, spot: Spot, device: Device) -> None:
    session = enter(stage, user, spot, device, second_factor=stage.chance(0.3))
    peek(stage, user, spot, device, session, stage.rng.randrange(1, 5))
    change_credentials(stage, user, spot, device, session)
    stage.wait(120)
    cash_out(stage, user, spot, device, session, stage.rng.randrange(1, 4))


def account_takeover(stage: Stage) -> None:
    """The whole chain: a few wrong passwords, in from a new device, credentials changed, money to a new payee."""
    user = stage.victim()
    spot = stage.next_door(user) if stage.chance(0.15) else stage.hideout(stage.city(user.city))
    device = stage.device()
    for _ in range(stage.rng.randrange(0, 5)):
        fail(stage, user.id, spot, device)
        stage.wait(12)
    _take(stage, user, spot, device)


def takeover_wave(stage: Stage) -> None:
    """A stolen list of good passwords, used up within one evening: dozens of accounts, one after another."""
    spots = [stage.hideout() for _ in range(stage.count(4, 14))]
    start = stage.t
    end = start
    for user in stage.victims(stage.count(25, 60)):
        stage.t = start
        stage.wait(400, spread=1.0)
        _take(stage, user, stage.rng.choice(spots), stage.device())
        end = max(end, stage.t)
    stage.t = end


def impossible_travel(stage: Stage) -> None:
    """Somebody far away is in, while the owner was at home a moment ago."""
    seen = [recent for recent in stage.life.recent if not recent.spot.vpn][-8:]
    if seen:
        last = stage.rng.choice(seen)
        user, here = last.user, last.spot
        stage.t = max(stage.t, last.time_ms)
    else:
        user = stage.victim()
        here = stage.home(user)
    city = stage.city(user.city)
    while distance_km(here.lat, here.lon, city.lat, city.lon) < 1_500:
        city = stage.city(user.city)
    spot = stage.hideout(city)._replace(vpn=False)
    device = stage.device()
    stage.linger(0.2)
    session = enter(stage, user, spot, device)
    peek(stage, user, spot, device, session, stage.rng.randrange(2, 6))
    if stage.chance(0.6):
        cash_out(stage, user, spot, device, session, 1)


def session_hijack(stage: Stage) -> None:
    """A stolen cookie: the owner's session goes on from another device and network, without a login."""
    recent = stage.life.recent
    if not recent:
        return
    stolen = recent[-1 - stage.rng.randrange(min(8, len(recent)))]
    user = stolen.user
    spot = stage.next_door(user) if stage.chance(0.25) else stage.hideout(stage.city(user.city))
    # Half the thieves copy the browser's fingerprint along with the cookie.
    device = stolen.device if stage.chance(0.3) else stage.device()
    stage.t = max(stage.t, stolen.time_ms)
    stage.wait(240)
    peek(stage, user, spot, device, stolen.session, stage.rng.randrange(2, 6))
    if stage.chance(0.5):
        change_credentials(stage, user, spot, device, stolen.session)
    cash_out(stage, user, spot, device, stolen.session, stage.rng.randrange(1, 3))


def dormant_takeover(stage: Stage) -> None:
    """An account that nobody misses, woken up and emptied."""
    dormant = stage.world.dormant
    user = stage.rng.choice(dormant) if dormant else stage.victim()
    spot, device = stage.hideout(), stage.device()
    session = enter(stage, user, spot, device)
    peek(stage, user, spot, device, session, 3)
    for _ in range(stage.count(1, 4)):
        stage.wait(90)
        price = stage.price(user, stage.dollars(2_200, 0.6))
        if stage.chance(0.5):
            stage.act("payout", user.id, spot, device, session, payee_id=new_id(stage.rng, "p"), **price)
        else:
            shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
            fields = {"merchant_id": shop, "card_id": user.cards[0]}
            stage.act("transaction", user.id, spot, device, session, **fields, **price)


def new_device_payment(stage: Stage) -> None:
    """Phished: in at the first try from a device never seen, and one payment far above the usual."""
    user = stage.victim()
    spot = stage.next_door(user) if stage.chance(0.35) else stage.hideout()
    device = stage.device()
    session = enter(stage, user, spot, device, second_factor=stage.chance(0.5))
    peek(stage, user, spot, device, session, stage.rng.randrange(0, 3))
    for _ in range(stage.rng.randrange(1, 4)):
        stage.wait(180)
        price = stage.price(user, max(stage.dollars(1_300, 0.6), user.typical_amount() / user.per_dollar * 4))
        shop = stage.world.shop_ids[stage.world.shop(stage.rng)]
        stage.act("transaction", user.id, spot, device, session, merchant_id=shop, card_id=user.cards[0], **price)
