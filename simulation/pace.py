"""How many events people make, so that a run can be sized before it begins."""

from typing import Final

from simulation.people import World

# Measured over weeks; they size a run, and nothing depends on them exactly.
EVENTS_PER_VISIT: Final = 7.2
EVENTS_PER_OFFICE_DAY: Final = 3.1


def events_per_day(world: World, pace: float = 1.0) -> float:
    """About how many events a day everybody's life makes at this pace."""
    visits = sum(user.visits for user in world.active)
    offices = sum(1 for user in world.active if user.office is not None)
    return max(1.0, visits * pace * EVENTS_PER_VISIT + offices * EVENTS_PER_OFFICE_DAY)


def pace_for(world: World, per_day: float) -> float:
    """The pace at which everybody's life makes this many events a day."""
    unpaced = events_per_day(world, 0.0)
    return max(0.01, (per_day - unpaced) / (events_per_day(world, 1.0) - unpaced))
