from pathlib import Path

import pytest

from argus.field_map import BadMapping, apply, read_mapping


def test_fields_come_from_where_the_mapping_says() -> None:
    mapping = read_mapping("user_id=user.name, type='login', time=ts, amount=sum, attributes.shop=shop")
    line = {"user": {"name": "anna"}, "ts": "1772442000.5", "sum": "12.5", "shop": 7, "other": 1}
    assert apply(mapping, line) == {
        "user_id": "anna",
        "type": "login",
        "time": 1_772_442_000_500,
        "amount": 12.5,
        "attributes": {"shop": 7},
    }


def test_what_the_line_lacks_is_left_out() -> None:
    assert apply(read_mapping("user_id=user.name,ip=ip"), {"user": "anna", "ip": None}) == {}


def test_a_key_with_dots_is_found_too() -> None:
    assert apply(read_mapping("user_id=user.name"), {"user.name": "anna"}) == {"user_id": "anna"}


def test_a_file_may_translate_words(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(
        "user_id: uid\ntype: {source: action, values: {LOGIN: login, PAY: transaction}}\n"
        "attributes.from: {constant: bank}\n"
    )
    mapping = read_mapping(str(file))
    assert apply(mapping, {"uid": 5, "action": "PAY"}) == {
        "user_id": "5",
        "type": "transaction",
        "attributes": {"from": "bank"},
    }
    assert apply(mapping, {"uid": "5", "action": "TEA"})["type"] == "TEA"


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1_772_442_000, 1_772_442_000_000),
        (1_772_442_000_123, 1_772_442_000_123),
        ("2026-03-02T09:00:00Z",) * 2,
        (True, True),
        *((odd, odd) for odd in ("nan", "-inf", 10**400)),
    ],
)
def test_times_in_seconds_become_milliseconds(value: object, time: object) -> None:
    assert apply(read_mapping("time=t"), {"t": value}) == {"time": time}


@pytest.mark.parametrize(
    "text", ["colour=x", "user_id=", "user_id", "=x", "a=b,", "attributes=x", "user_id.x=y", "/no/such/file"]
)
def test_a_wrong_mapping_is_one_line(text: str) -> None:
    with pytest.raises(BadMapping) as caught:
        read_mapping(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n", "user_id: 5\n", "user_id: {from: x}\n", "a: [\n"])
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(text)
    with pytest.raises(BadMapping) as caught:
        read_mapping(str(file))
    assert "\n" not in str(caught.value)
