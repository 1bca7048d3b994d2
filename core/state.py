"""What is kept of a user: one record, bounded in bytes, packed by `tables.users`.

Rings and sets are ordered and capped; what is over a cap goes, oldest first. Ids of devices, networks, cards, payees
and sessions are kept as digests, so that their length never counts. Only `core.observe` changes facts about events.
"""

from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from typing import Final

from msgspec import Struct, field

from core.alerting import Group
from core.clock import DAY
from core.otp import Otp
from core.respond import LockFacts

VERSION: Final = 6
IDS_KEPT: Final = 256
KEY_BYTES: Final = 8

HITS_MAX: Final = 8
HITS_MS: Final = 2 * DAY
HIT_CHARS_MAX: Final = 32
# Texts up to this length are kept with their digest.
CACHED_CHARS: Final = 160
# What is assumed of how much payments differ, and for how many payments it speaks.
PRIOR_LOG_SD: Final = 0.5
PRIOR_N: Final = 5

Failure = tuple[int, int, int, str, int]
Decline = tuple[int, int, int, int]


class Known(Struct, array_like=True, gc=False):
    """Something that the user has: its digest, and the seconds at which it was first and last seen."""

    mark: int
    first_s: int
    last_s: int


class Session(Struct, array_like=True, gc=False):
    """Whose a session is. holder: of the device; agent: of the user agent; 0 for unknown. All are digests, of 32 bits
    but for the session's own. ended_s: of its newest logout, 0 where none came since a login; moved: it went on in a
    network that was new to the user."""

    mark: int
    holder: int
    network: int
    country: str
    last_s: int
    # Not in records of older releases.
    ended_s: int = 0
    agent: int = 0
    moved: bool = False


class Place(Struct, array_like=True, gc=False):
    """Where the user was last. lat, lon: degrees, None where only the country is known; ip: 32 bits of a digest."""

    time_ms: int
    lat: float | None
    lon: float | None
    country: str
    ip: int
    vpn: bool


class Change(Struct, array_like=True, gc=False):
    """The newest change of a password, a second factor or contact data. familiar: made where the user is at home;
    strange: see `core.seen`."""

    time_ms: int
    type: str
    familiar: bool
    strange: bool


class Amounts(Struct, array_like=True, gc=False):
    """What the user pays, in rough dollars (`core.money`), learnt from untainted payments only.

    n: capped, so that old habits fade; mean: of the sums, each of 10 times the typical at most; log_mean, log_m2:
    Welford's, of their natural logarithms, since sums are skewed; typical: a mean that no single payment moves far;
    largest: ever learnt, in `UserState.amounts` of what was no payout.
    """

    n: int = 0
    mean: float = 0.0
    log_mean: float = 0.0
    log_m2: float = 0.0
    typical: float = 0.0
    largest: float = 0.0

    @property
    def log_sd(self) -> float:
        """Deviation of the logarithms, drawn towards that of most people while little is known."""
        return float(sqrt((self.log_m2 + PRIOR_N * PRIOR_LOG_SD**2) / (self.n + PRIOR_N)))


class Theft(Struct, array_like=True, gc=False):
    """How likely it is that somebody else pays too, 0..1, as of time_ms; counted: payments, older ones fade; large:
    of these the ones of over twice the mean. See `core.theft`."""

    likely: float
    time_ms: int
    counted: float
    large: float


