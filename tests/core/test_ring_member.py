from typing import Any

import pytest

from core.clock import DAY, HOUR
from core.events import Action, event_key
from core.observe import observe
from core.reputation import CLEAN, Reputation, Reputations, rings_of
from core.ring import (
    DEVICE,
    EVENT,
    FULL,
    NETWORK,
    PAYEE,
    TAKEN_BACK,
    TIES_MOST,
    WATCH_MS,
    Hop,
    RingRecord,
    Tie,
    key_of,
    number,
    user_mark,
)
from core.ring_member import TOLD_MOST, WEIGHT_MOST, Membership, Rings, membership, tell_on
from core.seen import Seen
from core.signal import MET, TIE, Out, Signal
from core.state import UserState, mark
from tests.core.rings import hop, tie
from tests.core.story import MONDAY_MS

NOW_MS = MONDAY_MS + DAY
FRAUD = number(EVENT, mark("fraud of u7"))


def thing(*ties: Tie, kind: int = DEVICE, name: str = "d1", **facts: Any) -> dict[int, RingRecord]:
    return {number(kind, mark(name)): RingRecord(**{"since_ms": MONDAY_MS, "ties": ties} | facts)}


def action(user: str = "u1", time_ms: int = NOW_MS, **fields: Any) -> Action:
    facts = {"type": "payout", "device_id": "d1"} | fields
    return Action(event_id="e1", key=event_key("e1"), user_id=user, time_ms=time_ms, **facts)


def seen_by(state: UserState, event: Action) -> Seen:
    return observe(state, event)


def found(rings: Rings, event: Action | None = None) -> Membership | None:
    event = event or action()
    return membership(event, seen_by(UserState(), event), rings)


def told(rings: Rings, event: Action | None = None, state: UserState | None = None) -> list[tuple[str, Signal]]:
    state, event = state or UserState(), event or action()
    seen = seen_by(state, event)
    tied = membership(event, seen, rings)
    assert tied is not None
    out: Out = {}
    tell_on(tied, event, state, seen, rings, out)
    return [(key, signal) for key, signals in out.items() for signal in signals]


def weight(rings: Rings, event: Action | None = None) -> float:
    tied = found(rings, event)
    assert tied is not None
    return tied.weight((event or action()).time_ms)


def test_the_path_is_told_in_words() -> None:
    tied = found(thing(tie()))
    assert tied is not None
    assert tied.path(NOW_MS) == "Shares device d1 with u7, whose fraud was confirmed 1 day ago"
    far = found(
        thing(tie(via=[hop("u8"), hop("u9", "p2", PAYEE)]), tie("x", via=[hop("u8")])), action(time_ms=NOW_MS + DAY)
    )
    assert far is not None
    assert far.path(NOW_MS + DAY) == (
        "Shares device d1 with u8, who shares device d2 with x, whose fraud was confirmed 2 days ago; "
        "and ties to 1 more"
    )


def test_a_path_names_what_each_shares_with_the_next() -> None:
    tied = found(thing(tie(via=[hop("u8", "d2"), hop("u9", "p2", PAYEE)])))
    assert tied is not None
    assert tied.path(NOW_MS).startswith(
        "Shares device d1 with u9, who shares payee p2 with u8, who shares device d2 "
    )


def test_the_risk_falls_with_distance_and_with_time_and_rises_with_each_confirmed_user() -> None:
    near, far = tie(), tie(via=[hop("u8")])
    farther = tie(via=[hop("u8"), hop("u9")])
    weights = [weight(thing(one)) for one in (near, far, farther)]
    assert weights == sorted(weights, reverse=True)
    assert weight(thing(near), action(time_ms=NOW_MS + 20 * DAY)) < weights[0] / 2
    many = [weight(thing(*(tie(f"u{n}") for n in range(7, 7 + count)))) for count in range(1, TIES_MOST + 1)]
    assert many == sorted(many)
    assert many[1] > many[0]
    assert many[-1] <= WEIGHT_MOST


def test_the_same_fraud_by_two_things_counts_once_by_the_nearer() -> None:
    rings = thing(tie()) | thing(tie(via=[hop("u8")]), kind=PAYEE, name="p1")
    assert weight(rings, action(payee_id="p1")) == weight(thing(tie()))


def test_what_had_long_been_the_victims_own_and_networks_weigh_less() -> None:
    assert weight(thing(tie(own=True))) < weight(thing(tie()))
    network = action(device_id=None, ip="192.0.2.1", network="192.0.2.0/24")
    assert weight(thing(tie(), kind=NETWORK, name="192.0.2.0/24"), network) < weight(thing(tie()))


@pytest.mark.parametrize(
    "rings",
    [
        {},
        thing(tie(), name="another"),
        thing(tie("u1")),
        thing(tie(via=[hop("u1")])),
        thing(tie(since_ms=NOW_MS + 1)),
        thing(tie(since_ms=NOW_MS - 30 * DAY)),
        thing(closed=FULL),
        thing(tie()) | {FRAUD: RingRecord(MONDAY_MS, closed=TAKEN_BACK)},
    ],
    ids=["nothing", "elsewhere", "own fraud", "by way of oneself", "not yet", "over", "a hub", "taken back"],
)
def test_who_is_no_member(rings: Rings) -> None:
    assert found(rings) is None


