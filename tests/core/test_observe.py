from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bounds import RECEIPTS_BYTES, SESSIONS_MAX
from core.habits import AMOUNTS_REMEMBERED
from core.observe import Seen, learn_user, observe
from core.receipts import find_receipt
from core.rules.trial import story_action
from core.state import UserState, mark, short

HOME: dict[str, Any] = {"ip": "192.0.2.10", "device_id": "d1", "country": "DE", "lat": 52.5, "lon": 13.4}
AWAY: dict[str, Any] = {"ip": "203.0.113.9", "device_id": "x", "country": "PE", "lat": -12.0, "lon": -77.0}
DAY = 86_400


def seen_of(*events: dict[str, Any], state: UserState | None = None, learn: bool = False) -> list[Seen]:
    state = UserState() if state is None else state
    answers = []
    for _number, fields in enumerate(events):
        action = story_action(fields, state.events)
        seen = observe(state, action)
        if learn:
            learn_user(state, action, seen)
        answers.append(seen)
    return answers


def login(at: float, **fields: Any) -> dict[str, Any]:
    return {"type": "login", "at": at, **fields}


def payment(at: float, amount: float, **fields: Any) -> dict[str, Any]:
    return {"type": "transaction", "at": at, "amount": amount, **fields}


def test_the_first_of_everything_is_new_and_the_second_is_not() -> None:
    first, second = seen_of(login(0, **HOME), login(60, **HOME))
    assert first.new_device
    assert first.new_network
    assert first.new_country
    assert not (first.had_devices)
    assert not (first.had_networks)
    assert not (first.had_countries)
    assert not (second.new_device)
    assert not (second.new_network)
    assert not (second.new_country)
    assert second.had_devices
    assert second.had_countries
    assert (second.device_age_s, second.network_age_s, second.gap_ms, second.known_s) == (60, 60, 60_000, 60)


def test_a_failed_login_teaches_nothing_about_the_user() -> None:
    state = UserState()
    seen_of(login(0, **HOME), login(60, outcome="failure", **AWAY), state=state)
    assert [device.mark for device in state.devices] == [mark("d1")]
    assert list(state.countries) == ["DE"]
    assert state.place is not None
    assert state.place.country == "DE"
    assert [entry[1:] for entry in state.failures] == [
        (short(mark("203.0.113.9")), short(mark("203.0.113.0/24")), "PE", 1)
    ]


def test_the_users_own_typing_errors_are_not_strange() -> None:
    state = UserState()
    seen_of(login(0, **HOME), login(60, outcome="failure", **HOME), state=state)
    seen_of(login(90, outcome="failure", device_id="d1", ip="198.51.100.1"), state=state)
    assert [entry[4] for entry in state.failures] == [0, 0]


def test_a_late_event_never_moves_the_clock_or_the_place_back() -> None:
    state = UserState()
    seen_of(login(1_000, **HOME), state=state)
    clock_ms, place = state.clock_ms, state.place
    (late,) = seen_of(login(0, **AWAY), state=state)
    assert late.late
    assert late.gap_ms == -1
    assert (state.clock_ms, state.place) == (clock_ms, place)
    assert state.first_ms == clock_ms - 1_000_000
    assert late.kilometres > 10_000


@settings(derandomize=True, max_examples=30)
@given(st.permutations(range(6)))
def test_facts_do_not_depend_on_the_order_of_arrival(order: list[int]) -> None:
    events = [
        {
            "event_id": f"e{at}",
            **payment(at * 100, 50, card_id=f"c{at % 2}", payee_id="p", **(AWAY if at == 5 else HOME)),
        }
        for at in range(6)
    ]
    state, other = UserState(), UserState()
    seen_of(*events, state=state)
    seen_of(*(events[number] for number in order), state=other)
    for name in ("clock_ms", "first_ms", "events", "place", "paid", "money", "countries"):
        assert getattr(state, name) == getattr(other, name), name
    for name in ("devices", "networks", "cards", "payees"):
        firsts = [{item.mark: item.first_s for item in getattr(user, name)} for user in (state, other)]
        assert firsts[0] == firsts[1], name


def test_the_place_of_a_second_factor_counts_for_nothing() -> None:
    state = UserState()
    (_, otp) = seen_of(login(0, **HOME), {"type": "otp", "at": 60, **AWAY}, state=state)
    assert otp.kilometres == -1
    assert state.place is not None
    assert state.place.country == "DE"
    assert state.otp_ok_ms == state.clock_ms


