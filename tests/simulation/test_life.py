from collections import Counter, defaultdict

from simulation.config import Config, Labelled
from simulation.people import RHYTHMS, World
from simulation.places import CITIES, RANGES, distance_km
from simulation.stream import generate
from simulation.traps import TRAPS

# By networks that are not where the user is.
FROM_ELSEWHERE = ("vpn", "tor", "reader")
# Nobody sits before a screen.
UNATTENDED = ("till", "standing_order", "subscription")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def test_people_sleep_and_night_workers_do_not(quiet: list[Labelled]) -> None:
    users = {user.id: user for user in World(11, 200).users}
    by_rhythm: dict[str, Counter[int]] = {name: Counter() for name in RHYTHMS}
    for labelled in quiet:
        user = users.get(labelled.event["user_id"])
        if user is not None and labelled.event["type"] == "login":
            hour = (labelled.time_ms + user.offset_ms) % DAY_MS // HOUR_MS
            by_rhythm[user.rhythm][hour] += 1
    for name, hours in by_rhythm.items():
        asleep = sum(hours[hour] for hour in range(1, 5)) / sum(hours.values())
        assert asleep < 0.05 or (name == "night" and asleep > 0.15)


def test_offices_sign_in_at_nine_on_working_days(quiet: list[Labelled]) -> None:
    users = {user.id: user for user in World(11, 200).users}
    mornings = [
        (one.time_ms + users[one.event["user_id"]].offset_ms)
        for one in quiet
        if one.trap == "office_nine" and one.event["type"] == "login"
        and one.event["user_id"] in users and users[one.event["user_id"]].rhythm != "night"
    ]  # fmt: skip
    assert len(mornings) > 300
    assert all(8 * HOUR_MS < local % DAY_MS < 10.2 * HOUR_MS for local in mornings)
    # Day 0 of the epoch was a Thursday.
    assert all((local // DAY_MS + 3) % 7 < 5 for local in mornings)


def test_nobody_honest_travels_faster_than_an_airliner(quiet: list[Labelled]) -> None:
    last: dict[str, tuple[int, float, float]] = {}
    for labelled in sorted(quiet, key=lambda one: one.time_ms):
        event = labelled.event
        if event["type"] != "login" or labelled.trap in FROM_ELSEWHERE:
            continue
        here = (labelled.time_ms, event["lat"], event["lon"])
        before = last.get(event["user_id"])
        last[event["user_id"]] = here
        if before is not None:
            km = distance_km(before[1], before[2], here[1], here[2])
            hours = (here[0] - before[0]) / HOUR_MS
            assert km < 200 or km / hours < 850


def test_every_trap_is_told_and_no_other(fortnight: list[Labelled], quiet: list[Labelled]) -> None:
    told = {one.trap for one in quiet if one.trap}
    assert told <= set(TRAPS)
    assert len(told) >= len(TRAPS) - 2
    assert all(one.label == "legit" or one.trap in (None, "late", "duplicate") for one in fortnight)


def test_addresses_are_shared_by_offices_and_carriers_and_homes_are_not(quiet: list[Labelled]) -> None:
    users_of = defaultdict(set)
    for labelled in quiet:
        users_of[labelled.event.get("ip")].add(labelled.event["user_id"])
    sizes = sorted((len(users) for ip, users in users_of.items() if ip), reverse=True)
    assert sizes[0] >= 5
    assert sizes[len(sizes) // 2] == 1


def test_places_and_ranges_belong_together() -> None:
    assert {city.country for city in CITIES} == set(RANGES)
    halves = [half for ranges in RANGES.values() for half in {*ranges.homes, *ranges.mobile, *ranges.hosting}]
    assert len(halves) == len(set(halves))
    for half in halves:
        first, second = (int(part) for part in half.split("."))
        assert 1 <= first < 224
        assert first not in (10, 100, 127, 169, 192, 198, 203)
        assert not (first == 172 and 16 <= second < 32)


def test_amounts_keep_to_their_user(quiet: list[Labelled]) -> None:
    users = {user.id: user for user in World(11, 200).users}
    ratios = sorted(
        one.event["amount"] / users[one.event["user_id"]].typical_amount()
        for one in quiet
        if one.event["type"] == "transaction" and one.event["user_id"] in users
    )
    assert 0.5 < ratios[len(ratios) // 2] < 2
    assert ratios[len(ratios) // 100 * 99] < 12


def test_a_world_is_the_same_for_one_seed() -> None:
    one, two, other = World(3, 50), World(3, 50), World(4, 50)
    assert [user.devices for user in one.users] == [user.devices for user in two.users]
    assert [user.devices for user in one.users] != [user.devices for user in other.users]


def test_tills_and_what_comes_by_itself_name_neither_device_nor_network(quiet: list[Labelled]) -> None:
    told = {trap: [one.event for one in quiet if one.trap == trap] for trap in UNATTENDED}
    for events in told.values():
        assert len(events) > 10
        assert not [event for event in events if event.keys() & {"ip", "device_id", "session_id"}]
    assert all(event["country"] and event["merchant_id"] for event in told["till"])
    assert all(event["payee_id"] for event in told["standing_order"])


def test_a_standing_order_and_a_subscription_are_the_same_each_time() -> None:
    world = World(11, 200)
    sums = defaultdict(set)
    for labelled in generate(Config(users=200, days=70, seed=11, attacks=())):
        if labelled.trap == "standing_order":
            sums[labelled.event["payee_id"]].add(labelled.event["amount"])
        elif labelled.trap == "subscription":
            sums[labelled.event["user_id"]].add(labelled.event["amount"])
    ordered = [order for user in world.active for order in user.habits.orders]
    assert len(ordered) > 50
    assert all(len(sums[order.payee]) == 1 for order in ordered)
    charged = [user for user in world.active if user.habits.charges]
    assert len(charged) > 50
    assert all(1 <= len(sums[user.id]) <= len(user.habits.charges) for user in charged)


def test_a_browser_may_tell_no_device_or_another_each_visit() -> None:
    many = generate(Config(users=800, days=4, seed=11, attacks=()))
    told = [one for one in many if one.trap == "private_browser"]
    none = {one.event["session_id"] for one in told if "device_id" not in one.event and one.event["type"] == "login"}
    fresh = defaultdict(set)
    for one in told:
        if "device_id" in one.event:
            fresh[one.event["device_id"]].add(one.event["session_id"])
    assert len(none) > 10
    assert len(fresh) > 10
    assert all(len(sessions) == 1 for sessions in fresh.values())


def test_some_vpns_are_not_known_as_such_and_nobody_else_is_marked() -> None:
    quiet = list(generate(Config(users=800, days=4, seed=11, attacks=())))
    marked = Counter("vpn" in one.event.get("attributes", {}) for one in quiet if one.trap == "vpn")
    assert marked[True] > marked[False] > 20
    assert all(one.trap in ("vpn", "travel") for one in quiet if "vpn" in one.event.get("attributes", {}))


def test_a_firm_that_reads_accounts_comes_from_one_address_a_user_without_a_device() -> None:
    quiet = generate(Config(users=800, days=4, seed=11, attacks=()))
    addresses = defaultdict(set)
    for one in quiet:
        if one.trap == "reader":
            assert "device_id" not in one.event
            addresses[one.event["user_id"]].add(one.event["ip"])
    assert len(addresses) > 2
    assert all(len(ips) == 1 for ips in addresses.values())


def test_a_spree_is_many_small_purchases_at_one_shop(quiet: list[Labelled]) -> None:
    sprees = defaultdict(list)
    for one in quiet:
        if one.trap == "spree" and one.event["type"] == "transaction" and one.event.get("outcome") != "failure":
            sprees[one.event["session_id"]].append(one)
    most = max(len(bought) for bought in sprees.values())
    assert most >= 8
