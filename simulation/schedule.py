"""When which attacker comes: campaigns one after another, every named attack before any comes again."""

from random import Random
from typing import Final

from core.clock import DAY, SECOND
from simulation.attacks import ATTACKS, UNNAMED
from simulation.attacks.stage import Stage
from simulation.config import INTENSITIES, MIXED, Config, Intensity
from simulation.delivery import Delivery
from simulation.life import Life
from simulation.pace import events_per_day

NEVER: Final = 1 << 62
# The first attacker waits until people have habits: this share of the run, at most this many days.
WARM_UP: Final = 0.1
WARM_UP_DAYS: Final = 1.5
# Whoever watches live has minutes, not days: hasty attackers, hurried further.
LIVE_MIX: Final = {"blatant": 0.6, "typical": 0.4}
LIVE_PACE: Final = 0.5
EVENTS_PER_CAMPAIGN: Final = 60
# Who watches a run begin sees at once what Argus does: hasty attacks that need no knowledge of their victims' habits,
# since nobody has any yet. Then the account is taken over that everybody has in mind.
LIVE_OPENING: Final = ("velocity", "login_brute_force", "account_takeover")
OPENING_INTENSITY: Final = "blatant"
# Months of silence cannot be shown within minutes.
NOT_LIVE: Final = frozenset({"dormant_takeover"})


def attacks_in(config: Config) -> float:
    """About how many of `config.events` will be attackers'."""
    names = len(UNNAMED) if config.attacks is None else len(config.attacks)
    share = (config.events or 0) * config.attack_share
    return max(share, EVENTS_PER_CAMPAIGN * names) if names else 0.0


class Schedule:
    """Plays campaigns as their time comes. next_ms: when the next one does.

    length_days: of the whole run, None if it is live: then `LIVE_OPENING` comes within seconds, and after it a
    campaign every half to whole minute.
    """

    def __init__(
        self, config: Config, life: Life, delivery: Delivery, start_ms: int, length_days: float | None
    ) -> None:
        self._rng = Random(f"{config.seed}:{config.run}:attacks")
        self._life = life
        self._delivery = delivery
        self._run = (config.run,) if config.run else ()
        names = UNNAMED if config.attacks is None else tuple(dict.fromkeys(config.attacks))
        if length_days is None and config.attacks is None:
            names = tuple(name for name in names if name not in NOT_LIVE)
        self._names = names
        self._round: list[str] = []
        self._intensity = config.intensity
        self._live = length_days is None
        self._campaigns = self._opening = 0
        self._events_per_day = events_per_day(life.world) * config.attack_share
        self._played = 0
        self._longest_gap_days = self._shortest_gap_days = 0.0
        if not names:
            self.next_ms = NEVER
        elif length_days is None:
            self.next_ms = start_ms + int(self._rng.uniform(3, 6) * SECOND)
        else:
            warm_up = min(WARM_UP_DAYS, WARM_UP * length_days)
            # All names fit in, even when each gap is drawn long.
            self._longest_gap_days = 0.7 * (length_days - warm_up) / len(names) / 1.4
            self._shortest_gap_days = 5 / self._events_per_day
            self.next_ms = start_ms + int(warm_up * DAY)
        self._first_ms = self.next_ms

    def step(self) -> None:
        """Play the next campaign to its end (its events may lie days ahead) and choose when another comes."""
        rng = self._rng
        if not self._round:
            self._round = list(self._names)
            rng.shuffle(self._round)
            if self._live and not self._campaigns:
                opening: list[str] = [name for name in LIVE_OPENING if name in self._round]
                self._round = [name for name in self._round if name not in opening] + opening[::-1]
                self._opening = len(opening)
        name = self._round.pop()
        self._campaigns += 1
        opens = self._campaigns <= self._opening
        intensity, pace = self._draw(OPENING_INTENSITY if opens else "mixed")
        stage = Stage(
            rng=rng,
            delivery=self._delivery,
            life=self._life,
            attack=name,
            campaign="-".join((*self._run, name, str(self._campaigns))),
            intensity=intensity,
            pace=pace,
            start_ms=self.next_ms,
        )
        ATTACKS[name](stage)
        if self._live:
            self.next_ms += int((rng.uniform(4, 7) if opens else rng.uniform(25, 55)) * SECOND)
        else:
            self._played += stage.events
            ahead = (self._first_ms - self.next_ms) / DAY + self._played / self._events_per_day
            if self._campaigns < len(self._names):
                ahead = min(ahead, self._longest_gap_days)
            self.next_ms += 1 + int(max(ahead, self._shortest_gap_days) * rng.uniform(0.6, 1.4) * DAY)

    def _draw(self, otherwise: str) -> tuple[str, Intensity]:
        """How hard the next attacker pushes; otherwise: where no intensity was asked for."""
        name = self._intensity if self._intensity != "mixed" else otherwise
        if name == "mixed":
            mix = LIVE_MIX if self._live else MIXED
            name = self._rng.choices(tuple(mix), tuple(mix.values()))[0]
        intensity = INTENSITIES[name]
        return name, intensity._replace(pace=intensity.pace * LIVE_PACE) if self._live else intensity
