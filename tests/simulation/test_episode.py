"""One attack by itself: recognisable, bounded, the same for a seed, and with its victims' days before it."""

from datetime import datetime

import pytest

from core.clock import to_ms
from core.events import decode_action, nowhere
from core.records import encode
from simulation.attacks import ATTACKS
from simulation.config import INTENSITIES
from simulation.episode import EVENTS_MOST, episode

END_MS = 1_790_000_000_000


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_a_bounded_list_of_events_that_the_contract_knows(attack: str) -> None:
    found = episode(attack, "blatant", 3, prefix="sim-x-", end_ms=END_MS)
    assert 1 <= len(found.attack) <= EVENTS_MOST
    assert len(found.history) <= EVENTS_MOST
    times = []
    for event in (*found.history, *found.attack):
        action = decode_action(encode(event), now_ms=END_MS, locate=nowhere)
        assert action.user_id.startswith("sim-x-")
        assert action.event_id.startswith("sim-x-")
        times.append(action.time_ms)
    ids = [event["event_id"] for event in (*found.history, *found.attack)]
    assert len(set(ids)) == len(ids)
    assert max(times) == END_MS == max(to_ms(datetime.fromisoformat(one["time"])) for one in found.attack)


def test_an_account_that_is_taken_over_had_a_life_before() -> None:
    found = episode("account_takeover", "typical", 1, prefix="sim-1-", end_ms=END_MS)
    (victim,) = {event["user_id"] for event in found.attack}
    assert {event["user_id"] for event in found.history} == {victim}
    assert len([event for event in found.history if event["type"] == "login"]) >= 3


@pytest.mark.parametrize("intensity", INTENSITIES)
def test_a_seed_gives_the_same_episode_and_another_seed_another(intensity: str) -> None:
    def again(seed: int) -> object:
        return episode("login_brute_force", intensity, seed, prefix="sim-1-", end_ms=END_MS)

    assert again(1) == again(1)
    assert again(1) != again(2)


def test_what_there_is_not_is_said() -> None:
    with pytest.raises(ValueError, match="attack 'x' is none of"):
        episode("x", "typical", 1, prefix="p", end_ms=END_MS)
    with pytest.raises(ValueError, match="intensity 'x' is none of"):
        episode("velocity", "x", 1, prefix="p", end_ms=END_MS)
