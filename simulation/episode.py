"""One attack by itself, with the days of its victims before it: for who wants to see what is made of it."""

from random import Random
from typing import Final, NamedTuple

from core.clock import DAY, rfc3339
from simulation.attacks import ATTACKS
from simulation.attacks.stage import Stage
from simulation.config import INTENSITIES, START_MS, Fields, Labelled
from simulation.delivery import Delivery
from simulation.life import Life
from simulation.people import World
from simulation.schedule import NEVER

USERS: Final = 60
HISTORY_DAYS: Final = 10
# Of each part the newest ones are kept.
EVENTS_MOST: Final = 2_000
# A world of its own, whatever seed is chosen: no shop and no device is one of another simulation's.
SEED_APART: Final = 1_000_003


class Episode(NamedTuple):
    """Events in order of arrival. history: of the attack's users, before it began."""

    history: list[Fields]
    attack: list[Fields]


def episode(attack: str, intensity: str, seed: int, *, prefix: str, end_ms: int) -> Episode:
    """prefix: what every user id and event id begins with; end_ms: when the attack's last event happens. The events
    keep the spacing that they have in life, so a patient attacker's began days before.

    Raises ValueError for an attack or an intensity that there is not.
    """
    if attack not in ATTACKS:
        raise ValueError(f"attack {attack!r} is none of {', '.join(ATTACKS)}")
    if intensity not in INTENSITIES:
        raise ValueError(f"intensity {intensity!r} is none of {', '.join(INTENSITIES)}")
    lived, done = Delivery(f"{prefix}h"), Delivery(f"{prefix}a")
    life = Life(World(seed + SEED_APART, USERS), lived, Random(f"{seed}:episode"), START_MS)
    begins_ms = START_MS + HISTORY_DAYS * DAY
    while life.next_ms() < begins_ms:
        life.step()
    ATTACKS[attack](
        Stage(
            rng=Random(f"{seed}:{attack}"),
            delivery=done,
            life=life,
            attack=attack,
            campaign=prefix,
            intensity=intensity,
            pace=INTENSITIES[intensity],
            start_ms=begins_ms,
        )
    )
    attacked = _once(done)[-EVENTS_MOST:]
    users = {labelled.event["user_id"] for labelled in attacked}
    first_ms = min((labelled.time_ms for labelled in attacked), default=begins_ms)
    before = [one for one in _once(lived) if one.event["user_id"] in users and one.time_ms < first_ms]
    later_ms = end_ms - max((labelled.time_ms for labelled in attacked), default=begins_ms)
    return Episode(
        [_moved(labelled, later_ms, prefix) for labelled in before[-EVENTS_MOST:]],
        [_moved(labelled, later_ms, prefix) for labelled in attacked],
    )


def _once(delivery: Delivery) -> list[Labelled]:
    """In order of arrival, repeats left out."""
    return [labelled for labelled in delivery.due(NEVER) if not labelled.repeat]


def _moved(labelled: Labelled, later_ms: int, prefix: str) -> Fields:
    event = labelled.event
    return {**event, "user_id": prefix + event["user_id"], "time": rfc3339(labelled.time_ms + later_ms)}
