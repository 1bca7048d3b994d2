"""A user's state as bytes: packed msgpack, an array whose first item is the version of its shape.

A record of an older version is upgraded as it is read. One of a newer version was written by a newer Argus; reading
it as something else would lose what it says, so that is an error.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from core.bounds import RECEIPTS_BYTES
from core.receipts import keep_receipt
from core.state import VERSION, UserState
from tables.versions import NewerVersion, Unreadable

USER_MAX_BYTES: Final = 8 * 1024


def _from_0(items: list[Any]) -> list[Any]:
    """Version 0 had no countries' first sight: they were a plain list of codes, all as old as the user."""
    countries = items[_COUNTRIES]
    items[_COUNTRIES] = dict.fromkeys(countries, items[_FIRST_MS] // 1000)
    return items


def _from_1(items: list[Any]) -> list[Any]:
    """Version 1 knew no commands. What was added for them stands at the end, and begins with its defaults."""
    return items


def _from_2(items: list[Any]) -> list[Any]:
    """Version 2 told payouts and payments not apart, nor where an alarm came from. It stands at the end."""
    return items


def _from_3(items: list[Any]) -> list[Any]:
    """Version 3 kept the newest payments as a list of time, event key and merchant."""
    receipts = b""
    for time_s, key, merchant in items[_RECEIPTS]:
        receipts = keep_receipt(receipts, time_s, key, merchant, RECEIPTS_BYTES)
    items[_RECEIPTS] = receipts
    return items


def _from_4(items: list[Any]) -> list[Any]:
    """Version 4 did not keep what the newest payments named. It stands at the end."""
    return items


def _from_5(items: list[Any]) -> list[Any]:
    """Version 5 kept neither what sums alone say of a thief nor clocks. They stand at the end."""
    return items


_COUNTRIES: Final = UserState.__struct_fields__.index("countries")
_FIRST_MS: Final = UserState.__struct_fields__.index("first_ms")
_RECEIPTS: Final = UserState.__struct_fields__.index("receipts")
# From a version to the next, on the bare list of items (the version is the first).
UPGRADES: Final[Mapping[int, Callable[[list[Any]], list[Any]]]] = {
    0: _from_0,
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
}

_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(UserState).decode
_decode_bare = msgspec.msgpack.Decoder(list[Any]).decode
# An array of 16 to 65,535 items, its length, and a version below 128.
_HEAD: Final = bytes([0xDC, *len(UserState.__struct_fields__).to_bytes(2, "big"), VERSION])


def encode_user(state: UserState) -> bytes:
    """The state in the newest shape, at most `USER_MAX_BYTES`."""
    raw = _encoder.encode(state)
    return raw if len(raw) <= USER_MAX_BYTES else _encoder.encode(_shed(state, len(raw)))


def _shed(state: UserState, size: int) -> UserState:
    """Give up what costs least to lose, until the rest fits. First ids of events that an alert's update would have
    told, the longest ones first. Should that not do, the groups that were quiet for longest: their next hit is a new
    alert then. It takes every ring full, many rules of the user's own with long names, and a storm of hostile ids."""
    groups = state.groups
    waiting = sorted(groups.values(), key=lambda group: sum(map(len, group.pending)))
    while size > USER_MAX_BYTES and waiting and waiting[-1].pending:
        group = waiting.pop()
        size -= sum(len(event_id.encode()) for event_id in group.pending)
        group.pending = []
    while groups and len(_encoder.encode(state)) > USER_MAX_BYTES:
        del groups[min(groups, key=lambda key: groups[key].last_ms)]
    return state


def decode_user(raw: bytes) -> UserState:
    """The state in `raw`, upgraded if it is older. Raises `NewerVersion`, and `Unreadable` for anything else."""
    try:
        if raw.startswith(_HEAD):
            return _decode(raw)
        return _upgraded(raw)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, RecursionError) as error:
        # An older version's shape is looked into before it is checked.
        raise Unreadable(f"not a user's state: {error}") from error


def _upgraded(raw: bytes) -> UserState:
    items = _decode_bare(raw)
    version = items[0] if items else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise Unreadable("a user's state begins with its version")
    if version > VERSION:
        raise NewerVersion("a user's state", version, VERSION)
    while version < VERSION:
        items = UPGRADES[version](items)
        version += 1
        items[0] = version
    return msgspec.convert(items, UserState)
