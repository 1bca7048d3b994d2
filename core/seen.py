"""What an event was against what was known of its user."""

from typing import Final

from msgspec import Struct

from core.clock import DAY, SECOND
from core.events import Action
from core.state import Place

# What has been the user's for this long is familiar: most takeovers are cashed out or noticed within a day.
FAMILIAR_S: Final = DAY // SECOND
UNKNOWN: Final = -1
PAYMENT_TYPES: Final = frozenset({"transaction", "payout"})


class Seen(Struct, gc=False):
    """What an event was against the state before it.

    late: older than the user's clock; known_s: since the user's first event; gap_ms: since the user's newest
    activity, -1 for a first or late one; new_*: never met before (False where the event doesn't name one);
    *_age_s: since it was first met, 0 if new, -1 if not named; had_*: there was one before, without which "new"
    means little; own: made by the user as far as anybody can tell; outsider: a failed login from none of the
    user's places; usd: rough dollars, 0 for none; usual: what the user pays in this way on average, in rough
    dollars, 0 with too few to compare; ratio: of usd to the typical one, -1 with too few; error: its deviations
    above the mean, both of logarithms, 0 with too few; z: the same, by how many are known (`core.student`);
    theft: 0..1, how likely somebody else paid, where neither device nor network of the user's was ever named;
    unplaced: a payment that names neither device nor network, of a user whose payments do; till: one of a user
    who has either: paid with the card itself, or by the bank; served: names a network and no device, of a user
    with devices: a server that signs in for the user, or a script; kilometres, travel_ms: from last_place, -1
    if either is not known; vpn: either end is behind one; same_ip: as at the last place; same_clock: in the
    time zone that the user's clock told before; strange: from a device (a network, where none is named) less
    than a day old, of a user who was known for a day when it appeared; abroad: in a country first seen less
    than a day ago, of a user known for longer and from elsewhere, and no VPN; session_gap_s: to the session's
    newest event before, session_ended_s: since its logout, -1 where there is none; session_holder,
    session_network, session_country: whether that changed since then, within a day; session_moved: it went on in a
    network that was new to the user; *_mark: see
    `core.state.mark`, 0 where not named.
    """

    late: bool = False
    known_s: int = 0
    own: bool = True
    outsider: bool = False
    gap_ms: int = UNKNOWN
    new_device: bool = False
    new_network: bool = False
    new_country: bool = False
    new_card: bool = False
    new_payee: bool = False
    new_merchant: bool = False
    had_devices: bool = False
    had_networks: bool = False
    had_countries: bool = False
    device_age_s: int = UNKNOWN
    network_age_s: int = UNKNOWN
    payee_age_s: int = UNKNOWN
    usd: float = 0.0
    usual: float = 0.0
    ratio: float = UNKNOWN
    error: float = 0.0
    z: float = 0.0
    theft: float = 0.0
    unplaced: bool = False
    till: bool = False
    served: bool = False
    kilometres: float = UNKNOWN
    travel_ms: int = UNKNOWN
    last_place: Place | None = None
    vpn: bool = False
    same_ip: bool = False
    same_clock: bool = False
    strange: bool = False
    abroad: bool = False
    session_gap_s: int = UNKNOWN
    session_ended_s: int = UNKNOWN
    session_holder: bool = False
    session_network: bool = False
    session_country: bool = False
    session_moved: bool = False
    device_mark: int = 0
    network_mark: int = 0

    @property
    def placed(self) -> bool:
        """The event names a device or a network."""
        return self.device_age_s >= 0 or self.network_age_s >= 0

    @property
    def away(self) -> bool:
        """In a network that has not been the user's for a day, and that is no VPN."""
        return 0 <= self.network_age_s < FAMILIAR_S and not self.vpn

    @property
    def own_device(self) -> bool:
        """The user has long had the device, or the network where none is named."""
        age_s = self.network_age_s if self.device_age_s == UNKNOWN else self.device_age_s
        return age_s >= FAMILIAR_S

    @property
    def at_home(self) -> bool:
        """The user has long had both device and network, or the one of them that the event names."""
        network = self.network_age_s
        return self.own_device and (network == UNKNOWN or network >= FAMILIAR_S)


def is_ordered(action: Action, seen: Seen) -> bool:
    """Whether the bank pays what the user has ordered: nobody was there to be anybody else."""
    return seen.till and action.type == "payout"
