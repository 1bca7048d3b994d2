"""What rings say of an event: the ties of what it names, what they weigh, the way to the fraud in words, and whom to
tell.

A failed login or second factor is anybody's: it is judged by its ties and passes none on. Who comes from a strange
device may be a victim: then only what the event names is tied, and not what else is the user's.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from core.events import Action
from core.ring import (
    CARD,
    DEVICE,
    EVENT,
    HOPS_MOST,
    NAMES,
    NETWORK,
    OPEN,
    PAYEE,
    TAKEN_BACK,
    TIE_MS,
    TIES_MOST,
    WATCH_MS,
    Hop,
    RingRecord,
    Tie,
    clipped,
    key_of,
    number,
    rank,
    user_mark,
)
from core.seen import Seen
from core.signal import MET, TIE, Out, Signal
from core.state import UserState, last_s, mark
from core.wording import duration

# What a fresh tie at distance 1 adds to the risk, by its kind, and at most all of them together: below a challenge.
WEIGHTS: Final = {DEVICE: 0.5, CARD: 0.5, PAYEE: 0.5, NETWORK: 0.15}
WEIGHT_MOST: Final = 0.6
# With each hop, and where the thing had long been the defrauded user's own.
HOP_SHARE: Final = 0.5
OWN_SHARE: Final = 0.3
# So many of a member's own things are tied, those used last.
TOLD_MOST: Final = 8
# What passes a tie on. Who shares a network shares nothing else.
PASSES: Final = frozenset({DEVICE, CARD, PAYEE})

Rings = Mapping[int, RingRecord]
Thing = tuple[int, int, str]


class Membership(Struct, frozen=True):
    """How an event is tied. touched: things with what they tell and their ties that count for this event."""

    touched: tuple[tuple[Thing, RingRecord, tuple[Tie, ...]], ...]

    def best(self) -> list[tuple[Thing, Tie]]:
        """The best tie to each confirmed user with the thing that it is by, the best first."""
        ranked = sorted(((rank(tie), thing, tie) for thing, _, ties in self.touched for tie in ties), key=_first)
        users: dict[int, tuple[Thing, Tie]] = {}
        for _, thing, tie in ranked:
            users.setdefault(tie.user_mark, (thing, tie))
        return list(users.values())

    @property
    def accusers(self) -> int:
        """How many confirmed users lead here directly, by what was not the victim's own nor a network alone."""
        return sum(tie.distance == 1 and not tie.own and kind in PASSES for (kind, _, _), tie in self.best())

    def weight(self, time_ms: int) -> float:
        """0..1, what it adds to the risk: less with each hop and with the days, more with each confirmed user."""
        clear = 1.0
        for (kind, _, _), tie in self.best():
            fresh = 1.0 - (time_ms - tie.since_ms) / TIE_MS
            share = OWN_SHARE if tie.own else 1.0
            clear *= 1.0 - WEIGHTS[kind] * share * HOP_SHARE ** (tie.distance - 1) * fresh
        return min(WEIGHT_MOST, 1.0 - clear)

    def path(self, time_ms: int) -> str:
        """The way to the nearest fraud, in words."""
        (kind, _, name), tie = (best := self.best())[0]
        shared = [(NAMES[kind], clipped(name)), *((NAMES[hop.kind], hop.thing) for hop in reversed(tie.via))]
        users = [*(hop.user for hop in reversed(tie.via)), tie.user]
        steps = [f"shares {kind} {thing} with {user}" for (kind, thing), user in zip(shared, users, strict=True)]
        more = f"; and ties to {len(best) - 1} more" if len(best) > 1 else ""
        way = ", who ".join(steps).removeprefix("s")
        return f"S{way}, whose fraud was confirmed {duration(time_ms - tie.since_ms)} ago{more}"


