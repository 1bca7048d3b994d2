import pytest

from core.clock import DAY, HOUR
from core.events import Action
from core.seen import FAMILIAR_S, Seen
from core.state import UserState
from core.suspicion import FAMILIAR_SHARE, HALF_LIFE_MS, STRANGE_SHARE, clear_of, lingering, raise_suspicion

START = 1_772_442_000_000
STRANGER = Seen(device_age_s=60, network_age_s=60)
AT_HOME = Seen(device_age_s=FAMILIAR_S, network_age_s=FAMILIAR_S)


def action(time_ms: int = START, type_: str = "page_view") -> Action:
    return Action(event_id="e1", key=b"12345678", type=type_, user_id="u1", time_ms=time_ms)


def alarmed(weight: float = 0.8) -> UserState:
    state = UserState()
    raise_suspicion(state, START, weight)
    return state


def test_an_alarm_halves_with_time_and_is_forgotten() -> None:
    state = alarmed(0.8)
    assert lingering(state, START) == 0.8
    assert lingering(state, START + HALF_LIFE_MS) == pytest.approx(0.4)
    assert lingering(state, START + 2 * DAY) == 0.0


def test_nothing_lingers_before_it_was_raised_or_where_nothing_was() -> None:
    assert lingering(alarmed(), START - 1) == 0.0
    assert lingering(UserState(), START) == 0.0


def test_the_louder_alarm_stands_and_a_late_one_is_weighed_by_its_age() -> None:
    state = alarmed(0.8)
    raise_suspicion(state, START + HOUR, 0.1)
    assert state.suspicion == pytest.approx(0.8 * 0.5 ** (1 / 6))
    assert state.suspicion_ms == START + HOUR
    raise_suspicion(state, START + HOUR - HALF_LIFE_MS, 0.9)
    assert (state.suspicion, state.suspicion_ms) == (pytest.approx(0.8 * 0.5 ** (1 / 6)), START + HOUR)


@pytest.mark.parametrize(
    ("seen", "share"), [(STRANGER, STRANGE_SHARE), (AT_HOME, FAMILIAR_SHARE), (Seen(), FAMILIAR_SHARE)]
)
def test_it_weighs_on_strangers_and_hardly_on_whoever_is_at_home_or_names_no_place(seen: Seen, share: float) -> None:
    assert clear_of(action(), alarmed(0.5), seen) == pytest.approx(1 - share * 0.5)


def test_strange_places_and_failures_weigh_a_little_by_themselves() -> None:
    state = UserState()
    assert clear_of(action(), state, AT_HOME) == 1.0
    for seen in (Seen(own=False, outsider=True), Seen(strange=True, device_age_s=60, network_age_s=60)):
        assert 0.8 < clear_of(action(type_="login"), state, seen) < 1.0
    assert 0.9 < clear_of(action(type_="otp"), state, Seen(own=False)) < 1.0
    assert clear_of(action(type_="login"), state, Seen(own=False)) == 1.0
