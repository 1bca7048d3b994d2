import pytest

from core.clock import DAY, HOUR, SECOND
from core.events import Action
from core.seen import FAMILIAR_S, Seen
from core.state import UserState, mark, short
from core.suspicion import (
    CULPRIT_SHARE,
    FAMILIAR_SHARE,
    HALF_LIFE_MS,
    STRANGE_SHARE,
    clear_of,
    is_back,
    lingering,
    raise_suspicion,
)

START = 1_772_442_000_000
STRANGER = Seen(device_age_s=60, network_age_s=60)
AT_HOME = Seen(device_age_s=FAMILIAR_S, network_age_s=FAMILIAR_S)


def action(
    time_ms: int = START, type_: str = "page_view", device_id: str | None = None, session_id: str | None = None
) -> Action:
    return Action(
        event_id="e1",
        key=b"12345678",
        type=type_,
        user_id="u1",
        time_ms=time_ms,
        device_id=device_id,
        session_id=session_id,
    )


def alarmed(weight: float = 0.8, **where: str) -> UserState:
    state = UserState()
    raise_suspicion(state, action(**where), STRANGER, weight)
    return state


def test_an_alarm_halves_with_time_and_is_forgotten() -> None:
    state = alarmed(0.8)
    assert lingering(state, START) == 0.8
    assert lingering(state, START + HALF_LIFE_MS) == pytest.approx(0.4)
    assert lingering(state, START + 2 * DAY) == 0.0


def test_who_comes_back_after_an_alarm_is_not_taken_for_whoever_raised_it() -> None:
    def age(hours: float) -> int:
        return int(hours * HOUR) // SECOND

    state = alarmed(0.8, device_id="thief")
    later = START + 2 * HOUR
    own = Seen(device_age_s=age(14.5), network_age_s=age(1), device_mark=mark("owner"))
    assert is_back(action(later, device_id="owner"), state, own)
    assert not is_back(action(later), state, Seen(device_age_s=age(13.5), device_mark=mark("owner")))
    assert not is_back(action(later), state, Seen(device_age_s=age(14.5), device_mark=mark("thief")))
    assert is_back(action(later), state, Seen(device_age_s=0, network_age_s=age(14.5), network_mark=mark("home")))
    assert not is_back(action(later + 12 * HOUR), state, own)  # too little is left of the alarm
    # What rules say of the way back accuses nobody else.
    raise_suspicion(state, action(later, device_id="owner", session_id="back"), own, 0.9)
    assert (state.suspicion, state.culprit_device) == (pytest.approx(0.9), short(mark("thief")))
    assert clear_of(action(later, device_id="owner", session_id="back"), state, own) > 0.9
    assert clear_of(action(later, device_id="thief"), state, STRANGER) < 0.3


def test_nothing_lingers_before_it_was_raised_or_where_nothing_was() -> None:
    assert lingering(alarmed(), START - 1) == 0.0
    assert lingering(UserState(), START) == 0.0


def test_the_louder_alarm_stands_and_a_late_one_is_weighed_by_its_age() -> None:
    state = alarmed(0.8, device_id="thief")
    raise_suspicion(state, action(START + HOUR, device_id="owner"), AT_HOME, 0.1)
    assert state.suspicion == pytest.approx(0.8 * 0.5 ** (1 / 6))
    assert state.suspicion_ms == START + HOUR
    raise_suspicion(state, action(START + HOUR - HALF_LIFE_MS), STRANGER, 0.9)
    assert (state.suspicion, state.suspicion_ms) == (pytest.approx(0.8 * 0.5 ** (1 / 6)), START + HOUR)
    assert state.culprit_device == short(mark("thief"))


@pytest.mark.parametrize(
    ("seen", "share"), [(STRANGER, STRANGE_SHARE), (AT_HOME, FAMILIAR_SHARE), (Seen(), FAMILIAR_SHARE)]
)
def test_it_weighs_on_strangers_and_hardly_on_whoever_is_at_home_or_names_no_place(seen: Seen, share: float) -> None:
    assert clear_of(action(), alarmed(0.5), seen) == pytest.approx(1 - share * 0.5)


def test_it_weighs_most_on_the_session_and_the_strange_device_that_it_came_from() -> None:
    state = alarmed(0.5, device_id="thief", session_id="stolen")
    most = pytest.approx(1 - CULPRIT_SHARE * 0.5)
    assert clear_of(action(device_id="thief"), state, STRANGER) == most
    assert clear_of(action(device_id="copied", session_id="stolen"), state, AT_HOME) == most
    assert clear_of(action(device_id="new phone"), state, STRANGER) == pytest.approx(1 - STRANGE_SHARE * 0.5)
    owner = alarmed(0.5, device_id="owner")
    assert clear_of(action(device_id="owner"), owner, AT_HOME) == pytest.approx(1 - FAMILIAR_SHARE * 0.5)