def test_distance_is_measured_between_points_or_else_countries() -> None:
    points = seen_of(login(0, **HOME), login(60, **AWAY))[1]
    countries = seen_of(login(0, ip="192.0.2.1", country="DE"), login(60, ip="203.0.113.1", country="PE"))[1]
    nowhere = seen_of(login(0, ip="192.0.2.1", country="DE"), login(60, ip="203.0.113.1", country="ZZ"))[1]
    same = seen_of(login(0, **HOME), login(60, **{**AWAY, "lat": 52.5, "lon": 13.4}))[1]
    assert points.kilometres == pytest.approx(11_000, rel=0.05)
    assert 5_000 < countries.kilometres < points.kilometres
    assert nowhere.kilometres == -1
    assert same.kilometres == 0
    assert points.travel_ms == 60_000


def test_the_same_address_has_not_travelled() -> None:
    moved = seen_of(login(0, **HOME), login(60, **{**AWAY, "ip": "192.0.2.10"}))[1]
    assert moved.same_ip
    assert moved.kilometres == -1


def test_a_clock_is_compared_with_what_it_told_before_and_what_comes_late_sets_none() -> None:
    here, there, silent = ({"attributes": {"tz": zone}} for zone in ("Europe/Berlin", "America/Lima", 5))
    state = UserState()
    events = [login(10, **here), login(20), login(30, **there), login(5, **here), login(40, **silent)]
    told = [seen.same_clock for seen in seen_of(*events, login(50, **there), state=state)]
    assert told == [False, False, False, False, False, True]
    failed = login(60, outcome="failure", **here)
    assert [seen.same_clock for seen in seen_of(failed, login(70, **there), state=state)] == [False, True]


def test_a_session_that_went_on_in_a_new_network_has_moved_for_good() -> None:
    out = {**HOME, "ip": "198.51.100.3"}
    events = [login(at, session_id="s", **place) for at, place in ((0, HOME), (10, out), (20, out), (30, HOME))]
    assert [seen.session_moved for seen in seen_of(*events)] == [False, True, True, True]
    other = [login(at, session_id="t", **place) for at, place in ((40, HOME), (50, out))]
    assert [seen.session_moved for seen in seen_of(*events, *other)][-2:] == [False, False]


def test_a_page_that_no_device_asked_for_is_no_place_of_the_users() -> None:
    state = UserState()
    far = {name: value for name, value in AWAY.items() if name != "device_id"}
    looked_in, back = seen_of(
        login(0, **HOME),
        {"type": "page_view", "at": 60, "path": "/accounts", **far},
        login(120, **{**HOME, "ip": "192.0.2.11"}),
        state=state,
    )[1:]
    assert looked_in.kilometres == -1
    assert back.kilometres == 0
    assert set(state.countries) == {"DE", "PE"}


def test_a_payment_without_device_and_network_is_at_a_till_where_its_user_has_either() -> None:
    till = payment(60, 9, country="DE")
    assert not seen_of(payment(0, 9), till)[1].till
    assert seen_of(login(0, **HOME), till)[1].till
    assert seen_of(login(0, ip="192.0.2.10"), till)[1].till
    assert not seen_of(login(0, **HOME), payment(60, 9, ip="192.0.2.10"))[1].till


def test_a_session_tells_what_changed_in_it_and_forgets_in_a_day() -> None:
    state = UserState()
    answers = seen_of(
        login(0, session_id="s1", **HOME),
        login(60, session_id="s1", **AWAY),
        login(2 * DAY, session_id="s1", **HOME),
        login(10, session_id="s1", user_agent="curl"),
        state=state,
    )
    assert [(seen.session_holder, seen.session_network, seen.session_country) for seen in answers] == [
        (False, False, False),
        (True, True, True),
        (False, False, False),
        (False, False, False),
    ]
    seen_of(*(login(2 * DAY + at, session_id=f"t{at}") for at in range(9)), state=state)
    assert len(state.sessions) == SESSIONS_MAX


