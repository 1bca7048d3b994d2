"""What is known of a source: how bad, since when, until when, and why.

The sources agent publishes it by source key on a compacted topic, and every worker keeps all of it. It lapses by
event time, so an old record harms nobody.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from core.clock import DAY, HOUR
from core.records import SourceType
from core.ring import RingRecord, number_of
from core.rules.entry import Hit, Severity

VERSION: Final = 3

# Levels. WATCHED: a MEDIUM finding. BAD: a HIGH finding. LISTED: on a list of hostile sources that somebody keeps.
CLEAN: Final = 0
WATCHED: Final = 1
BAD: Final = 2
LISTED: Final = 3

FOREVER_MS: Final = 1 << 53
REPUTATIONS_MAX: Final = 200_000
# How long after its newest confirmed fraud a merchant's record counts, and how many later payments it tells of.
RECORD_MS: Final = 60 * DAY
AFTER_MAX: Final = 16
# Of a record's risk: a run of so many frauds is half of certainty, and what halves it.
RUN_HALF: Final = 1.5
NEWS_MS: Final = 7 * DAY
RUN_MS: Final = 35 * DAY


class FraudRecord(Struct, array_like=True, frozen=True, gc=False):
    """A merchant's payments as far as labels have told, for models.

    share_1d, share_7d, share_30d: 0..1, of confirmed fraud among the payments of so many days up to the newest fraud,
    smoothed by clean ones; run: known frauds in a row, back from the newest, which was paid at newest_ms, the first
    of them at run_since_ms; delay_ms: how late its label was; after: the times of the payments that followed the
    newest fraud and were known when this was told, at most `AFTER_MAX`, the earliest first.
    """

    share_1d: float
    share_7d: float
    share_30d: float
    run: int
    run_since_ms: int
    newest_ms: int
    delay_ms: int
    after: tuple[int, ...] = ()

    def clean_since(self, time_ms: int) -> int:
        """Payments after the newest fraud that are older at `time_ms` than that one was when its label came: had they
        been fraud, it would be known by now."""
        return sum(paid_ms <= time_ms - self.delay_ms for paid_ms in self.after)

    def risk(self, time_ms: int) -> float:
        """0..1: how likely a payment there at that time is one more of the run. It grows with the run, halves with
        each payment that turned out clean since, with each week without news, and with each five weeks that the run
        has lasted: what goes on for long is found and stopped, and its last labels come when it is over."""
        age_ms = time_ms - self.newest_ms
        if not self.run or not 0 <= age_ms < RECORD_MS:
            return 0.0
        halvings = self.clean_since(time_ms) + max(0, age_ms - self.delay_ms) / NEWS_MS
        halvings += max(0, time_ms - self.run_since_ms) / RUN_MS
        return float(self.run / (self.run + RUN_HALF) * 0.5**halvings)


class Reputation(Struct, array_like=True, frozen=True, gc=False):
    """level: 0..3, see above. since_ms, until_ms: event time, until excluded. share: 0..1, of confirmed fraud among a
    merchant's payments, of failures among an address's logins. text: one sentence for people. record: of a merchant;
    it outlasts the level, and stands where there is none. ring: of a thing in a ring, with nothing else."""

    level: int
    rule_id: str
    since_ms: int
    until_ms: int
    share: float = 0.0
    text: str = ""
    version: int = VERSION
    # Since version 2.
    record: FraudRecord | None = None
    # Since version 3.
    ring: RingRecord | None = None

    @property
    def lapses_ms(self) -> int:
        """From when on nothing of it counts for any event."""
        if self.ring is not None:
            return self.ring.until_ms
        return self.until_ms if self.record is None else max(self.until_ms, self.record.newest_ms + RECORD_MS)

    def in_force(self, time_ms: int) -> bool:
        """Whether it counts for an event of that time."""
        return self.level > CLEAN and self.since_ms <= time_ms < self.until_ms


encode_reputation = msgspec.msgpack.Encoder().encode
decode_reputation = msgspec.msgpack.Decoder(Reputation).decode

Consult = Callable[[str], Reputation | None]

# For how long a finding stands after it was last made. An address changes hands; a terminal is found by its labels,
# which are weeks late.
STANDS_MS: Final[Mapping[SourceType, int]] = {
    "ip": 3 * HOUR,
    "network": 3 * HOUR,
    "device": DAY,
    "merchant": 14 * DAY,
}
# A finding made again is told only once it lengthens the reputation by this part, or moves the share by this much.
TOLD_PART: Final = 8
TOLD_SHARE: Final = 0.1


def standing(
    before: Reputation | None, source: SourceType, rule_id: str, hit: Hit, time_ms: int, share: float = 0.0
) -> Reputation | None:
    """The reputation after a finding about a source, None where what was told before still tells it well enough."""
    level = BAD if hit.severity >= Severity.HIGH else WATCHED
    until_ms = time_ms + STANDS_MS[source]
    since_ms = time_ms
    if before is not None and before.level > CLEAN and time_ms < before.until_ms:
        if level < before.level:
            return None
        since_ms = min(time_ms, before.since_ms)
        if level == before.level:
            longer_ms = until_ms - before.until_ms
            if longer_ms < STANDS_MS[source] // TOLD_PART and abs(share - before.share) < TOLD_SHARE:
                return None
        until_ms = max(until_ms, before.until_ms)
    record = None if before is None else before.record
    return Reputation(level, rule_id, since_ms, until_ms, share, hit.text, record=record)


def cleared(before: Reputation, time_ms: int) -> Reputation:
    """The reputation of a source that was accused wrongly."""
    return Reputation(
        CLEAN, before.rule_id, before.since_ms, time_ms, 0.0, "No longer under suspicion", record=before.record
    )


class Reputations(dict[str, Reputation]):
    """All reputations that a worker knows, by source key: at most `most`. The worst and the latest to lapse stay.
    Change it by `learn`. Every event asks several times: a look-up is the dict's own."""

    def __init__(self, most: int = REPUTATIONS_MAX) -> None:
        super().__init__()
        self._most = most
        # By number, see `core.ring`: most events find that there is none, and need no key.
        self.rings: dict[int, RingRecord] = {}

    def learn(self, key: str, reputation: Reputation | None) -> None:
        """Take in what was published. None, or a level of CLEAN with no record and no ring, forgets the source."""
        if reputation is None or not (reputation.level > CLEAN or reputation.record or reputation.ring):
            self._forget(key)
            return
        self[key] = reputation
        if reputation.ring is not None and (number := number_of(key)) is not None:
            self.rings[number] = reputation.ring
        if len(self) > self._most:
            ranked = sorted(self.items(), key=_worth)
            for known, _ in ranked[: max(1, self._most // 10)]:
                self._forget(known)

    def _forget(self, key: str) -> None:
        gone = self.pop(key, None)
        if gone is not None and gone.ring is not None and (number := number_of(key)) is not None:
            self.rings.pop(number, None)


def _worth(known: tuple[str, Reputation]) -> tuple[int, int]:
    return known[1].level, known[1].lapses_ms


class Consulting(Reputations):
    """Reputations of which somebody else is asked too, such as threat lists; the worse answer counts. What there is
    besides what was learnt is not among its keys."""

    def __init__(self, consult: Consult, most: int = REPUTATIONS_MAX) -> None:
        super().__init__(most)
        self._consult = consult

    def get(self, key: str, default: Any = None) -> Any:
        known = super().get(key, default)
        listed = self._consult(key)
        if listed is None or (isinstance(known, Reputation) and known.level >= listed.level):
            return known
        return listed

    def __getitem__(self, key: str) -> Reputation:
        found: Reputation | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __bool__(self) -> bool:
        return True


def learnt(reputation: Mapping[str, Reputation], key: str) -> Reputation | None:
    """What was learnt of a source here, whatever lists say of it."""
    return Reputations.get(reputation, key) if isinstance(reputation, Consulting) else reputation.get(key)


def rings_of(reputation: Mapping[str, Reputation]) -> Mapping[int, RingRecord]:
    """What is known of rings, by number."""
    if isinstance(reputation, Reputations):
        return reputation.rings
    return {
        number: known.ring
        for key, known in reputation.items()
        if known.ring is not None and (number := number_of(key)) is not None
    }
