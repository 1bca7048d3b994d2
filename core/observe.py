"""Placing an event in its user's memory, and telling what was notable about it.

Order of arrival matters as little as it can: rings take a late event where it belongs, "first seen" only moves back,
"last" facts (the clock, the place, the newest change) only move forward. A failed login or second factor is anybody's:
it adds to no set of what the user has, and moves no fact about where the user is.
"""

from typing import Final

from msgspec import Struct

from core import state as bounds
from core.clock import DAY, HOUR, SECOND
from core.events import Action
from core.geodesy import country_gap_km, distance_km
from core.money import rough_dollars
from core.paths import is_sensitive
from core.state import Change, Known, Place, Session, UserState, find, mark, remember, short
from core.windows import insert, insert_entry, insert_money

# What has been the user's for this long is familiar: most takeovers are cashed out or noticed within a day.
FAMILIAR_S: Final = DAY // SECOND
# A silence that is worth remembering once it ends.
IDLE_MS: Final = 30 * DAY
# A payment of this many times the typical is odd, once there are some to compare it with.
ODD_RATIO: Final = 3.0
ODD_AFTER: Final = 5
# Rough dollars: a decline up to SMALL looks like a card being tried.
SMALL_USD: Final = 10.0
JUST_UNDER_USD: Final = (8_000.0, 10_000.0)
ROUND_USD: Final = 1_000.0
AMOUNTS_REMEMBERED: Final = 200
TYPICAL_SHARE: Final = 0.1
TYPICAL_REACH: Final = 3.0
HOUR_MAX: Final = 127
CONTACT_FIELDS: Final = frozenset({"email", "mail", "phone", "mobile", "telephone", "address", "recovery", "payout"})
UNKNOWN: Final = -1
PAYMENT_TYPES: Final = frozenset({"transaction", "payout"})


class Seen(Struct, gc=False):
    """What an event was against the state before it.

    late: older than the user's clock; gap_ms: since the user's newest activity, -1 for a first or late one;
    new_*: never met before (False where the event doesn't name one); *_age_s: since it was first met, 0 if new, -1 if
    not named; had_*: there was one before, without which "new" means little; own: made by the user as far as anybody
    can tell; usd: rough dollars, 0 for none; ratio: of usd to the typical payment, -1 with too few to compare; z: by
    mean and deviation, 0 with too few; kilometres, travel_ms: from the last place, -1 if either is not known, counting
    only what borders and errors cannot explain; vpn: either end is behind one; same_ip: as at the last place;
    session_*: what changed within the session.
    """

    late: bool = False
    own: bool = True
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
    ratio: float = UNKNOWN
    z: float = 0.0
    kilometres: float = UNKNOWN
    travel_ms: int = UNKNOWN
    vpn: bool = False
    same_ip: bool = False
    session_holder: bool = False
    session_network: bool = False
    session_country: bool = False
    network_mark: int = 0

    @property
    def at_home(self) -> bool:
        """The user has long had both device and network, or the one of them that the event names."""
        device, network = self.device_age_s, self.network_age_s
        if device == UNKNOWN:
            return network >= FAMILIAR_S
        return device >= FAMILIAR_S and (network == UNKNOWN or network >= FAMILIAR_S)


