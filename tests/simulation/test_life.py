from collections import Counter, defaultdict

from simulation.config import Labelled
from simulation.people import RHYTHMS, World
from simulation.places import CITIES, RANGES, distance_km
from simulation.traps import TRAPS

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
        if event["type"] != "login" or event.get("attributes", {}).get("vpn"):
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
