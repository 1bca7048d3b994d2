from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.geo import UnreadableCityFile, _place, make_locate
from core.events import Place

locate = make_locate()


def test_a_public_address_has_a_country() -> None:
    assert locate("8.8.8.8") == Place("US")
    assert locate("2001:4860:4860::8888") == Place("US")


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "::1", "", "nonsense", "1.2.3", "fe80::1%eth0"])
def test_what_is_nowhere_has_none(ip: str) -> None:
    assert locate(ip) is None


@given(st.text(max_size=50) | st.ip_addresses().map(str))
def test_no_text_makes_it_raise(text: str) -> None:
    place = locate(text)
    assert place is None or len(str(place.country)) == 2


def test_a_city_file_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCityFile, match="no city database"):
        make_locate(tmp_path / "missing.mmdb")
    (tmp_path / "empty.mmdb").write_bytes(b"not an mmdb")
    with pytest.raises(UnreadableCityFile, match="no city database"):
        make_locate(tmp_path / "empty.mmdb")


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country": {"iso_code": "SE"}, "location": {"latitude": 59.3, "longitude": 18.1}}, Place("SE", 59.3, 18.1)),
        ({"country": {"iso_code": "SE"}, "location": {}}, Place("SE")),
        ({"country": {}}, None),
        (None, None),
        ("SE", None),
    ],
)
def test_a_city_record_gives_what_it_has(record: object, place: Place | None) -> None:
    assert _place(record) == place