def observe(state: UserState, action: Action) -> Seen:
    """Put an event that is neither a repeat nor too late into the state. Answers what it was against what was known."""
    time_ms = action.time_ms
    time_s = time_ms // SECOND
    type_ = action.type
    seen = Seen()
    if not state.events:
        state.first_ms = state.clock_ms = time_ms
    remember(state, action.key)
    if time_ms < state.first_ms:
        state.first_ms = time_ms
    if time_ms < state.clock_ms:
        seen.late = True
    else:
        state.clock_ms = time_ms
    seen.own = own = not (action.failed and (type_ == "login" or type_ == "otp"))
    _whose(state, action, seen, time_s)
    if own:
        _activity(state, seen, time_ms)
        if type_ != "otp" and (action.country is not None or action.lat is not None):
            _travel(state, action, seen)
        if action.session_id is not None:
            _session(state, action, seen, time_s)
        if type_ in PAYMENT_TYPES:
            _payment(state, action, seen)
        elif type_ == "page_view":
            _view(state, action)
        elif type_ == "deposit":
            _deposit(state, action, seen)
        elif type_ == "otp":
            state.otp_ok_ms = max(state.otp_ok_ms, time_ms)
        elif type_ == "signup":
            state.signup_ms = state.signup_ms or time_ms
        elif not action.failed:
            _change(state, action, seen)
    elif type_ == "login":
        strange = not (
            (action.device_id is not None and not seen.new_device)
            or (action.network is not None and not seen.new_network)
        )
        ip = short(mark(action.ip)) if action.ip is not None else 0
        entry = (time_ms, ip, short(seen.network_mark), action.country or "", int(strange))
        since_ms = state.clock_ms - bounds.FAILURES_MS
        insert_entry(state.failures, entry, bounds.FAILURES_MAX, since_ms)
    else:
        insert(state.denials, time_ms, bounds.DENIALS_MAX, state.clock_ms - bounds.DENIALS_MS)
    return seen


def learn_user(state: UserState, action: Action, seen: Seen) -> None:
    """Let an event that nobody objects to shape what is usual for the user. Call it after all checks of the event."""
    if not seen.own:
        return
    hours = state.hours
    hour = action.time_ms // HOUR % 24
    hours[hour] += 1
    if hours[hour] >= HOUR_MAX:
        for at, count in enumerate(hours):
            hours[at] = count // 2
    usd = seen.usd
    if usd <= 0 or action.failed or action.type not in PAYMENT_TYPES:
        return
    amounts = state.amounts
    if amounts.n >= AMOUNTS_REMEMBERED:
        amounts.m2 *= (AMOUNTS_REMEMBERED - 2) / (AMOUNTS_REMEMBERED - 1)
    else:
        amounts.n += 1
    delta = usd - amounts.mean
    amounts.mean += delta / amounts.n
    amounts.m2 += delta * (usd - amounts.mean)
    share = max(TYPICAL_SHARE, 1 / amounts.n)
    reach = usd if amounts.n <= 2 else min(usd, TYPICAL_REACH * amounts.typical)
    amounts.typical += share * (reach - amounts.typical)
    if usd > amounts.largest:
        amounts.largest = usd


def _whose(state: UserState, action: Action, seen: Seen, time_s: int) -> None:
    """Device, network and country: whether the user had them, and now has."""
    own = seen.own
    if action.device_id is not None:
        seen.had_devices = bool(state.devices)
        seen.device_age_s = _meet(state.devices, mark(action.device_id), time_s, bounds.DEVICES_MAX, own)
        seen.new_device = seen.device_age_s == 0
    if action.network is not None:
        seen.had_networks = bool(state.networks)
        seen.network_mark = network = mark(action.network)
        seen.network_age_s = _meet(state.networks, network, time_s, bounds.NETWORKS_MAX, own)
        seen.new_network = seen.network_age_s == 0
    country = action.country
    if country is not None:
        countries = state.countries
        if country not in countries:
            seen.had_countries = bool(countries)
            seen.new_country = True
            if own:
                countries[country] = time_s
                if len(countries) > bounds.COUNTRIES_MAX:
                    del countries[min(countries, key=countries.__getitem__)]
        else:
            seen.had_countries = True


def _meet(known: list[Known], full_mark: int, time_s: int, most: int, own: bool) -> int:
    """The age in seconds of one of the user's things, at least 1; 0 if it is new. Unless the event is somebody
    else's, it is now known; the one not met for longest makes room."""
    item = find(known, full_mark)
    if item is None:
        if own:
            if len(known) >= most:
                known.remove(min(known, key=_last_s))
            known.append(Known(full_mark, time_s, time_s))
        return 0
    age_s = time_s - item.first_s
    if own:
        if age_s < 0:
            item.first_s = time_s
        elif time_s > item.last_s:
            item.last_s = time_s
    return age_s if age_s > 0 else 1


