"""Money laundering: by account holders or with their accounts, from their own devices."""

from simulation.attacks.stage import Stage
from simulation.people import User, new_id


def _move(stage: Stage, user: User, type_: str, dollars: float, *, round_: bool = False) -> None:
    """One movement of money; whole hundreds where round_."""
    price = stage.price(user, dollars)
    if round_:
        step = 100 * (10 ** len(str(int(user.per_dollar))) // 10)
        price["amount"] = float(max(step, round(price["amount"] / step) * step))
    fields = {"payee_id": new_id(stage.rng, "p")} if type_ == "payout" else {}
    stage.act(type_, user.id, stage.home(user), user.devices[0], stage.session(), **fields, **price)


def aml_structuring(stage: Stage) -> None:
    """A large sum cut into pieces that each stay under what banks must report."""
    user = stage.victim()
    for _ in range(stage.count(3, 9)):
        _move(stage, user, "payout", stage.rng.triangular(6_800, 9_990, 9_300))
        stage.linger(1.5)


def aml_threshold(stage: Stage) -> None:
    """One large sum, or a few that add up to one."""
    user = stage.victim()
    if stage.chance(0.5):
        _move(stage, user, "payout", stage.rng.uniform(10_500, 45_000))
        return
    for _ in range(stage.count(2, 5)):
        _move(stage, user, "payout", stage.rng.uniform(3_500, 8_000))
        stage.linger(0.7)


def aml_volume(stage: Stage) -> None:
    """An account that suddenly turns over more in a day than in a year."""
    user = stage.victim()
    for _ in range(stage.count(8, 26)):
        _move(stage, user, "payout" if stage.chance(0.6) else "transaction", stage.dollars(3_300, 0.5))
        stage.linger(0.5)


def aml_round_amounts(stage: Stage) -> None:
    """Nobody's groceries cost exactly 2,000, time and again."""
    user = stage.victim()
    for _ in range(stage.count(4, 12)):
        _move(stage, user, "payout", stage.rng.uniform(900, 6_500), round_=True)
        stage.linger(5)


def mule_fan_out(stage: Stage) -> None:
    """Money comes in and is gone within the hour, to people this account never paid."""
    user = stage.victim()
    total = stage.dollars(4_500, 0.5)
    _move(stage, user, "deposit", total)
    parts = stage.count(4, 11)
    for _ in range(parts):
        stage.wait(240)
        _move(stage, user, "payout", total / parts * stage.rng.uniform(0.75, 1.0))