def test_an_event_that_names_no_device_comes_from_no_other_device() -> None:
    def moved(*events: dict[str, Any]) -> list[bool]:
        named = [login(n * 60, session_id="s1", **fields) for n, fields in enumerate(events)]
        return [seen.session_holder for seen in seen_of(*named)]

    phone, browser = {"device_id": "d1", "user_agent": "App/3"}, {"user_agent": "Mozilla/5.0"}
    assert moved(phone, {"device_id": "d1"}, {}, {"user_agent": "App/3"}, phone) == [False] * 5
    assert moved({"device_id": "d1"}, browser, {"device_id": "d1"}) == [False] * 3
    assert moved(phone, browser) == [False, True]
    assert moved(phone, {"device_id": "d2"}) == [False, True]
    assert moved(browser, {"user_agent": "curl/8"}) == [False, True]


def test_a_silence_is_remembered_when_it_ends() -> None:
    state = UserState()
    seen_of(login(0, **HOME), login(50 * DAY, outcome="failure"), login(100 * DAY, **HOME), state=state)
    assert state.idle_ms == 100 * DAY * 1_000
    assert state.woke_ms == state.clock_ms == state.active_ms


def test_a_profile_change_counts_if_it_is_about_contact_or_from_a_strange_device() -> None:
    def change_of(**fields: Any) -> object:
        state = UserState()
        seen_of(login(0, **HOME), {"type": "profile_change", "at": 2 * DAY, **fields}, state=state)
        return state.change

    assert change_of(**HOME) is None
    assert change_of(**HOME, attributes={"field": "Email"}) is not None
    assert change_of(**HOME, attributes={"phone": "1"}) is not None
    assert change_of(**AWAY) is not None
    assert change_of(**AWAY, attributes={"field": "picture"}) is None


def test_the_newest_change_stands_and_tells_where_it_was_made() -> None:
    state = UserState()
    seen_of(
        login(0, **HOME),
        {"type": "mfa_change", "at": 2 * DAY, **HOME},
        {"type": "password_change", "at": DAY, **AWAY},
        {"type": "logout", "at": 2 * DAY, **HOME},
        state=state,
    )
    assert state.change is not None
    assert (state.change.type, state.change.familiar, state.change.strange) == ("mfa_change", True, False)


def test_without_a_device_the_network_says_whether_a_user_is_at_home() -> None:
    here, gone, neither = seen_of(
        login(0, ip="192.0.2.10"), login(2 * DAY, ip="203.0.113.9"), {"type": "login", "at": 2 * DAY}
    )
    assert not here.strange
    assert gone.strange
    assert not neither.at_home
    assert seen_of(login(0, ip="192.0.2.10"), login(2 * DAY, ip="192.0.2.10"))[1].at_home


def test_a_payment_is_compared_with_what_was_learnt_before_it() -> None:
    state = UserState()
    answers = seen_of(
        *(payment(n * DAY, 20 + n % 2) for n in range(8)), payment(9 * DAY, 200), state=state, learn=True
    )
    assert answers[4].ratio == -1
    assert answers[5].ratio == pytest.approx(1, rel=0.1)
    assert answers[-1].ratio == pytest.approx(10, rel=0.1)
    assert answers[-1].z > 3
    assert len(state.odd) == 1
    assert state.amounts.typical < 30
    assert state.amounts.largest == 200


def test_one_large_payout_hides_no_robbery_after_it() -> None:
    state = UserState()
    shopping = [payment(n * DAY, 20 + n % 2) for n in range(20)]
    rent = {**payment(20 * DAY, 30_000), "type": "payout", "payee_id": "p1"}
    seen_of(*shopping, rent, payment(21 * DAY, 20), state=state, learn=True)
    assert (state.amounts.largest, state.sent.largest) == (21, 30_000)
    assert 20 < state.amounts.mean < 40


def test_amounts_are_rough_dollars_and_declines_are_not_learnt() -> None:
    state = UserState()
    (yen, declined, nothing) = seen_of(
        payment(0, 1_500, currency="JPY"),
        payment(1, 5, outcome="failure"),
        {"type": "transaction", "at": 2},
        state=state,
        learn=True,
    )
    assert yen.usd == 10
    assert declined.usd == 5
    assert nothing.usd == 0
    assert state.amounts.n == 1
    assert len(state.declines) == 1
    assert state.declines[0][3] == 1
    assert len(state.money) == 1


def test_old_amounts_fade() -> None:
    state = UserState()
    for number in range(AMOUNTS_REMEMBERED * 3):
        seen_of(payment(number * 60, 10 if number < AMOUNTS_REMEMBERED else 100), state=state, learn=True)
    assert state.amounts.n == AMOUNTS_REMEMBERED
    assert state.amounts.mean > 80
    assert state.amounts.log_sd > 0


