"""Rings of mules: accounts that hand money on together, and are found one by one."""

from simulation.attacks.passwords import enter
from simulation.attacks.stage import Stage
from simulation.people import Device, User, new_id


def mule_ring(stage: Stage) -> None:
    """One mule after another takes money in and hands it on to the same few payees, some of them on the phone of who
    recruited them. Days lie between them, in which the first are found out."""
    rng = stage.rng
    payees = [new_id(rng, "p") for _ in range(rng.randrange(1, 4))]
    members: list[tuple[User, Device]] = []
    for _ in range(stage.count(5, 14)):
        user = stage.newcomer() if stage.chance(0.6) else stage.victim()
        device = rng.choice(members)[1] if members and stage.chance(0.5) else user.devices[0]
        members.append((user, user.devices[0]))
        session = enter(stage, user, stage.home(user), device)
        total = stage.dollars(650, 0.5)
        stage.act("deposit", user.id, stage.home(user), device, session, **stage.price(user, total))
        parts = rng.randrange(1, 4)
        for _ in range(parts):
            stage.linger(1.5)
            price = stage.price(user, total / parts * rng.uniform(0.8, 0.95))
            # The money is handed on from the mule's own phone, as its bank knows it.
            payee = rng.choice(payees)
            stage.act("payout", user.id, stage.home(user), user.devices[0], session, payee_id=payee, **price)
        stage.linger(9)
