"""What would have kept a rule quiet, all else the same: the counterfactual of a hit.

A rule states it beside its text: what was measured, the limit on whose other side it is quiet, and what that is a
number of. The words are made in one place, and only of what becomes an alert. It is never wrong by promising too
much: where a rule has several ways to fire, all of them are named; where any of several figures would do, the
nearest.
"""

from enum import IntEnum
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from core.clock import SECOND
from core.records import Counterfactual
from core.wording import duration

if TYPE_CHECKING:
    from core.events import Action
    from core.seen import Seen

BEGINS: Final = "Would not have fired "


class Side(IntEnum):
    """Where a rule is quiet. FEWER: of things that are counted, at fewer than the limit. BELOW: under it, not at it;
    AT_MOST: at it, too; AT_LEAST, ABOVE: likewise, on the other side. AFTER: when more time has gone by than the
    limit, in ms. OTHERWISE: it's no figure, and `what` says how."""

    FEWER = 0
    BELOW = 1
    AT_MOST = 2
    AT_LEAST = 3
    ABOVE = 4
    AFTER = 5
    OTHERWISE = 6


class Unless(Struct, frozen=True, gc=False):
    """value: as measured; limit: see `Side`; what: a plural, a unit, or words; window_s: in which it is counted, 0
    for none; also: what else has to be so; money: `what` is a currency, or empty where that is not known; named: it
    is the name of the figure, not its unit."""

    side: Side
    what: str
    value: float = 0.0
    limit: float = 0.0
    window_s: float = 0.0
    also: "Unless | None" = None
    money: bool = False
    named: bool = False


def fewer(value: float, limit: float, what: str, window_s: float = 0.0, also: Unless | None = None) -> Unless:
    """A rule that counts, and fires from `limit` on. what: a plural."""
    return Unless(Side.FEWER, what, value, limit, window_s, also)


def below(value: float, limit: float, what: str, window_s: float = 0.0) -> Unless:
    """A rule that fires from `limit` on."""
    return Unless(Side.BELOW, what, value, limit, window_s)


def at_most(value: float, limit: float, what: str, window_s: float = 0.0) -> Unless:
    """A rule that fires beyond `limit`."""
    return Unless(Side.AT_MOST, what, value, limit, window_s)


def after(value_ms: float, limit_ms: float, what: str) -> Unless:
    """A rule that fires until `limit_ms` after `what`."""
    return Unless(Side.AFTER, what, value_ms, limit_ms)


def otherwise(words: str) -> Unless:
    """words: how it would have had to be, as in "from another country"."""
    return Unless(Side.OTHERWISE, words)


def amount(action: "Action", seen: "Seen", limit_usd: float, *, beyond: bool = False) -> Unless:
    """Of a payment, by a limit in rough dollars, told in its own currency. beyond: it fires only over the limit."""
    paid = action.amount or 0.0
    limit = limit_usd * paid / seen.usd if seen.usd > 0 else limit_usd
    side = Side.AT_MOST if beyond and limit < paid else Side.BELOW
    return Unless(side, action.currency or "", paid, min(limit, paid), money=True)


def joined(first: Unless, *others: Unless) -> Unless:
    """Ways to fire, of which none may be."""
    return replace(first, also=joined(*others)) if others else first


def nearest(*ways: Unless) -> Unless:
    """Of figures that must all be as high as they are, the one that would have had to change least for its size;
    words only where there is no figure."""
    return min(ways, key=_excess)


def counterfactual(unless: Unless) -> Counterfactual:
    """For the record of an alert."""
    text = f"{BEGINS}{_phrase(unless)}"
    if unless.side == Side.OTHERWISE:
        return Counterfactual(text, UNSET, UNSET, UNSET)
    scale = SECOND if unless.side == Side.AFTER else 1
    what = f"seconds after {unless.what}" if unless.side == Side.AFTER else unless.what + _within(unless)
    return Counterfactual(text, what, round(unless.value / scale, 4), round(unless.limit / scale, 4))


def _phrase(unless: Unless) -> str:
    side, what = unless.side, unless.what
    if side == Side.OTHERWISE:
        words = what
    elif side == Side.FEWER:
        words = f"with fewer than {ceil(unless.limit):,} {what}"
    elif side == Side.AFTER:
        words = f"more than {duration(unless.limit)} after {what}"
    elif unless.named:
        words = f"with {what} {_NAMED[side]} {unless.limit:,.10g}"
    elif side == Side.BELOW:
        words = f"below {_figure(unless)}"
    elif side == Side.AT_MOST:
        words = f"at {_figure(unless)} or less"
    elif side == Side.AT_LEAST:
        words = f"at {_figure(unless)} or more"
    else:
        words = f"above {_figure(unless)}"
    words += _within(unless)
    return words if unless.also is None else f"{words} and {_phrase(unless.also).removeprefix('with ')}"


_NAMED: Final = {Side.BELOW: "below", Side.AT_MOST: "at most", Side.AT_LEAST: "at least", Side.ABOVE: "above"}


def _within(unless: Unless) -> str:
    return f" in {duration(unless.window_s * SECOND)}" if unless.window_s else ""


def _figure(unless: Unless) -> str:
    """With its unit. An amount is rounded to where the rule is quiet for certain."""
    limit, what = unless.limit, unless.what
    if unless.money:
        cents = round(limit * 100, 3)
        quiet = floor(cents) if unless.side in (Side.BELOW, Side.AT_MOST) else ceil(cents)
        return f"{quiet / 100:,.2f} {what}".rstrip()
    return f"{limit:,.10g} {what}"


def _excess(unless: Unless) -> float:
    if unless.side == Side.OTHERWISE:
        return inf
    return abs(unless.value - unless.limit) / max(abs(unless.value), abs(unless.limit), 1e-9)
