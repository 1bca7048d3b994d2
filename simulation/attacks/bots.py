"""Bots: reading out a site, making up customers, and many accounts behind one device."""

from simulation.attacks.passwords import enter
from simulation.attacks.stage import Stage
from simulation.people import new_id

SENSITIVE = (
    "/admin", "/.env", "/wp-login.php", "/api/v1/users", "/api/v1/export", "/account/statements/export",
    "/.git/config", "/backup.sql", "/actuator/env", "/admin/users",
)  # fmt: skip


def scraping(stage: Stage) -> None:
    """A script that walks the shop page by page, and tries the doors that it finds."""
    user, spot, device = stage.victim(), stage.hideout(), stage.device()
    session = enter(stage, user, spot, device)
    page = stage.rng.randrange(2_000)
    nosy = stage.rng.uniform(0.02, 0.3)
    for _ in range(stage.count(90, 420)):
        page += 1
        path = stage.rng.choice(SENSITIVE) if stage.chance(nosy) else f"/product/{page}"
        stage.act("page_view", user.id, spot, device, session, path=path)
        stage.wait(0.7)


def fake_signups(stage: Stage) -> None:
    """Accounts by the dozen from one address, to be used or sold later."""
    spots = [stage.hideout() for _ in range(1 if stage.chance(0.8) else 3)]
    device = stage.device()
    for _ in range(stage.count(35, 160)):
        user = stage.newcomer()
        spot = stage.rng.choice(spots)
        if stage.chance(0.5):
            device = stage.device()
        stage.act("signup", user.id, spot, device)
        stage.wait(6)
        if stage.chance(0.3):
            enter(stage, user, spot, device)
            stage.wait(3)


def device_ring(stage: Stage) -> None:
    """One device, a dozen accounts, each with a new card and a payment for the same few shops."""
    spot, device = stage.hideout(), stage.device()
    shops = [stage.world.shop_ids[stage.world.shop(stage.rng)] for _ in range(2)]
    for _ in range(stage.count(6, 20)):
        user = stage.newcomer() if stage.chance(0.7) else stage.victim()
        session = enter(stage, user, spot, device)
        stage.wait(40)
        price = stage.price(user, stage.dollars(120, 0.5))
        fields = {"merchant_id": stage.rng.choice(shops), "card_id": new_id(stage.rng, "c")}
        stage.act("transaction", user.id, spot, device, session, **fields, **price)
        stage.wait(500)
