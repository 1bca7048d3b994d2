"""The breaker opens, probes, and closes."""

from argus.notify.breaker import Breaker


def test_it_opens_after_failures_in_a_row_and_a_probe_closes_it() -> None:
    breaker = Breaker(failures_max=3, first_s=10, most_s=15)
    for _ in range(2):
        breaker.failed(0)
    breaker.succeeded()
    for _ in range(3):
        assert breaker.allows(0)
        breaker.failed(0)
    assert breaker.open
    assert not breaker.allows(9.9)
    assert breaker.allows(10)
    assert not breaker.allows(10)
    breaker.succeeded()
    assert not breaker.open
    assert breaker.allows(10)


def test_a_failed_probe_doubles_the_pause_up_to_a_bound() -> None:
    breaker = Breaker(failures_max=1, first_s=10, most_s=15)
    breaker.failed(0)
    assert breaker.allows(10)
    breaker.failed(10)
    assert not breaker.allows(24.9)
    assert breaker.allows(25)
    breaker.failed(25)
    assert breaker.allows(40)
