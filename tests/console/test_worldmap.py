"""The map of a journey."""

from hypothesis import given
from hypothesis import strategies as st

from argus.console.worldmap import Spot, drawn, spot, travelled
from core.records import Travel

DEGREES = {
    "lat": st.floats(-90, 90),
    "lon": st.floats(-180, 180),
    "name": st.just(""),
    "weight": st.integers(1, 100),
}


def test_a_journey_is_a_line_from_the_last_place_to_this_one() -> None:
    found = travelled(Travel(11_050, 1_800, "DE", 52.5, 13.4), "PE", -12.0, -77.0)
    assert found is not None
    assert [(dot.x, dot.y) for dot in found.dots] == [(13.4, -52.5), (-77.0, 12.0)]
    (line,) = found.lines
    assert line.startswith("13.40,-52.50")
    assert line.endswith("-77.00,12.00")


def test_where_only_countries_are_known_their_middles_stand_for_them() -> None:
    assert spot("JP", None, None) == Spot(36.5, 138)
    assert travelled(Travel(9_000, 60, "DE", None, None), "JP", None, None) is not None
    assert travelled(Travel(9_000, 60, None, None, None), "JP", None, None) is None


def test_a_way_over_the_edge_of_the_map_is_cut_there() -> None:
    found = travelled(Travel(9_700, 1, "NZ", -40, 175), "CL", -33, -71)
    assert found is not None
    assert len(found.lines) == 2


@given(st.lists(st.builds(Spot, **DEGREES), min_size=1, max_size=5))
def test_the_window_stays_within_the_world(spots: list[Spot]) -> None:
    left, top, width, height = map(float, drawn(spots).view.split())
    assert left >= -180.1
    assert left + width <= 180.1
    assert 0 < height <= width
    assert top >= -90.1
    assert top + height <= 90.1


@given(st.builds(Spot, **DEGREES), st.builds(Spot, **DEGREES))
def test_any_way_can_be_drawn(start: Spot, end: Spot) -> None:
    for line in drawn([start, end], [(start, end)]).lines:
        assert "nan" not in line


@given(st.builds(Spot, **DEGREES), st.builds(Spot, **DEGREES))
def test_both_ends_are_on_the_map_unless_near_a_pole(start: Spot, end: Spot) -> None:
    left, _, width, _ = map(float, drawn([start, end]).view.split())
    assert all(left - 0.1 <= one.lon <= left + width + 0.1 for one in (start, end))