def test_a_fraud_that_grows_no_further_still_counts_and_passes_nothing_on() -> None:
    rings = thing(tie()) | {FRAUD: RingRecord(MONDAY_MS, closed=FULL)}
    assert found(rings) is not None
    assert {signal.kind for _, signal in told(rings, action(payee_id="p1"))} == {MET}


def test_a_touch_is_told_to_the_thing_and_to_the_fraud_once() -> None:
    assert {key for key, signal in told(thing(tie())) if signal.kind == MET} == {
        key_of(DEVICE, mark("d1")),
        key_of(EVENT, mark("fraud of u7")),
    }
    assert not [key for key, signal in told(thing(tie(), met=(user_mark("u1"),))) if signal.kind == MET]


def test_what_else_the_event_names_is_tied_with_the_way_that_it_took() -> None:
    ties = [(key, signal.tie) for key, signal in told(thing(tie()), action(payee_id="p1")) if signal.kind == TIE]
    way = Hop(DEVICE, "d1", "u1", user_mark("u1"))
    assert ties == [(key_of(PAYEE, mark("p1")), tie(via=[way]))]


def test_what_else_the_user_has_is_tied_the_newest_first_and_not_all_of_it() -> None:
    state = UserState()
    for at in range(10):
        for type_, fields in (("payout", {"payee_id": f"p{at}"}), ("transaction", {"card_id": f"c{at}"})):
            event = action(time_ms=MONDAY_MS + at * HOUR, type=type_, device_id="d2", **fields)
            event.event_id, event.key = f"{type_}{at}", event_key(f"{type_}{at}")
            observe(state, event)
    state.devices[0].first_s = state.first_ms = 0
    keys = {key for key, signal in told(thing(tie()), action(type="login", device_id="d1"), state)}
    assert not keys & {key_of(PAYEE, mark(f"p{at}")) for at in range(10)}
    # Now that the device is the user's own, and no stranger's who may have broken in:
    for device in state.devices:
        device.first_s = 0
    event = action(type="login", time_ms=NOW_MS + HOUR)
    event.event_id, event.key = "later", event_key("later")
    ties = {key for key, signal in told(thing(tie()), event, state) if signal.kind == TIE}
    assert key_of(PAYEE, mark("p9")) in ties
    assert key_of(DEVICE, mark("d2")) in ties
    assert len(ties) <= TOLD_MOST


@pytest.mark.parametrize(
    "rings",
    [
        thing(tie(via=[hop("u8"), hop("u9")])),
        thing(tie(), since_ms=NOW_MS - WATCH_MS + 1),
        thing(tie()) | thing(tie(), kind=PAYEE, name="p1"),
        thing(tie()) | thing(closed=FULL, kind=PAYEE, name="p1"),
        thing(tie()) | thing(*(tie(f"t{n}") for n in range(TIES_MOST)), kind=PAYEE, name="p1"),
    ],
    ids=["too far", "not watched for long", "known there", "a hub", "better ones there"],
)
def test_what_is_not_passed_on(rings: Rings) -> None:
    signals = told(rings, action(payee_id="p1"))
    assert not [signal for key, signal in signals if signal.kind == TIE and key == key_of(PAYEE, mark("p1"))]


def test_a_shared_network_passes_nothing_on() -> None:
    event = action(device_id=None, ip="192.0.2.1", network="192.0.2.0/24", payee_id="p1")
    rings = thing(tie(), kind=NETWORK, name="192.0.2.0/24")
    assert {signal.kind for _, signal in told(rings, event)} == {MET}


def test_a_failed_login_is_judged_by_its_device_and_makes_nobody_a_member() -> None:
    event = action(type="login", failed=True)
    assert weight(thing(tie()), event) > 0
    assert told(thing(tie()), event) == []


def test_reputations_answer_by_number_and_forget_with_the_key() -> None:
    known = Reputations()
    key = key_of(DEVICE, mark("d1"))
    ring = RingRecord(MONDAY_MS, (tie(),))
    known.learn(key, Reputation(CLEAN, "", MONDAY_MS, MONDAY_MS, ring=ring))
    assert rings_of(known) == rings_of(dict(known)) == thing(tie())
    assert known[key].lapses_ms == ring.until_ms
    known.learn(key, None)
    assert not rings_of(known)


def test_accusers_are_confirmed_users_who_lead_here_directly_by_more_than_a_network_or_their_own() -> None:
    rings = thing(tie("u7"), tie("u8"), tie("u9", own=True), tie("u6", via=[hop("x")]))
    tied = found(rings | thing(tie("u5"), kind=NETWORK, name="192.0.2.0/24"), action(network="192.0.2.0/24"))
    assert tied is not None
    assert tied.accusers == 2