def membership(action: Action, seen: Seen, rings: Rings) -> Membership | None:
    """How an event is tied, None where it is not. Nobody is tied by fraud of their own, nor by way of themselves."""
    touched = []
    me = 0
    for thing in _named(action, seen):
        ring = rings.get(number(thing[0], thing[1]))
        if ring is None or not ring.ties:
            continue
        me = me or user_mark(action.user_id)
        ties = tuple(tie for tie in ring.ties if _counts(tie, me, action.time_ms, rings))
        if ties:
            touched.append((thing, ring, ties))
    return Membership(tuple(touched)) if touched else None


def _counts(tie: Tie, me: int, time_ms: int, rings: Rings) -> bool:
    if not tie.in_force(time_ms) or tie.leads_through(me):
        return False
    fraud = rings.get(number(EVENT, tie.event))
    return fraud is None or fraud.closed != TAKEN_BACK


def _named(action: Action, seen: Seen) -> Iterator[Thing]:
    if action.device_id is not None:
        yield DEVICE, mark(action.device_id), action.device_id
    if action.network is not None:
        yield NETWORK, seen.network_mark, action.network
    if action.card_id is not None:
        yield CARD, mark(action.card_id), action.card_id
    if action.payee_id is not None:
        yield PAYEE, mark(action.payee_id), action.payee_id


def tell_on(found: Membership, action: Action, state: UserState, seen: Seen, rings: Rings, out: Out) -> None:
    """Tell the touched things who came, and tie what else the event or the user has."""
    if not seen.own:
        return
    me, time_ms = user_mark(action.user_id), action.time_ms
    others: list[tuple[int, int]] | None = None
    frauds: set[int] = set()
    for (kind, full_mark, name), ring, ties in found.touched:
        if me not in ring.met:
            _tell(out, key_of(kind, full_mark), MET, action)
            frauds.update(tie.event for tie in ties)
        if kind not in PASSES or time_ms < ring.since_ms + WATCH_MS:
            continue
        for tie in ties:
            fraud = rings.get(number(EVENT, tie.event))
            if tie.distance >= HOPS_MOST or (fraud is not None and fraud.closed != OPEN):
                continue
            if others is None:
                others = _others(action, state, seen)
            further = replace(tie, via=(*tie.via, Hop(kind, clipped(name), clipped(action.user_id), me)))
            for other in others:
                if other != (kind, full_mark) and _is_news(further, rings.get(number(*other))):
                    _tell(out, key_of(*other), TIE, action, further)
    for event in sorted(frauds):
        _tell(out, key_of(EVENT, event), MET, action)


def _others(action: Action, state: UserState, seen: Seen) -> list[tuple[int, int]]:
    """What an event can tie: what it names and, where it is surely the user's own doing, what the user has."""
    others = {(kind, full_mark): 0 for kind, full_mark, _ in _named(action, seen) if kind in PASSES}
    if not seen.strange:
        kept = [
            *((DEVICE, item) for item in state.devices),
            *((CARD, item) for item in state.cards),
            *((PAYEE, item) for item in state.payees),
        ]
        kept.sort(key=lambda entry: (-last_s(entry[1]), entry[0], entry[1].mark))
        others |= {(kind, item.mark): 0 for kind, item in kept[:TOLD_MOST]}
    return list(others)


def _is_news(tie: Tie, ring: RingRecord | None) -> bool:
    """Whether a thing would keep the tie, as far as is known here."""
    if ring is None:
        return True
    if ring.closed != OPEN:
        return False
    if any(known.user_mark == tie.user_mark and rank(known) <= rank(tie) for known in ring.ties):
        return False
    return len(ring.ties) < TIES_MOST or rank(tie) < rank(ring.ties[-1])


def _tell(out: Out, key: str, kind: str, action: Action, tie: Tie | None = None) -> None:
    signal = Signal(kind, action.time_ms, action.user_id, action.event_id, tie=tie)
    out.setdefault(key, []).append(signal)


def _first(entry: tuple[tuple[object, ...], Thing, Tie]) -> tuple[object, ...]:
    return entry[0]
