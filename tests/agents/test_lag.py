from agents.lag import Backlog, Lag


def test_it_is_nothing_where_all_is_done() -> None:
    assert Lag().behind(100, 100, Backlog(next_offset=100), 5_000) == (0, 0.0)
    assert Lag().behind(100, 100, Backlog(), 5_000) == (0, 0.0)


def test_nobody_knows_before_the_broker_has_answered() -> None:
    assert Lag().behind(None, None, Backlog(), 5_000) is None
    assert Lag().behind(100, None, Backlog(), 5_000) is None


def test_the_oldest_record_at_hand_has_its_own_age() -> None:
    at_hand = Backlog(records=10, oldest_ms=2_000, next_offset=90)
    assert Lag().behind(100, 100, at_hand, 5_000) == (10, 3.0)
    assert Lag().behind(None, None, at_hand, 5_000) == (10, 3.0)


def test_a_record_still_at_the_broker_is_as_old_as_the_first_sight_of_it() -> None:
    lag = Lag()
    lag.behind(100, 100, Backlog(next_offset=100), 1_000)
    assert lag.behind(120, 100, Backlog(next_offset=100), 2_000) == (20, 0.0)
    assert lag.behind(150, 100, Backlog(next_offset=100), 6_000) == (50, 4.0)
    # What was there at 2 s is done, what came until 6 s is not.
    assert lag.behind(150, 130, Backlog(next_offset=130), 8_000) == (20, 2.0)
    assert lag.behind(150, 150, Backlog(next_offset=150), 9_000) == (0, 0.0)


def test_a_broker_that_says_nothing_new_does_not_make_it_younger() -> None:
    lag = Lag()
    lag.behind(100, 90, Backlog(next_offset=90), 1_000)
    assert lag.behind(100, 90, Backlog(next_offset=90), 61_000) == (10, 60.0)


def test_clocks_that_differ_make_no_negative_age() -> None:
    assert Lag().behind(10, 0, Backlog(records=1, oldest_ms=9_000, next_offset=0), 5_000) == (10, 0.0)
