import numpy as np

from models.trust import Trust

ALL = np.uint8(3)


def earned(frauds: int, raised: int, silent: int = 0, false: int = 0) -> Trust:
    trust = Trust(("a", "b"))
    for at in range(frauds):
        trust.fraud(3, 1 if at < raised else 0)
    trust.silence(np.full(silent, 3, np.uint8), np.array([1] * false + [0] * (silent - false), np.uint8))
    return trust


def test_who_has_proved_nothing_has_no_trust() -> None:
    assert earned(0, 0).all() == {"a": 0.0, "b": 0.0}


def test_trust_grows_with_the_frauds_that_were_seen_before_they_were_known() -> None:
    assert 0.0 < earned(10, 5).of("a") < earned(10, 10).of("a") < earned(100, 100).of("a") < 1.0
    assert earned(100, 100).of("b") == 0.0


def test_frauds_of_before_a_model_spoke_are_not_held_against_it() -> None:
    trust = earned(50, 50)
    before = trust.of("a")
    trust.fraud(0, 0)
    assert trust.of("a") == before


def test_false_alarms_cost_trust_beyond_twice_the_share_that_is_meant() -> None:
    assert earned(100, 100, 1_000, 20).of("a") == earned(100, 100).of("a")
    assert earned(100, 100, 1_000, 100).of("a") < 0.3 * earned(100, 100).of("a")


def test_old_merits_fade() -> None:
    trust = earned(300, 300)
    for _ in range(1_000):
        trust.fraud(3, 0)
    assert trust.of("a") < 0.01


def test_bits_say_whose_score_is_in_the_tail() -> None:
    trust = Trust(("a", "b", "c"))
    shares = np.array([[0.999, 0.5], [0.5, 0.999], [0.999, 0.999], [0.99, 0.0]])
    assert trust.bits(("a", "c"), shares).tolist() == [1, 4, 5, 0]
