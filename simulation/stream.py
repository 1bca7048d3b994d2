"""The stream: life and attacks in order of arrival, into a file or as it happens."""

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Final, TextIO

from core.clock import DAY, MINUTE
from core.records import encode
from simulation.config import Config, Labelled
from simulation.delivery import Delivery
from simulation.feedback import Desk
from simulation.labels import label_line
from simulation.life import Life
from simulation.pace import events_per_day, pace_for
from simulation.people import World
from simulation.schedule import NEVER, Schedule, attacks_in

# People already mid-session when a live run begins.
RUN_IN_MS: Final = 5 * MINUTE
# At this many users for each event a second, a user comes back after about seven minutes.
USERS_PER_RATE: Final = 60
PROGRESS_EVERY: Final = 2_000


def generate(config: Config) -> Iterator[Labelled]:
    """Everything that comes in, in order of arrival, until `config.days` are over or `config.events` have come.

    The same config gives the same events. Memory grows with users and with what is on its way, not with length.
    """
    return islice(_arrivals(config), config.events)


def _arrivals(config: Config) -> Iterator[Labelled]:
    delivery = Delivery(_prefix(config))
    world = World(config.seed, config.users)
    life = Life(world, delivery, Random(f"{config.seed}:{config.run}:life"), config.start_ms)
    end = NEVER
    if config.days is not None:
        length_days = config.days
        end = config.start_ms + int(config.days * DAY)
    elif config.events is not None:
        length_days = max(0.3 * config.events, config.events - attacks_in(config)) / events_per_day(world)
    else:
        raise ValueError("days or events must be given")
    schedule = Schedule(config, life, delivery, config.start_ms, length_days)
    while (moment := min(life.next_ms(), schedule.next_ms)) < end:
        yield from delivery.due(moment)
        _step(life, schedule)
    yield from delivery.due(end)


def live(config: Config, rate: float, clock_ms: Callable[[], int]) -> Iterator[list[Labelled]]:
    """Endless: each `next` hands out what came in since the last one by the clock, perhaps nothing. The caller
    sleeps in between. rate: events a second of normal life, on average; attacks come on top, the first few within
    seconds, then one each half to whole minute. Give each run its own `config.run`. There are `config.users`, or more
    where the rate would have people begin their next visit before they end the last.
    """
    start = clock_ms()
    delivery = Delivery(_prefix(config))
    world = World(config.seed, max(config.users, int(rate * USERS_PER_RATE)))
    life = Life(
        world,
        delivery,
        Random(f"{config.seed}:{config.run}:life"),
        start - RUN_IN_MS,
        pace=pace_for(world, rate * DAY / 1000),
        by_the_hour=False,
        history=False,
    )
    schedule = Schedule(config, life, delivery, start, None)
    for moment in range(start - RUN_IN_MS, start + 1, MINUTE // 4):
        _run(life, schedule, moment)
        delivery.drop(moment)
    while True:
        now = clock_ms()
        _run(life, schedule, now)
        yield list(delivery.due(now))


def write(
    config: Config,
    out: TextIO,
    labels: TextIO | None = None,
    progress: Callable[[int], None] | None = None,
    feedback: TextIO | None = None,
) -> int:
    """Write events, and their labels and feedback, one JSON object a line. progress: called with how many more
    events were written. Returns how many there were. Labels are one a distinct event.
    """
    desk = Desk(config)
    count = 0
    for labelled in generate(config):
        out.write(encode(labelled.event).decode() + "\n")
        count += 1
        if not labelled.repeat:
            if labels is not None:
                labels.write(label_line(labelled))
            if feedback is not None:
                desk.hear(labelled)
        if progress is not None and not count % PROGRESS_EVERY:
            progress(PROGRESS_EVERY)
    if progress is not None and count % PROGRESS_EVERY:
        progress(count % PROGRESS_EVERY)
    if feedback is not None:
        for record in desk.due(None):
            feedback.write(encode(record).decode() + "\n")
    return count


def _prefix(config: Config) -> str:
    return f"e{config.seed}-{config.run}-" if config.run else f"e{config.seed}-"


def _step(life: Life, schedule: Schedule) -> None:
    if schedule.next_ms <= life.next_ms():
        schedule.step()
    else:
        life.step()


def _run(life: Life, schedule: Schedule, until_ms: int) -> None:
    while min(life.next_ms(), schedule.next_ms) < until_ms:
        _step(life, schedule)