def test_strange_places_and_failures_weigh_a_little_by_themselves() -> None:
    state = UserState(events=9)
    assert clear_of(action(), state, AT_HOME) == 1.0
    for seen in (Seen(own=False, outsider=True), Seen(strange=True, device_age_s=60, network_age_s=60)):
        assert 0.8 < clear_of(action(type_="login"), state, seen) < 1.0
    assert 0.9 < clear_of(action(type_="otp"), state, Seen(own=False)) < 1.0
    assert clear_of(action(type_="login"), state, Seen(own=False)) == 1.0


def test_what_is_new_in_every_way_weighs_more_and_never_reaches_a_challenge_alone() -> None:
    state = UserState(events=9)
    new = {"strange": True, "device_age_s": 0, "network_age_s": 0}
    abroad = clear_of(action(type_="login"), state, Seen(abroad=True, **new))
    assert 0.25 < abroad < clear_of(action(type_="login"), state, Seen(**new))
    assert clear_of(action(type_="login"), state, Seen(vpn=True, **new)) == 1.0
    failed = {"own": False, "outsider": True}
    assert clear_of(action(type_="login"), state, Seen(abroad=True, **failed)) < clear_of(
        action(type_="login"), state, Seen(**failed)
    )
    assert clear_of(action(type_="login"), UserState(events=1), Seen(**failed)) < 0.8


def test_a_sum_far_out_weighs_by_how_far_it_is_and_a_series_more() -> None:
    def paid(z: float, odd: list[int], **fields: object) -> float:
        return clear_of(action(type_="payout"), UserState(odd=odd), Seen(z=z, usd=500, network_age_s=0, **fields))  # type: ignore[arg-type]

    assert paid(2.0, []) == 1.0
    assert paid(3.0, [START]) > paid(4.0, [START]) > paid(4.0, [START - 2, START - 1, START]) > 0.25
    assert paid(4.0, [START], payee_age_s=FAMILIAR_S) == 1.0


def test_where_neither_device_nor_network_is_named_what_sums_say_of_a_thief_weighs() -> None:
    def paid(theft: float, **fields: object) -> float:
        return clear_of(action(type_="payout"), UserState(), Seen(theft=theft, **fields))  # type: ignore[arg-type]

    assert paid(0.0) == paid(1.0, payee_age_s=FAMILIAR_S) == paid(1.0, device_age_s=0) == 1.0
    assert 1.0 > paid(0.1) > paid(0.5) > paid(1.0) == pytest.approx(0.1)
    assert paid(0.5, z=4.0) < paid(0.5)


def test_where_neither_device_nor_network_is_named_a_large_sum_weighs_whatever_the_user_pays() -> None:
    def paid(usd: float, usual: float = 200.0, **fields: object) -> float:
        return clear_of(action(type_="transaction"), UserState(), Seen(usd=usd, usual=usual, **fields))  # type: ignore[arg-type]

    assert paid(200) == 1.0
    assert 1.0 > paid(210) > paid(240) > paid(250) == paid(400) == paid(5_000, usual=0.0) == pytest.approx(0.5)
    assert paid(300, device_age_s=0) == paid(300, network_age_s=0) == paid(5_000, till=True) == 1.0
    assert clear_of(action(type_="payout"), UserState(), Seen(usd=300)) == 1.0


def test_where_neither_device_nor_network_is_named_many_payments_a_day_weigh_a_little() -> None:
    def paid(count: int, hours: int, **fields: object) -> float:
        state = UserState(paid=[START - n * hours * HOUR for n in range(count)])
        return clear_of(action(type_="payout"), state, Seen(usd=30, **fields))  # type: ignore[arg-type]

    assert paid(7, 1) == paid(12, 4) == paid(12, 1, device_age_s=0) == 1.0
    assert 1.0 > paid(9, 1) > paid(12, 1) == paid(20, 1) == pytest.approx(0.8)


def test_a_large_payment_of_an_accounts_first_day_and_one_that_names_no_place_weigh() -> None:
    young = UserState(signup_ms=START)
    assert clear_of(action(type_="transaction"), young, Seen(usd=400)) < 1.0
    assert clear_of(action(type_="transaction"), young, Seen(usd=30)) == 1.0
    assert clear_of(action(type_="transaction"), UserState(), Seen(usd=30, unplaced=True)) < 1.0
