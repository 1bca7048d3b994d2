"""Being in two places at once, with a body or with a session."""

from typing import Final

from core.clock import HOUR, SECOND
from core.events import Action
from core.records import EVENT_TYPES
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.takeover import freely_proven
from core.rules.unless import at_most, otherwise
from core.seen import FAMILIAR_S, Seen
from core.state import UserState
from core.suspicion import is_back
from core.wording import duration

# No figure says more than that.
AIRBORNE_KMH: Final = 10_000


def impossible(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    kilometres = seen.kilometres
    if kilometres < t["least_km"] or seen.travel_ms > t["memory_s"] * SECOND:
        return None
    hours = max(seen.travel_ms, SECOND) / HOUR
    speed_kmh = kilometres / hours
    if speed_kmh <= t["speed_kmh"]:
        return None
    if seen.device_age_s >= FAMILIAR_S and seen.network_age_s >= FAMILIAR_S:
        return None
    excuse = _excuse(action, state, seen, t)
    severity = Severity.LOW if excuse else Severity.MEDIUM if _doubted(action, state, seen) else Severity.HIGH
    speed = f"{speed_kmh:,.0f} km/h" if speed_kmh < AIRBORNE_KMH else "faster than any aircraft"
    return Hit(
        severity,
        f"{kilometres:,.0f} km from the last place in {duration(seen.travel_ms)}, {speed}{excuse}",
        unless=at_most(speed_kmh, t["speed_kmh"], "km/h"),
    )


def _excuse(action: Action, state: UserState, seen: Seen, t: Thresholds) -> str:
    """What explains the journey, and "" where nothing does."""
    if seen.vpn:
        return ", one end behind a VPN"
    elsewhere = seen.abroad or seen.new_country
    if seen.till and not elsewhere:
        return ", at a till in a country of the user's"
    # The device was the user's already when the user was at the last place. Suddenly abroad, it is behind an exit,
    # rather than stolen with its id.
    carried = seen.device_age_s >= min(FAMILIAR_S, seen.travel_ms // SECOND + 1)
    carried = carried and not (elsewhere and seen.device_age_s < t["settled_s"])
    # What came from a network an hour ago has been told.
    if carried or seen.network_age_s >= t["told_s"] or is_back(action, state, seen):
        return ", on a device or in a network of the user's"
    if _countries(action, state) >= t["restless_countries"]:
        return ", of somebody who is seen in many countries"
    # On the first day nobody's exits are known yet, and an hour is enough for a server to have looked in.
    if seen.known_s < FAMILIAR_S and seen.travel_ms > t["young_s"] * SECOND:
        return ", on the user's first day"
    return ""


def _doubted(action: Action, state: UserState, seen: Seen) -> bool:
    """Whether it may well be no journey. Of whoever was seen at tills or by a server alone it is not known where they
    are, nor at tills on the first day. One clock in two countries is at an exit in one of them."""
    if seen.till and seen.known_s < FAMILIAR_S:
        return True
    place = seen.last_place
    if seen.same_clock and place is not None and place.country and action.country not in (None, place.country):
        return True
    unknown = not seen.had_devices and (seen.new_device or seen.till)
    return seen.served or unknown or freely_proven(action, state, seen)


def _countries(action: Action, state: UserState) -> int:
    """In how many countries the user has been seen for a day: in many by way of exits that change, most likely."""
    since_s = action.time_ms // SECOND - FAMILIAR_S
    return len([1 for first_s in state.countries.values() if first_s <= since_s])


def session_hijack(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Answer:
    if seen.session_gap_s > t["window_s"]:
        return None
    hit = _moved(action, state, seen, t)
    if (hit is None or hit.severity < Severity.MEDIUM) and _sends_off(action, seen, t):
        return Hit(
            Severity.MEDIUM,
            f"{seen.usd:,.0f} dollars or so went to a payee new to the user, "
            f"{duration(max(1, seen.network_age_s) * SECOND)} after the session went on in another network",
            action.session_id or "",
            _STAYED["network"],
        )
    return hit


def _moved(action: Action, state: UserState, seen: Seen, t: Thresholds) -> Hit | None:
    """What it says of an event that its session was elsewhere before."""
    if seen.session_holder:
        what = "device"
        # A late event of the owner's can come in behind the thief's.
        severity = Severity.MEDIUM if seen.at_home else Severity.HIGH
    elif seen.session_network:
        named = action.device_id is not None or action.user_agent is not None
        abroad = seen.session_country and not seen.vpn
        if abroad and not named:
            severity = Severity.HIGH
        elif seen.new_network and seen.session_ended_s > t["after_logout_s"] and seen.known_s >= t["settled_s"]:
            return Hit(
                Severity.MEDIUM,
                f"The session goes on in another network, {duration(seen.session_ended_s * SECOND)} after its logout",
                action.session_id or "",
                otherwise("had the session not been used again after its logout"),
            )
        elif named:
            if not (abroad and seen.new_network):
                return None
            # Who comes back by way of another exit after a while is the owner, more likely than a thief.
            back = seen.session_gap_s > t["pause_s"] and action.type not in _THEFT
            severity = Severity.LOW if back else Severity.MEDIUM
        elif seen.new_network:
            severity = Severity.LOW
        else:
            return None
        what = "network"
        if _countries(action, state) >= t["restless_countries"]:
            severity = Severity.LOW
    else:
        return None
    return Hit(severity, f"The session has moved to another {what}", action.session_id or "", _STAYED[what])


def _sends_off(action: Action, seen: Seen, t: Thresholds) -> bool:
    """Whether a sum that is none of the user's goes to somebody new, from where the session has just moved to."""
    moved = action.type == "payout" and seen.session_moved and 0 <= seen.network_age_s <= t["sent_s"]
    return moved and seen.payee_age_s <= 0 and seen.usd >= t["sent_usd"] and not 0 <= seen.ratio < t["sent_ratio"]


_THEFT: Final = frozenset({"payout", "mfa_change", "password_change", "profile_change"})
_STAYED: Final = {
    "device": otherwise("had the session stayed on its device and in its network"),
    "network": otherwise("had the session stayed in its network"),
}


_BERLIN: Final = {"ip": "192.0.2.10", "country": "DE", "lat": 52.5, "lon": 13.4}
_LIMA: Final = {"ip": "203.0.113.9", "country": "PE", "lat": -12.0, "lon": -77.0}
_MUNICH: Final = {"ip": "198.51.100.7", "country": "DE", "lat": 48.1, "lon": 11.6}
_VPN: Final = {"attributes": {"vpn": True}}
_CLOCK: Final = {"attributes": {"tz": "Europe/Berlin"}}
_HOME: Final = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE"}
_AWAY: Final = {"ip": "203.0.113.9", "device_id": "x", "country": "BR"}
_DAY: Final = 86_400

RULES: Final = (
    Rule(
        id="impossible_travel",
        title="Impossible travel",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="user",
        types=tuple(type_ for type_ in EVENT_TYPES if type_ != "otp"),
        check=impossible,
        thresholds={
            "speed_kmh": 900,
            "least_km": 500,
            "memory_s": 86_400,
            "restless_countries": 4,
            "settled_s": 3_600,
            "told_s": 3_600,
            "young_s": 3_600,
        },
        period_s=21_600,
        weight=0.6,
        attack=("T1078",),
        suggest=("Ask the user where they are", "End the sessions of the stranger place"),
        words="Two successful events too far apart for their times: over 900 km/h and 500 km, within 24 hours. The "
        "same address is skipped, and 500 km is more than what mobile networks and look-ups of addresses err by. "
        "Where either end is behind a VPN (attribute vpn), or the network has been the user's for a day, it only "
        "informs, and so it does from a network that came an hour ago, on a device that was the user's at the last "
        "place or for a day (abroad for an hour), at a till in a country of the user's, where a user comes back "
        "after an alarm, of who has had 4 countries for a day or more (exits that change), and of more than an hour "
        "on a user's first day. MEDIUM is one after a second factor, on the first device that a user ever names, at "
        "a till before that or on the first day, into another country where the clock (attribute tz) tells the time "
        "zone that it told before, and to where no device is named, of a user with devices, and that is no place to "
        "come from: aggregators of accounts sign in and ask for pages. A user who is on a device and in a network "
        "of a day or more is at home, and it was the other place that was strange.",
        default_source="Panther; Elastic has 800 km/h",
        gaps="Only the newest place is kept. Where events tell only countries, the distance is that of their "
        "borders, roughly, so neighbours never count. Who copies a device's id is taken for its owner behind a VPN, "
        "and who sets a clock by the victim's is only MEDIUM.",
        examples=(
            Example(
                name="Berlin and, 30 minutes later, Lima",
                events=(event("login", 0, **_BERLIN), event("login", 1_800, **_LIMA)),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="out of order",
                events=(event("login", 1_800, **_LIMA), event("login", 0, **_BERLIN)),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="countries alone",
                events=(
                    event("login", 0, ip="192.0.2.1", country="DE"),
                    event("transaction", 600, ip="203.0.113.1", country="JP"),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a VPN is switched on",
                events=(event("login", 0, **_BERLIN), event("login", 60, **_LIMA, **_VPN)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a VPN that nobody marks, on the user's own device",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN),
                    event("login", 0, device_id="d1", **_BERLIN),
                    event("login", 1_800, device_id="d1", **_LIMA),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a device that was never in Berlin",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN),
                    event("login", 0, device_id="d1", **_BERLIN),
                    event("login", 1_800, device_id="d2", **_LIMA),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a device that was never in Berlin, and its clock goes by Berlin's time",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN, **_CLOCK),
                    event("login", 0, device_id="d1", **_BERLIN, **_CLOCK),
                    event("login", 1_800, device_id="d2", **_LIMA, **_CLOCK),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a device that was never in Berlin, and its clock goes by Lima's time",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN, **_CLOCK),
                    event("login", 0, device_id="d1", **_BERLIN, **_CLOCK),
                    event("login", 1_800, device_id="d2", attributes={"tz": "America/Lima"}, **_LIMA),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a second factor is passed there",
                events=(
                    event("login", 0, device_id="d1", **_BERLIN),
                    event("otp", 1_790, device_id="d2", **_LIMA),
                    event("login", 1_800, device_id="d2", **_LIMA),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="from a till to the first device that the user ever names",
                events=(
                    event("transaction", 0, amount=9, currency="EUR", country="DE"),
                    event("login", 1_800, device_id="d1", **_LIMA),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="from where a server signed in to a till",
                events=(
                    event("login", 0, **_LIMA),
                    event("transaction", 1_800, amount=9, currency="EUR", country="DE"),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="two hours, on a user's first day",
                events=(event("login", 0, **_BERLIN), event("login", 7_200, **_LIMA)),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="a login without a device",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN),
                    event("login", 0, device_id="d1", **_BERLIN),
                    event("login", 1_800, **_LIMA),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a server that reads accounts, and then the user",
                events=(
                    event("login", -_DAY, device_id="d1", **_BERLIN),
                    event("login", 0, device_id="d1", **_BERLIN),
                    event("login", 54_000, **_LIMA),
                    event("login", 55_800, device_id="d2", **_BERLIN),
                ),
                hit=False,
            ),
            Example(
                name="a flight to a holiday",
                events=(event("login", 0, **_BERLIN), event("login", 15 * 3_600, **_LIMA)),
                hit=False,
            ),
            Example(
                name="a mobile network that comes out in Munich",
                events=(event("login", 0, **_BERLIN), event("login", 60, **{**_MUNICH, "lat": 49.5})),
                hit=False,
            ),
            Example(
                name="one address that a look-up moves about",
                events=(event("login", 0, **_BERLIN), event("login", 60, **{**_LIMA, "ip": "192.0.2.10"})),
                hit=False,
            ),
            Example(
                name="a stranger elsewhere who gets the password wrong",
                events=(event("login", 0, **_BERLIN), event("login", 60, outcome="failure", **_LIMA)),
                hit=False,
            ),
        ),
    ),
    Rule(
        id="session_hijack",
        title="A session has moved to another device",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="user",
        types=(
            "login",
            "logout",
            "mfa_change",
            "password_change",
            "profile_change",
            "page_view",
            "transaction",
            "payout",
            "deposit",
        ),
        check=session_hijack,
        thresholds={
            "window_s": _DAY,
            "pause_s": 1_800,
            "after_logout_s": 60,
            "settled_s": 3 * _DAY,
            "restless_countries": 4,
            "sent_s": 600,
            "sent_usd": 500,
            "sent_ratio": 3.0,
        },
        period_s=_DAY,
        weight=0.6,
        attack=("T1539", "T1550.004"),
        suggest=("End the session", "Ask for a new login"),
        words="One session id within 24 hours on two devices (by device_id, else by user agent). A network alone "
        "changes whenever a phone leaves home: it counts only into another country, not through a VPN, MEDIUM where "
        "the device is the same, and LOW where it goes on so after half an hour without changing contact data or "
        "sending money; and it informs where nothing names the device and the network is new. MEDIUM also where it "
        "goes on in a network new to a user of 3 days or more, a minute after its logout, and where 500 dollars "
        "that are 3 times what the user sends as a rule go to somebody new within 10 minutes of the network. Of who "
        "has had 4 countries for a day or more a network only informs: exits that change.",
        default_source="Panther",
        gaps="A thief with the same device id in the same country is seen only after a logout or by what is sent, "
        "and who steals from a user of many countries by the device alone. The 3 newest sessions are known. A "
        "browser that updates itself within a session looks like another where there is no device_id.",
        examples=(
            Example(
                name="another device",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("page_view", 600, session_id="s1", path="/", **_AWAY),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="on the same device in another country, hours later",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("page_view", 7_200, session_id="s1", path="/", **{**_AWAY, "device_id": "d1"}),
                ),
                hit=True,
                severity=Severity.LOW,
            ),
            Example(
                name="and money is sent from there",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("payout", 7_200, session_id="s1", amount=90, **{**_AWAY, "device_id": "d1"}),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="another country, and nothing says which device",
                events=(
                    event("login", 0, session_id="s1", ip="192.0.2.1", country="DE"),
                    event("transaction", 600, session_id="s1", ip="203.0.113.1", country="BR", amount=5),
                ),
                hit=True,
                severity=Severity.HIGH,
            ),
            Example(
                name="a phone leaves home",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("page_view", 600, session_id="s1", path="/", **{**_HOME, "ip": "198.51.100.3"}),
                ),
                hit=False,
            ),
            Example(
                name="a phone leaves home, and a large sum goes to somebody new",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("page_view", 600, session_id="s1", path="/payees", **{**_HOME, "ip": "198.51.100.3"}),
                    event(
                        "payout",
                        640,
                        session_id="s1",
                        amount=900,
                        currency="EUR",
                        payee_id="p1",
                        **{**_HOME, "ip": "198.51.100.3"},
                    ),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="a phone leaves home, and a friend gets back what a meal cost",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event(
                        "payout",
                        640,
                        session_id="s1",
                        amount=30,
                        currency="EUR",
                        payee_id="p1",
                        **{**_HOME, "ip": "198.51.100.3"},
                    ),
                ),
                hit=False,
            ),
            Example(
                name="used again after its logout",
                events=(
                    event("login", -3 * _DAY, **_HOME),
                    event("login", 0, session_id="s1", **_HOME),
                    event("logout", 600, session_id="s1", **_HOME),
                    event("page_view", 780, session_id="s1", path="/", **{**_HOME, "ip": "198.51.100.3"}),
                ),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(
                name="logged in once more",
                events=(
                    event("login", 0, session_id="s1", **_HOME),
                    event("logout", 600, session_id="s1", **_HOME),
                    event("login", 780, session_id="s1", **{**_HOME, "ip": "198.51.100.3"}),
                    event("page_view", 900, session_id="s1", path="/", **{**_HOME, "ip": "198.51.100.4"}),
                ),
                hit=False,
            ),
            Example(
                name="two sessions on two devices",
                events=(event("login", 0, session_id="s1", **_HOME), event("login", 600, session_id="s2", **_AWAY)),
                hit=False,
            ),
        ),
    ),
)
