"""What to simulate, and what comes out of it."""

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Fields = dict[str, Any]
Verity = Literal["fraud", "legit"]

START_MS: Final = 1_772_409_600_000  # 2026-03-02T00:00:00Z, a Monday


class Intensity(NamedTuple):
    """How hard an attacker pushes. pace: multiplies every pause; size: multiplies every count."""

    pace: float
    size: float


INTENSITIES: Final[dict[str, Intensity]] = {
    "blatant": Intensity(0.25, 1.6),
    "typical": Intensity(1.0, 1.0),
    "low": Intensity(8.0, 0.7),
    "stealth": Intensity(60.0, 0.5),
}
# What a fraud desk sees in a year: most attackers are in a hurry, the patient ones are few.
MIXED: Final[dict[str, float]] = {"blatant": 0.25, "typical": 0.4, "low": 0.2, "stealth": 0.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What to simulate. Equal configs give equal bytes.

    days or events: how much; neither means endless (live). events counts repeats too.
    attacks: names of `simulation.attacks.ATTACKS`; None for all but `BY_NAME`, empty for a quiet world.
    intensity: one of `INTENSITIES`, or "mixed".
    attack_share: about which share of the events attackers make; each named attack comes at least once, if the
        run is long enough to hold it.
    run: goes into event and session ids, so that two live runs with one seed do not share them.
    Raises ValueError with one clear line.
    """

    users: int = 1_000
    days: float | None = None
    events: int | None = None
    seed: int = 1
    start_ms: int = START_MS
    attacks: tuple[str, ...] | None = None
    intensity: str = "mixed"
    attack_share: float = 0.03
    run: str = ""

    def __post_init__(self) -> None:
        from simulation.attacks import ATTACKS

        if not 1 <= self.users <= 5_000_000:
            raise ValueError("users must be between 1 and 5,000,000")
        if self.days is not None and not self.days > 0:
            raise ValueError("days must be more than 0")
        if self.events is not None and self.events < 1:
            raise ValueError("events must be 1 or more")
        if not 0 < self.attack_share <= 0.5:
            raise ValueError("attack_share must be more than 0 and at most 0.5")
        if self.intensity != "mixed" and self.intensity not in INTENSITIES:
            raise ValueError(f"intensity {self.intensity!r} is none of mixed, {', '.join(INTENSITIES)}")
        for name in self.attacks or ():
            if name not in ATTACKS:
                raise ValueError(f"attack {name!r} is none of {', '.join(ATTACKS)}")


@dataclass(slots=True)
class Labelled:
    """One event on its way in, and what it truly is.

    event: the contract's event, ready to be JSON. time_ms: when it happened; arrival_ms: when it comes in.
    intensity: of its attacker. trap: the innocent story that it belongs to, if it is one that looks like an attack.
    repeat: the same event coming in again, byte for byte.
    """

    event: Fields
    time_ms: int
    arrival_ms: int
    label: Verity = "legit"
    attack: str | None = None
    campaign: str | None = None
    intensity: str | None = None
    trap: str | None = None
    repeat: bool = False
