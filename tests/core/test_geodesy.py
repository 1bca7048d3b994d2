import pytest

from core.countries import COUNTRIES
from core.geodesy import country_gap_km, distance_km


@pytest.mark.parametrize(
    ("a", "b", "kilometres"),
    [
        ((52.52, 13.40), (48.14, 11.58), 504),
        ((51.51, -0.13), (40.71, -74.01), 5_570),
        ((0, 179.9), (0, -179.9), 22.2),
        ((90, 0), (-90, 0), 20_015),
        ((10, 10), (10, 10), 0),
    ],
)
def test_distances_are_those_of_the_globe(a: tuple[float, float], b: tuple[float, float], kilometres: float) -> None:
    assert distance_km(*a, *b) == pytest.approx(kilometres, rel=0.01)
    assert distance_km(*b, *a) == distance_km(*a, *b)


@pytest.mark.parametrize(
    ("a", "b"), [("DE", "AT"), ("DE", "PL"), ("US", "CA"), ("FR", "ES"), ("RU", "FI"), ("DE", "DE")]
)
def test_neighbours_are_never_far_apart(a: str, b: str) -> None:
    assert country_gap_km(a, b) == country_gap_km(b, a) < 500


@pytest.mark.parametrize(
    ("a", "b", "least"), [("DE", "BR", 5_000), ("US", "JP", 3_000), ("GB", "NG", 3_000), ("FR", "SG", 8_000)]
)
def test_far_countries_are_far_apart(a: str, b: str, least: float) -> None:
    assert country_gap_km(a, b) > least


def test_a_country_that_is_not_listed_is_no_distance() -> None:
    assert country_gap_km("DE", "XX") == -1


def test_the_table_holds_points_on_the_globe() -> None:
    for code, (lat, lon, radius_km) in COUNTRIES.items():
        assert len(code) == 2
        assert code.isupper()
        assert -90 < lat < 90
        assert -180 < lon < 180
        assert 30 <= radius_km < 4_000
