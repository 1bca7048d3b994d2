"""Placing an event in its user's memory, and telling what was notable about it.

Order of arrival matters as little as it can: rings take a late event where it belongs, "first seen" only moves
back, "last" facts (the clock, the place, the newest change) only move forward. A failed login or second factor is
anybody's: it adds to no set of what the user has, and moves no fact about where the user is.
"""

from typing import Final

from core import bounds
from core.clock import SECOND
from core.events import Action
from core.geodesy import country_gap_km, distance_km
from core.habits import learn_user
from core.ledger import place_deposit, place_payment
from core.paths import is_sensitive
from core.seen import FAMILIAR_S, PAYMENT_TYPES, UNKNOWN, Seen
from core.state import Change, Place, Session, UserState, last_s, mark, meet, remember, short
from core.windows import insert, insert_entry

__all__ = ["FAMILIAR_S", "PAYMENT_TYPES", "UNKNOWN", "Seen", "learn_user", "observe"]

CONTACT_FIELDS: Final = frozenset({"email", "mail", "phone", "mobile", "telephone", "address", "recovery", "payout"})


def observe(state: UserState, action: Action) -> Seen:
    """Put an event that is neither a repeat nor too late into the state, and tell what it was against it."""
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
    seen.known_s = (time_ms - state.first_ms) // SECOND
    _whose(state, action, seen, time_s)
    if own:
        _activity(state, seen, time_ms)
        if action.attributes:
            _clock(state, action, seen)
        # Who looks in for the user, an aggregator of accounts, names no device: it is not where the user is.
        looked_in = type_ == "page_view" and action.device_id is None
        if type_ != "otp" and not looked_in and (action.country is not None or action.lat is not None):
            _travel(state, action, seen)
        if action.session_id is not None:
            _session(state, action, seen, time_s)
        if type_ in PAYMENT_TYPES:
            place_payment(state, action, seen)
        elif type_ == "page_view":
            _view(state, action)
        elif type_ == "deposit":
            place_deposit(state, action, seen)
        elif type_ == "otp":
            state.otp_ok_ms = max(state.otp_ok_ms, time_ms)
        elif type_ == "signup":
            state.signup_ms = state.signup_ms or time_ms
        elif not action.failed:
            _change(state, action, seen)
    elif type_ == "login":
        seen.outsider = not (
            (action.device_id is not None and not seen.new_device)
            or (action.network is not None and not seen.new_network)
        )
        ip = short(mark(action.ip)) if action.ip is not None else 0
        entry = (time_ms, ip, short(seen.network_mark), action.country or "", int(seen.outsider))
        since_ms = state.clock_ms - bounds.FAILURES_MS
        insert_entry(state.failures, entry, bounds.FAILURES_MAX, since_ms)
    else:
        insert(state.denials, time_ms, bounds.DENIALS_MAX, state.clock_ms - bounds.DENIALS_MS)
    return seen


def _whose(state: UserState, action: Action, seen: Seen, time_s: int) -> None:
    """Device, network and country: whether the user had them, and now has."""
    own = seen.own
    if action.device_id is not None:
        seen.had_devices = bool(state.devices)
        seen.device_mark = device = mark(action.device_id)
        seen.device_age_s = meet(state.devices, device, time_s, bounds.DEVICES_MAX, own)
        seen.new_device = seen.device_age_s == 0
    if action.network is not None:
        seen.had_networks = bool(state.networks)
        seen.network_mark = network = mark(action.network)
        seen.network_age_s = meet(state.networks, network, time_s, bounds.NETWORKS_MAX, own)
        seen.new_network = seen.network_age_s == 0
    age_s = seen.network_age_s if action.device_id is None else seen.device_age_s
    if 0 <= age_s < FAMILIAR_S:
        seen.strange = seen.known_s - age_s >= FAMILIAR_S
    country = action.country
    if country is not None:
        countries = state.countries
        if country not in countries:
            seen.had_countries = bool(countries)
            seen.new_country = True
            if own:
                countries[country] = time_s
                if len(countries) > bounds.COUNTRIES_MAX:
                    del countries[next(iter(countries))]
        else:
            seen.had_countries = True
            if own:
                first_s = min(time_s, countries[country])
                if not seen.late:
                    # To the end: the one not visited for longest comes first.
                    del countries[country]
                countries[country] = first_s
        if seen.known_s >= FAMILIAR_S and not action.vpn and len(countries) > int(own):
            seen.abroad = time_s - countries.get(country, time_s) < FAMILIAR_S


def _activity(state: UserState, seen: Seen, time_ms: int) -> None:
    gap_ms = time_ms - state.active_ms
    if not state.active_ms:
        state.active_ms = time_ms
    elif gap_ms >= 0:
        seen.gap_ms = gap_ms
        if gap_ms >= bounds.IDLE_MS:
            state.woke_ms, state.idle_ms = time_ms, gap_ms
        state.active_ms = time_ms