class UserState(Struct, array_like=True, gc=False):
    """A user's memory. `clock_ms` is the newest event time and never goes back; `events` counts every distinct event.

    failures: failed logins as (time_ms, ip, network, country, strange), digests of 32 bits, strange 1 where
    neither device nor network is the user's; denials: failed second factors; paid: times of payments; money:
    their rough dollars; declines: (time_ms, card, merchant, small), digests of 32 bits; odd: payments of several
    times the typical; tall: payments and deposits just under a reporting threshold; round: large round amounts to
    new payees; views: page views; probes: the newest of each sensitive path as (time_ms, digest); receipts,
    origins: of the newest payments, for labels that come later, see `core.receipts`, `core.ring_origins`; hours:
    events by hour of the day, halved when one is full; sent: as amounts, of payouts alone; unplaced: payments
    that named neither device nor network; active_ms: the newest event that the user made (a failed login is
    anybody's); woke_ms, idle_ms: the end and the length of the newest long silence; countries: to the second at
    which each was first seen, the one visited last at the end; groups, lock: see `core.alerting`, `core.respond`;
    hits: rule to its newest hit; custom: see `core.rules.tally`; suspicion: 0..1, what rules said of the user's
    last hours, as of suspicion_ms: see `core.suspicion`; alarm_ms: the newest CRITICAL hit or dispute;
    culprit_device, culprit_session, culprit_network: where the loudest of the alarms came from, digests of 32
    bits, 0 for unknown; asked_ms: the newest command; otp: see `core.otp`; answers: to the newest commands, see
    `core.outcomes`; challenged: (time_ms, event id) of the user's own newest events that were challenged; theft:
    of who never named a device or a network; clock_zone: the time zone that the user's newest clock told, a
    digest of 32 bits, 0 for none.
    """

    version: int = VERSION
    clock_ms: int = 0
    first_ms: int = 0
    events: int = 0
    ids: bytes = b""
    active_ms: int = 0
    woke_ms: int = 0
    idle_ms: int = 0
    signup_ms: int = 0
    tainted_until_ms: int = 0
    otp_ok_ms: int = 0
    lock_version: int = 0
    lock: LockFacts | None = None
    place: Place | None = None
    change: Change | None = None
    amounts: Amounts = field(default_factory=Amounts)
    hours: bytearray = field(default_factory=lambda: bytearray(24))
    devices: list[Known] = field(default_factory=list)
    networks: list[Known] = field(default_factory=list)
    cards: list[Known] = field(default_factory=list)
    payees: list[Known] = field(default_factory=list)
    merchants: list[int] = field(default_factory=list)
    countries: dict[str, int] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    denials: list[int] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)
    money: list[tuple[int, float]] = field(default_factory=list)
    deposits: list[tuple[int, float]] = field(default_factory=list)
    declines: list[Decline] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)
    tall: list[int] = field(default_factory=list)
    round: list[int] = field(default_factory=list)
    views: list[int] = field(default_factory=list)
    probes: list[tuple[int, int]] = field(default_factory=list)
    receipts: bytes = b""
    hits: dict[str, int] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    custom: dict[str, list[tuple[int, int, float]]] = field(default_factory=dict)
    # Since version 2.
    alarm_ms: int = 0
    asked_ms: int = 0
    otp: Otp | None = None
    answers: bytes = b""
    challenged: list[tuple[int, str]] = field(default_factory=list)
    suspicion: float = 0.0
    suspicion_ms: int = 0
    # Since version 3.
    sent: Amounts = field(default_factory=Amounts)
    unplaced: int = 0
    culprit_device: int = 0
    culprit_session: int = 0
    culprit_network: int = 0
    # Since version 5.
    origins: bytes = b""
    # Since version 6.
    theft: Theft | None = None
    clock_zone: int = 0


def mark(text: str) -> int:
    """63 bits of a digest of `text`, the same in every process. 0 is never an answer: it stands for nothing."""
    return _cached_digest(text) if len(text) <= CACHED_CHARS else _digest(text)


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1 or 1


_cached_digest = lru_cache(maxsize=65_536)(_digest)


def short(full_mark: int) -> int:
    """The 32 bits of a mark that are enough to tell a few dozen apart."""
    return full_mark & 0xFFFFFFFF


def find(known: list[Known], full_mark: int) -> Known | None:
    """The one with that mark."""
    for item in known:
        if item.mark == full_mark:
            return item
    return None


def meet(known: list[Known], full_mark: int, time_s: int, most: int, own: bool) -> int:
    """The age in seconds of one of the user's things, at least 1; 0 if it is new. Unless the event is somebody
    else's, it is now known; the one not met for longest makes room."""
    item = find(known, full_mark)
    if item is None:
        if own:
            if len(known) >= most:
                known.remove(min(known, key=last_s))
            known.append(Known(full_mark, time_s, time_s))
        return 0
    age_s = time_s - item.first_s
    if own:
        if age_s < 0:
            item.first_s = time_s
        elif time_s > item.last_s:
            item.last_s = time_s
    return age_s if age_s > 0 else 1


def last_s(item: Known | Session) -> int:
    """By which the one not met for longest is found."""
    return item.last_s


def is_repeat(state: UserState, key: bytes) -> bool:
    """Whether the event with this key is among the user's last `IDS_KEPT`."""
    ids = state.ids
    at = ids.find(key)
    while at > 0 and at % KEY_BYTES:
        at = ids.find(key, at + 1)
    return at >= 0


def remember(state: UserState, key: bytes) -> None:
    """Count a distinct event and know it again. `core.observe` calls it; call it for an event that isn't observed."""
    state.events += 1
    ids = state.ids + key
    state.ids = ids if len(ids) <= IDS_KEPT * KEY_BYTES else ids[KEY_BYTES:]


def record_hit(state: UserState, rule_id: str, time_ms: int) -> None:
    """Remember that a rule spoke, for rules that add up what others say. Call it for each live hit as it is found,
    so that the rules that come after it see it."""
    hits = state.hits
    rule_id = rule_id[:HIT_CHARS_MAX]
    if hits.get(rule_id, -1) >= time_ms:
        return
    hits[rule_id] = time_ms
    oldest = min(hits, key=hits.__getitem__)
    while len(hits) > HITS_MAX or hits[oldest] < state.clock_ms - HITS_MS:
        del hits[oldest]
        if not hits:
            return
        oldest = min(hits, key=hits.__getitem__)
