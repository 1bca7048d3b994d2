"""How many events people make, so that a run can be sized before it begins."""

from typing import Final

from simulation.people import World

# Measured over weeks; they size a run, and nothing depends on them exactly.
EVENTS_PER_VISIT: Final = 7.2
EVENTS_PER_OFFICE_DAY: Final = 3.1
EVENTS_PER_SPREE: Final = 10.0
EVENTS_PER_READER_DAY: Final = 10.0


def events_per_day(world: World, pace: float = 1.0) -> float:
    """About how many events a day everybody's life makes at this pace."""
    paced = unpaced = 0.0
    for user in world.active:
        habits = user.habits
        paced += user.visits * EVENTS_PER_VISIT + habits.taps + habits.sprees * EVENTS_PER_SPREE
        if user.office is not None:
            unpaced += EVENTS_PER_OFFICE_DAY
        if habits.reader is not None:
            unpaced += EVENTS_PER_READER_DAY
    return max(1.0, paced * pace + unpaced)


def pace_for(world: World, per_day: float) -> float:
    """The pace at which everybody's life makes this many events a day."""
    unpaced = events_per_day(world, 0.0)
    return max(0.01, (per_day - unpaced) / (events_per_day(world, 1.0) - unpaced))