def _clock(state: UserState, action: Action, seen: Seen) -> None:
    """The time zone that a browser or a phone tells: not where its address is, but where its owner set the clock."""
    zone = action.attributes.get("tz")
    if isinstance(zone, str) and zone:
        told = short(mark(zone))
        seen.same_clock = told == state.clock_zone
        if not seen.late:
            state.clock_zone = told


def _travel(state: UserState, action: Action, seen: Seen) -> None:
    """How far it is from the last place, and the newest place. The user is not where a server is."""
    place = state.place
    seen.served = action.ip is not None and action.device_id is None and bool(state.devices)
    ip = short(mark(action.ip)) if action.ip is not None else 0
    country = action.country or ""
    if place is not None:
        seen.same_ip = ip == place.ip != 0
        if not seen.same_ip:
            seen.last_place = place
            seen.travel_ms = abs(action.time_ms - place.time_ms)
            seen.vpn = action.vpn or place.vpn
            if action.lat is not None and action.lon is not None and place.lat is not None and place.lon is not None:
                if action.lat == place.lat and action.lon == place.lon:
                    seen.kilometres = 0.0
                else:
                    seen.kilometres = distance_km(action.lat, action.lon, place.lat, place.lon)
            elif country and place.country:
                seen.kilometres = country_gap_km(country, place.country)
        if seen.served or action.time_ms < place.time_ms:
            return
        if seen.same_ip and country == place.country and action.lat == place.lat and action.lon == place.lon:
            place.time_ms = action.time_ms
            return
    state.place = Place(action.time_ms, action.lat, action.lon, country, ip, action.vpn)


def _session(state: UserState, action: Action, seen: Seen, time_s: int) -> None:
    session_mark = mark(action.session_id or "")
    holder = short(seen.device_mark)
    agent = short(mark(action.user_agent)) if action.user_agent is not None else 0
    network, country = short(seen.network_mark), action.country or ""
    for session in state.sessions:
        if session.mark != session_mark:
            continue
        seen.session_gap_s = abs(time_s - session.last_s)
        if 0 < session.ended_s <= time_s and action.type != "login":
            seen.session_ended_s = time_s - session.ended_s
        if seen.session_gap_s <= FAMILIAR_S:
            # One event may name the device and the next may not: that is no other device.
            was, now = (session.holder, holder) if holder and session.holder else (session.agent, agent)
            seen.session_holder = was != now and was != 0 != now
            seen.session_network = network != session.network and network != 0 != session.network
            seen.session_country = country != session.country and "" not in (country, session.country)
        session.moved = seen.session_moved = session.moved or (seen.session_network and seen.new_network)
        if time_s >= session.last_s:
            session.last_s = time_s
            session.holder = holder or session.holder
            session.agent = agent or session.agent
            session.network = network or session.network
            session.country = country or session.country
            if action.type == "login":
                session.ended_s = 0
        if action.type == "logout":
            session.ended_s = max(session.ended_s, time_s)
        return
    sessions = state.sessions
    ended_s = time_s if action.type == "logout" else 0
    sessions.append(Session(session_mark, holder, network, country, time_s, ended_s, agent))
    if len(sessions) > 1:
        since_s = state.clock_ms // SECOND - FAMILIAR_S
        kept = [session for session in sessions if session.last_s >= since_s]
        if len(kept) > bounds.SESSIONS_MAX:
            kept.remove(min(kept, key=last_s))
        state.sessions = kept


def _view(state: UserState, action: Action) -> None:
    time_ms, clock_ms = action.time_ms, state.clock_ms
    insert(state.views, time_ms, bounds.VIEWS_MAX, clock_ms - bounds.VIEWS_MS)
    if action.path is not None and is_sensitive(action.path):
        path, newest_ms = short(mark(action.path)), time_ms
        # Different paths count: of each its newest view is kept.
        for at, (at_ms, known) in enumerate(state.probes):
            if known == path:
                newest_ms = max(time_ms, at_ms)
                del state.probes[at]
                break
        insert_entry(state.probes, (newest_ms, path), bounds.PROBES_MAX, clock_ms - bounds.PROBES_MS)


def _change(state: UserState, action: Action, seen: Seen) -> None:
    """A password, second factor or way to reach the user that changed. A profile change counts where an attribute
    says that it is about one of those, or where it is made from a strange device and nothing says otherwise."""
    type_ = action.type
    if type_ == "profile_change":
        attributes = action.attributes
        touched = {str(text).lower() for item in attributes.items() for text in item}
        if touched.isdisjoint(CONTACT_FIELDS) and ("field" in attributes or not seen.strange):
            return
    elif type_ != "password_change" and type_ != "mfa_change":
        return
    if state.change is None or action.time_ms >= state.change.time_ms:
        state.change = Change(action.time_ms, type_, seen.at_home, seen.strange)