def _last_s(item: Known | Session) -> int:
    return item.last_s


def _activity(state: UserState, seen: Seen, time_ms: int) -> None:
    gap_ms = time_ms - state.active_ms
    if not state.active_ms:
        state.active_ms = time_ms
    elif gap_ms >= 0:
        seen.gap_ms = gap_ms
        if gap_ms >= IDLE_MS:
            state.woke_ms, state.idle_ms = time_ms, gap_ms
        state.active_ms = time_ms


def _travel(state: UserState, action: Action, seen: Seen) -> None:
    """How far it is from the last place, and the newest place."""
    place = state.place
    ip = mark(action.ip) if action.ip is not None else 0
    country = action.country or ""
    if place is not None:
        seen.same_ip = ip == place.ip != 0
        if not seen.same_ip:
            seen.travel_ms = abs(action.time_ms - place.time_ms)
            seen.vpn = action.vpn or place.vpn
            if action.lat is not None and action.lon is not None and place.lat is not None and place.lon is not None:
                if action.lat == place.lat and action.lon == place.lon:
                    seen.kilometres = 0.0
                else:
                    seen.kilometres = distance_km(action.lat, action.lon, place.lat, place.lon)
            elif country and place.country:
                seen.kilometres = country_gap_km(country, place.country)
        if action.time_ms < place.time_ms:
            return
        if seen.same_ip and country == place.country and action.lat == place.lat and action.lon == place.lon:
            place.time_ms = action.time_ms
            return
    state.place = Place(action.time_ms, action.lat, action.lon, country, ip, seen.network_mark, action.vpn)


def _session(state: UserState, action: Action, seen: Seen, time_s: int) -> None:
    session_mark = mark(action.session_id or "")
    holder_text = action.device_id or action.user_agent
    holder = mark(holder_text) if holder_text is not None else 0
    network, country = seen.network_mark, action.country or ""
    for session in state.sessions:
        if session.mark != session_mark:
            continue
        if abs(time_s - session.last_s) <= FAMILIAR_S:
            seen.session_holder = holder != session.holder and holder != 0 != session.holder
            seen.session_network = network != session.network and network != 0 != session.network
            seen.session_country = country != session.country and "" not in (country, session.country)
        if time_s >= session.last_s:
            session.last_s = time_s
            session.holder = holder or session.holder
            session.network = network or session.network
            session.country = country or session.country
        return
    sessions = state.sessions
    sessions.append(Session(session_mark, holder, network, country, time_s))
    if len(sessions) > 1:
        since_s = state.clock_ms // SECOND - 2 * FAMILIAR_S
        kept = [session for session in sessions if session.last_s >= since_s]
        if len(kept) > bounds.SESSIONS_MAX:
            kept.remove(min(kept, key=_last_s))
        state.sessions = kept