def test_hours_are_halved_before_they_overflow_and_strangers_do_not_count() -> None:
    state = UserState()
    for number in range(200):
        seen_of(login(number, **HOME), state=state, learn=True)
    seen_of(login(300, outcome="failure"), state=state, learn=True)
    assert sum(state.hours) == state.hours[9] == 72


def test_merchants_can_be_found_by_event_and_their_names_are_bounded() -> None:
    state = UserState()
    events = [{"event_id": f"p{n}", **payment(n, 5, merchant_id=f"shop-with-a-long-name-{n}")} for n in range(40)]
    actions = [story_action(fields, 0) for fields in events]
    seen_of(*events, state=state)
    assert len(state.receipts) <= RECEIPTS_BYTES
    newest = (actions[-1].time_ms // 1_000, "shop-with-a-long-name-39")
    assert find_receipt(state.receipts, actions[-1].key) == newest
    assert find_receipt(state.receipts, actions[0].key) is None


def test_a_merchant_is_new_once() -> None:
    answers = seen_of(*(payment(n, 5, merchant_id=name) for n, name in enumerate(("a", "b", "a", "a"))))
    assert [seen.new_merchant for seen in answers] == [True, True, False, False]
    many = seen_of(*(payment(n, 5, merchant_id=f"m{n}") for n in range(12)), payment(13, 5, merchant_id="m0"))
    assert many[-1].new_merchant


def test_browsing_deposits_and_signups_are_noted() -> None:
    state = UserState()
    seen_of(
        {"type": "signup", "at": 0},
        {"type": "page_view", "at": 1, "path": "/a"},
        {"type": "page_view", "at": 2, "path": "/.env"},
        {"type": "deposit", "at": 3, "amount": 9_000},
        {"type": "deposit", "at": 4, "amount": 9_000, "outcome": "failure"},
        {"type": "otp", "at": 5, "outcome": "failure"},
        state=state,
    )
    assert state.signup_ms == state.first_ms
    assert (len(state.views), len(state.probes), len(state.deposits), len(state.tall), len(state.denials)) == (
        2,
        1,
        1,
        1,
        1,
    )


def test_countries_are_bounded() -> None:
    state = UserState()
    seen_of(*(login(n, country=f"A{chr(65 + n)}") for n in range(12)), state=state)
    assert list(state.countries) == [f"A{chr(65 + n)}" for n in range(4, 12)]


def test_the_country_not_visited_for_longest_makes_room_and_home_stays() -> None:
    state = UserState()
    for n in range(12):
        seen_of(login(n * DAY, country="DE"), login(n * DAY + 60, country=f"A{chr(65 + n)}"), state=state)
    assert list(state.countries) == [*(f"A{chr(65 + n)}" for n in range(5, 11)), "DE", "AL"]
    assert state.countries["DE"] == state.first_ms // 1_000


def test_a_visit_to_a_country_is_no_newer_for_coming_late() -> None:
    state = UserState()
    seen_of(login(0, country="DE"), login(60, country="FR"), login(-60, country="DE"), state=state)
    assert list(state.countries) == ["DE", "FR"]
    assert state.countries["DE"] == state.first_ms // 1_000


def test_of_each_sensitive_path_the_newest_view_is_kept() -> None:
    state = UserState()
    views = [(0, "/.env"), (10, "/admin"), (20, "/.env"), (5, "/admin"), (30, "/export")]
    seen_of(*({"type": "page_view", "at": at, "path": path} for at, path in views), state=state)
    paths = [((time_ms - state.first_ms) // 1_000, path) for time_ms, path in state.probes]
    assert paths == [(at, short(mark(path))) for at, path in ((10, "/admin"), (20, "/.env"), (30, "/export"))]


def test_a_burst_is_counted_the_same_in_any_order() -> None:
    for order in permutations(range(4)):
        state = UserState()
        seen_of(*({"event_id": f"e{n}", **payment(n * 10, 5)} for n in order), state=state)
        assert len(state.paid) == 4
        assert state.paid == sorted(state.paid)


def test_sums_too_small_to_compare_are_none() -> None:
    state = UserState()
    answers = seen_of(*(payment(n, 5e-324) for n in range(9)), payment(10, 1e15), state=state, learn=True)
    assert {seen.usd for seen in answers[:-1]} == {0.0}
    assert answers[-1].usd == 1e15
