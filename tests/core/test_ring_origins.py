import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import event_key
from core.ring import CARD, DEVICE, NETWORK, PAYEE
from core.ring_origins import ORIGINS_BYTES, find_origin, keep_origin
from core.state import UserState, mark
from tests.core.story import Town

DAY_S = 86_400
HOME = {"device_id": "d1", "ip": "192.0.2.1", "card_id": "c1"}


def paid(*events: dict[str, object]) -> UserState:
    town = Town()
    town.play(*({"type": "payout", "amount": 9, **fields} for fields in events))
    return town.users["u1"]


def named(state: UserState, event_id: str) -> set[tuple[int, int, bool]] | None:
    found = find_origin(state, event_key(event_id))
    return None if found is None else set(found)


def test_a_payment_is_found_with_what_it_named() -> None:
    state = paid({"at": 0, "event_id": "p1", "payee_id": "x", **HOME})
    new = {(DEVICE, mark("d1")), (NETWORK, mark("192.0.2.0/24")), (CARD, mark("c1")), (PAYEE, mark("x"))}
    assert named(state, "p1") == {(*thing, False) for thing in new}


def test_what_had_long_been_the_users_is_marked_and_such_a_network_is_left_out() -> None:
    state = paid({"at": 0, "event_id": "p1", **HOME}, {"at": 2 * DAY_S, "event_id": "p2", "payee_id": "x", **HOME})
    assert named(state, "p2") == {(DEVICE, mark("d1"), True), (CARD, mark("c1"), True), (PAYEE, mark("x"), False)}


@pytest.mark.parametrize("event_id", ["declined", "nothing", "never"])
def test_of_some_payments_nothing_is_kept(event_id: str) -> None:
    state = paid(
        {"at": 0, "event_id": "declined", "outcome": "failure", **HOME},
        {"at": 5, "event_id": "nothing", "merchant_id": "m1"},
    )
    assert named(state, event_id) is None


def test_a_thing_that_the_user_has_no_more_is_not_found() -> None:
    state = paid({"at": 0, "event_id": "p1", **HOME})
    state.devices = []
    assert DEVICE not in {kind for kind, _, _ in named(state, "p1") or ()}


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(*(st.integers(0, 1 << 63) for _ in range(4)), st.integers(-1, 1 << 40)), max_size=60))
def test_they_stay_within_their_bytes_and_the_newest_is_always_there(payments: list[tuple[int, ...]]) -> None:
    origins = b""
    for number, (device, network, card, payee, age_s) in enumerate(payments):
        key = event_key(str(number))
        origins = keep_origin(origins, key, device, age_s, network, age_s, card, age_s, payee, age_s)
        assert len(origins) <= ORIGINS_BYTES
        if device or card or payee:
            assert find_origin(UserState(origins=origins), key) == []