def _payment(state: UserState, action: Action, seen: Seen) -> None:
    time_ms, clock_ms = action.time_ms, state.clock_ms
    time_s = time_ms // SECOND
    if action.payee_id is not None:
        seen.payee_age_s = _meet(state.payees, mark(action.payee_id), time_s, bounds.PAYEES_MAX, not action.failed)
        seen.new_payee = seen.payee_age_s == 0
    card = merchant = 0
    if action.card_id is not None:
        card = mark(action.card_id)
        seen.new_card = _meet(state.cards, card, time_s, bounds.CARDS_MAX, True) == 0
    merchant_text = ""
    if action.merchant_id is not None:
        merchant = mark(action.merchant_id)
        seen.new_merchant = _meet_merchant(state.merchants, merchant)
        merchant_text = action.merchant_id
    payments = state.payments
    if len(merchant_text) * 4 > bounds.PAYMENTS_TEXT_BYTES:
        merchant_text = ""
    payments.append((time_s, action.key, merchant_text))
    if len(payments) > bounds.PAYMENTS_MAX:
        del payments[0]
    if len(merchant_text) > 12:
        _shorten(payments)
    insert(state.paid, time_ms, bounds.PAID_MAX, clock_ms - bounds.PAID_MS)
    amount = action.amount
    seen.usd = usd = 0.0 if amount is None else rough_dollars(amount, action.currency)
    if action.failed:
        entry = (time_ms, short(card), short(merchant), int(usd <= SMALL_USD))
        insert_entry(state.declines, entry, bounds.DECLINES_MAX, clock_ms - bounds.DECLINES_MS)
    if usd <= 0:
        return
    amounts = state.amounts
    if amounts.n >= ODD_AFTER:
        seen.ratio = usd / amounts.typical
        sd = amounts.sd
        seen.z = (usd - amounts.mean) / max(sd, 0.1 * amounts.mean)
        if seen.ratio >= ODD_RATIO:
            insert(state.odd, time_ms, bounds.ODD_MAX, clock_ms - bounds.ODD_MS)
    if not action.failed:
        insert_money(state.money, time_ms, usd, bounds.MONEY_MAX, clock_ms - bounds.MONEY_MS)
        if usd >= ROUND_USD:
            _reportable(state, action, usd)
            amount = action.amount or 0.0
            if amount % ROUND_USD == 0 and seen.payee_age_s < FAMILIAR_S:
                insert(state.round, time_ms, bounds.ROUND_MAX, clock_ms - bounds.ROUND_MS)


def _meet_merchant(merchants: list[int], merchant: int) -> bool:
    if merchant in merchants:
        if merchants[-1] != merchant:
            merchants.remove(merchant)
            merchants.append(merchant)
        return False
    merchants.append(merchant)
    if len(merchants) > bounds.MERCHANTS_MAX:
        del merchants[0]
    return True


def _shorten(payments: list[bounds.Payment]) -> None:
    """Drop the oldest until the names of merchants fit their bound in bytes."""
    spare = bounds.PAYMENTS_TEXT_BYTES - sum(len(text.encode()) for _, _, text in payments)
    while spare < 0:
        spare += len(payments[0][2].encode())
        del payments[0]


def _reportable(state: UserState, action: Action, usd: float) -> None:
    if JUST_UNDER_USD[0] <= usd < JUST_UNDER_USD[1]:
        insert(state.tall, action.time_ms, bounds.TALL_MAX, state.clock_ms - bounds.TALL_MS)


def _deposit(state: UserState, action: Action, seen: Seen) -> None:
    if action.amount is None or action.failed:
        return
    seen.usd = usd = rough_dollars(action.amount, action.currency)
    insert_money(state.deposits, action.time_ms, usd, bounds.DEPOSITS_MAX, state.clock_ms - bounds.DEPOSITS_MS)
    _reportable(state, action, usd)


def _view(state: UserState, action: Action) -> None:
    time_ms, clock_ms = action.time_ms, state.clock_ms
    insert(state.views, time_ms, bounds.VIEWS_MAX, clock_ms - bounds.VIEWS_MS)
    if action.path is not None and is_sensitive(action.path):
        entry = (time_ms, short(mark(action.path)))
        insert_entry(state.probes, entry, bounds.PROBES_MAX, clock_ms - bounds.PROBES_MS)


def _change(state: UserState, action: Action, seen: Seen) -> None:
    """A password, second factor or way to reach the user that changed. What a profile change touched is told by the
    attribute `field`; without it, it counts."""
    type_ = action.type
    if type_ == "profile_change":
        touched = action.attributes.get("field")
        if isinstance(touched, str) and touched.lower() not in CONTACT_FIELDS:
            return
    elif type_ != "password_change" and type_ != "mfa_change":
        return
    if state.change is None or action.time_ms >= state.change.time_ms:
        state.change = Change(action.time_ms, type_, seen.at_home)
