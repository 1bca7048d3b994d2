"""Attacks on the way in: guessing, stuffing, spraying, and wearing down the second factor."""

from simulation.attacks.stage import Stage
from simulation.people import Device, User
from simulation.places import Spot


def fail(stage: Stage, user_id: str, spot: Spot, device: Device | None) -> None:
    stage.act("login", user_id, spot, device, outcome="failure")


def enter(stage: Stage, user: User, spot: Spot, device: Device, *, second_factor: bool = False) -> str:
    """A login that works; the session it opens."""
    session = stage.session()
    if second_factor:
        stage.act("otp", user.id, spot, device, outcome="success")
        stage.blink(3)
    stage.act("login", user.id, spot, device, session)
    return session


def peek(stage: Stage, user: User, spot: Spot, device: Device, session: str, pages: int) -> None:
    """See what the account is worth."""
    for path in ("/account", "/cards", "/account/statements", "/payees", "/settings")[:pages]:
        stage.wait(8)
        stage.act("page_view", user.id, spot, device, session, path=path)


def login_brute_force(stage: Stage) -> None:
    """One account, one address or a few, many passwords; one in six gets in."""
    user = stage.victim()
    spots = [stage.hideout() for _ in range(1 if stage.chance(0.75) else stage.rng.randrange(2, 4))]
    device = stage.device()
    for _ in range(stage.count(10, 90)):
        fail(stage, user.id, stage.rng.choice(spots), device)
        stage.wait(9)
    if stage.chance(0.17):
        session = enter(stage, user, spots[0], device)
        peek(stage, user, spots[0], device, session, 4)


def distributed_brute_force(stage: Stage) -> None:
    """One account from many addresses in many countries."""
    user = stage.victim()
    spots = stage.proxies(stage.count(8, 40))
    for _ in range(stage.count(20, 110)):
        fail(stage, user.id, stage.rng.choice(spots), stage.device() if stage.chance(0.3) else None)
        stage.wait(10)
    if stage.chance(0.12):
        spot, device = stage.rng.choice(spots), stage.device()
        peek(stage, user, spot, device, enter(stage, user, spot, device), 4)


def _stuff(stage: Stage, spots: list[Spot], tries: int, pause_s: float) -> None:
    known = stage.rng.uniform(0.35, 0.9)
    works = stage.rng.uniform(0.005, 0.03)
    device = stage.device() if stage.chance(0.6) else None
    for _ in range(tries):
        user = stage.victim()
        spot = stage.rng.choice(spots)
        user_id = stage.claimed(user, known)
        if user_id == user.id and stage.chance(works):
            enter(stage, user, spot, device or stage.device())
        else:
            fail(stage, user_id, spot, device)
            if stage.chance(0.12):
                stage.wait(pause_s)
                fail(stage, user_id, spot, device)
        stage.wait(pause_s)


def credential_stuffing(stage: Stage) -> None:
    """A leaked list of names and passwords, each tried once or twice from one address; one in fifty works."""
    _stuff(stage, [stage.hideout()], stage.count(60, 350), 2.2)


def distributed_stuffing(stage: Stage) -> None:
    """The same list through many proxies."""
    _stuff(stage, stage.proxies(stage.count(15, 80)), stage.count(80, 400), 2.5)


def _spray(stage: Stage, spots: list[Spot], users: int, rounds: int, pause_s: float) -> None:
    """A few common passwords against many accounts, a round of one password at a time."""
    victims = stage.victims(users)
    device = stage.device() if stage.chance(0.4) else None
    for _ in range(rounds):
        stage.rng.shuffle(victims)
        for user in victims:
            spot = stage.rng.choice(spots)
            if stage.chance(0.004):
                enter(stage, user, spot, device or stage.device())
            else:
                fail(stage, user.id, spot, device)
            stage.wait(pause_s)
        stage.wait(pause_s * 25)


def password_spray(stage: Stage) -> None:
    _spray(stage, [stage.hideout()], stage.count(12, 60), stage.rng.randrange(2, 7), 6.0)


def distributed_spray(stage: Stage) -> None:
    _spray(stage, stage.proxies(stage.count(8, 40)), stage.count(15, 70), stage.rng.randrange(2, 6), 4.0)


def otp_guessing(stage: Stage) -> None:
    """The password is known, the code is guessed."""
    user, spot, device = stage.victim(), stage.hideout(), stage.device()
    for _ in range(stage.count(6, 40)):
        stage.act("otp", user.id, spot, device, outcome="failure")
        stage.wait(7)
    if stage.chance(0.1):
        peek(stage, user, spot, device, enter(stage, user, spot, device, second_factor=True), 5)


def mfa_bombing(stage: Stage) -> None:
    """Push after push at night, until the victim taps yes; two in five do."""
    user, spot, device = stage.victim(), stage.hideout(), stage.device()
    for _ in range(stage.count(7, 45)):
        stage.act("otp", user.id, spot, device, outcome="failure", attributes={"mfa": "push"})
        stage.wait(22)
    if stage.chance(0.4):
        session = enter(stage, user, spot, device, second_factor=True)
        peek(stage, user, spot, device, session, 3)
        stage.wait(60)
        stage.act("mfa_change", user.id, spot, device, session)
