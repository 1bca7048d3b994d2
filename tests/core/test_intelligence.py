import pytest

from core.intelligence import ANSWERS_KEPT, Listed
from core.reputation import LISTED

LISTS = Listed(
    ips=["192.0.2.1", "2001:db8::1"],
    ranges=["198.51.100.0/25", "198.51.100.128/25", "198.51.100.7/32", "2001:db8:1::/48"],
    devices=["d1"],
)


@pytest.mark.parametrize(
    ("key", "listed"),
    [
        ("ip:192.0.2.1", True),
        ("ip:::ffff:192.0.2.1", True),
        ("ip:192.0.2.2", False),
        ("ip:198.51.100.200", True),
        ("ip:198.51.101.0", False),
        ("ip:0.0.0.0", False),
        ("ip:2001:db8:1:2::3", True),
        ("ip:2001:db8:2::", False),
        ("ip:None", False),
        ("device:d1", True),
        ("device:d2", False),
        ("merchant:d1", False),
        ("all", False),
    ],
)
def test_what_is_listed_has_a_reputation(key: str, listed: bool) -> None:
    found = LISTS.reputation(key)
    assert (found is not None) == listed
    if found is not None:
        assert found.level == LISTED
        assert found.in_force(1)


def test_ranges_that_touch_are_one() -> None:
    assert len(LISTS) == 2 + 2 + 1


def test_a_bad_range_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Listed(ranges=["nonsense"])


def test_answers_that_are_kept_are_bounded() -> None:
    for number in range(ANSWERS_KEPT + 2):
        LISTS.reputation(f"ip:x{number}")
    assert LISTS.reputation("ip:192.0.2.1") is not None
