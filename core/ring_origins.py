"""What a user's newest payments named, for labels that come days or weeks later.

They are bytes, as in `core.receipts`: of each payment the first half of its event's key (4 bytes), a byte that says
which kinds of things follow and which of them had long been the user's, and 2 bytes of the digest of each, by which
it is found among the user's own few. A network that had long been the user's is left out: neighbours and colleagues
are there.
"""

from typing import Final

from core.receipts import KEY_BYTES
from core.ring import CARD, DEVICE, NETWORK, PAYEE
from core.seen import FAMILIAR_S
from core.state import Known, UserState

# Some 14 payments from home.
ORIGINS_BYTES: Final = 130
HINT_BYTES: Final = 2
HINT_MASK: Final = 0xFFFF
KINDS: Final = (DEVICE, NETWORK, CARD, PAYEE)
# The bit of a kind is 1 << kind, and so much higher where the thing had long been the user's.
_OWN_SHIFT: Final = 4
# Things by the kinds byte.
_COUNT: Final = tuple((kinds & 0xF).bit_count() for kinds in range(256))


def keep_origin(
    origins: bytes, key: bytes, device: int, device_s: int, network: int, network_s: int, card: int, card_s: int,
    payee: int, payee_s: int,
) -> bytes:  # fmt: skip
    """The origins with one more; the oldest make room. Of each thing its digest, 0 for none, and its age."""
    kinds, hints = 0, b""
    if device:
        kinds = 1 << DEVICE if device_s < FAMILIAR_S else (1 << DEVICE) | (1 << DEVICE + _OWN_SHIFT)
        hints = (device & HINT_MASK).to_bytes(HINT_BYTES, "big")
    if network and network_s < FAMILIAR_S:
        kinds |= 1 << NETWORK
        hints += (network & HINT_MASK).to_bytes(HINT_BYTES, "big")
    if card:
        kinds |= 1 << CARD if card_s < FAMILIAR_S else (1 << CARD) | (1 << CARD + _OWN_SHIFT)
        hints += (card & HINT_MASK).to_bytes(HINT_BYTES, "big")
    if payee:
        kinds |= 1 << PAYEE if payee_s < FAMILIAR_S else (1 << PAYEE) | (1 << PAYEE + _OWN_SHIFT)
        hints += (payee & HINT_MASK).to_bytes(HINT_BYTES, "big")
    if not kinds:
        return origins
    origins += key[:KEY_BYTES] + kinds.to_bytes(1, "big") + hints
    start = 0
    while len(origins) - start > ORIGINS_BYTES:
        start += _size(origins, start)
    return origins[start:] if start else origins


def _size(origins: bytes, start: int) -> int:
    return KEY_BYTES + 1 + HINT_BYTES * _COUNT[origins[start + KEY_BYTES]]


def find_origin(state: UserState, key: bytes) -> list[tuple[int, int, bool]] | None:
    """What the payment with this event key named, as far as the user still has it: its kind, its digest, and whether
    it had long been the user's. None where the payment is not known (any more)."""
    origins = state.origins
    found = None
    start = 0
    while start < len(origins):
        if origins[start : start + KEY_BYTES] == key[:KEY_BYTES]:
            found = start
        start += _size(origins, start)
    if found is None:
        return None
    kinds, at = origins[found + KEY_BYTES], found + KEY_BYTES + 1
    named = []
    for kind in KINDS:
        if not kinds & 1 << kind:
            continue
        hint = int.from_bytes(origins[at : at + HINT_BYTES], "big")
        at += HINT_BYTES
        own = bool(kinds & 1 << kind + _OWN_SHIFT)
        named += [(kind, item.mark, own) for item in _known(state, kind) if item.mark & HINT_MASK == hint]
    return named


def _known(state: UserState, kind: int) -> list[Known]:
    return (state.devices, state.networks, state.cards, state.payees)[kind]
