"""Rings: users tied to a confirmed fraud by what they share: devices, cards, payees, networks.

A ring grows from a fraud outwards and is never more than that fraud's near surroundings. What the fraudulent payment
named is tied at distance 1. A user whose event touches a tied thing is a member, and ties what else is the user's at
distance 2, and so on up to `HOPS_MOST`. Each tied thing keeps the nearest ties and, from then on, who touched it;
nothing is kept of things that no fraud is near. A thing that many people touch (an office, a carrier, a utility) is
no tie, a fraud whose ring has `MEMBERS_MOST` members grows no further, and all of it is over `TIE_MS` after the fraud
was confirmed, or when it turns out to have been none.
"""

from typing import Final

from msgspec import Struct

from core.clock import DAY, HOUR
from core.state import mark, short

DEVICE: Final = 0
NETWORK: Final = 1
CARD: Final = 2
PAYEE: Final = 3
EVENT: Final = 4
NAMES: Final = ("device", "network", "card", "payee", "event")
# What a source key of a ring begins with: "tie:device:1f3a", a digest of the id in hexadecimal; "tie:event:9b" is the
# fraud itself.
PREFIX: Final = "tie:"
MARK_BITS: Final = 63

TIE_MS: Final = 30 * DAY
HOPS_MOST: Final = 3
# Who is tied to a thing beyond these has nothing in common but the thing.
USERS_MOST: Final = 16
MEMBERS_MOST: Final = 64
TIES_MOST: Final = 4
# A thing is watched for this long before it passes ties on: what everybody uses has shown it by then.
WATCH_MS: Final = 6 * HOUR
# Ids are for people to read, so that no record is large; they are told apart by their digests.
ID_CHARS_MAX: Final = 40
RING_MAX_BYTES: Final = 5 * 1024

OPEN: Final = 0
# Of a thing: too many users. Of a fraud: too many members.
FULL: Final = 1
# Of a fraud: it was none.
TAKEN_BACK: Final = 2


class Hop(Struct, array_like=True, frozen=True, gc=False):
    """A user on the way, and what that user shares with the one before. kind: of the thing, see `NAMES`."""

    kind: int
    thing: str
    user: str
    user_mark: int


class Tie(Struct, array_like=True, frozen=True, gc=False):
    """That a thing leads to a confirmed fraud.

    user, user_mark: whose it was; event: digest of its id; since_ms: when it was confirmed; own: what the fraud named
    had long been the user's, as where a thief works by remote control, so that it is rather the victim's than the
    thief's; via: who is between that user and the thing, the nearest to the fraud first.
    """

    user: str
    user_mark: int
    event: int
    since_ms: int
    own: bool = False
    via: tuple[Hop, ...] = ()

    @property
    def distance(self) -> int:
        """1 to `HOPS_MOST`: from the confirmed user to who touches the thing."""
        return len(self.via) + 1

    def in_force(self, time_ms: int) -> bool:
        """Whether it counts for an event of that time."""
        return self.since_ms <= time_ms < self.since_ms + TIE_MS

    def leads_through(self, user_mark: int) -> bool:
        """Whether that user is on the way."""
        return self.user_mark == user_mark or any(hop.user_mark == user_mark for hop in self.via)


class RingRecord(Struct, array_like=True, frozen=True, gc=False):
    """What a tied thing, or a confirmed fraud, tells of its ring.

    since_ms: since when it is watched; ties: of a thing, the best first, at most `TIES_MOST`, one of each confirmed
    user; met: 32-bit digests of the users who touched it since, in order; closed: see `FULL`, `TAKEN_BACK`;
    said_ms: when the newest label of a fraud was given.
    """

    since_ms: int
    ties: tuple[Tie, ...] = ()
    met: tuple[int, ...] = ()
    closed: int = OPEN
    said_ms: int = 0

    @property
    def until_ms(self) -> int:
        """From when on nothing of it counts for any event."""
        newest_ms = max((tie.since_ms for tie in self.ties), default=self.since_ms)
        return max(newest_ms, self.said_ms) + TIE_MS


def rank(tie: Tie) -> tuple[object, ...]:
    """By which ties are ordered, the best first: the nearest, what is not the victim's own, the newest. The order is
    total, so that which ones are kept does not depend on how they came."""
    via = tuple((hop.user_mark, hop.kind, hop.thing, hop.user) for hop in tie.via)
    return len(via), tie.own, -tie.since_ms, tie.user_mark, tie.event, via, tie.user


def clipped(text: str) -> str:
    return text if len(text) <= ID_CHARS_MAX else f"{text[: ID_CHARS_MAX - 1]}…"


def user_mark(user_id: str) -> int:
    return short(mark(user_id))


def number(kind: int, full_mark: int) -> int:
    """A thing or a fraud as one number, by which its ring is looked up."""
    return kind << MARK_BITS | full_mark


def key_of(kind: int, full_mark: int) -> str:
    """Its source key."""
    return f"{PREFIX}{NAMES[kind]}:{full_mark:x}"


def number_of(key: str) -> int | None:
    """The number of a source key, None for a key of no ring."""
    name, _, digits = key.removeprefix(PREFIX).partition(":")
    if not key.startswith(PREFIX) or name not in NAMES:
        return None
    try:
        return number(NAMES.index(name), int(digits, 16))
    except ValueError:
        return None
