import pytest

from tests.core.story import Town

HOME = {"ip": "192.0.2.1", "device_id": "phone"}


def kinds(town: Town) -> list[tuple[str, str]]:
    return sorted((key, signal.kind) for key, signal in town.signals)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "login"},
        {"type": "page_view", "path": "/"},
        {"type": "transaction", "amount": 5, "card_id": "c1"},
        {"type": "transaction", "amount": 5, "merchant_id": "m1", "outcome": "failure", "card_id": "c1"},
        {"type": "signup", "outcome": "failure"},
    ],
)
def test_ordinary_life_at_home_tells_the_sources_nothing(fields: dict[str, object]) -> None:
    town = Town()
    town.play({"type": "login", "at": 0, **HOME}, {"type": "transaction", "at": 1, "card_id": "c1", **HOME})
    town.signals.clear()
    town.play({"at": 60, **HOME, **fields})
    assert kinds(town) == []


def test_a_failure_at_home_is_told_to_the_address_only() -> None:
    town = Town()
    town.play({"type": "login", "at": 0, **HOME})
    town.signals.clear()
    town.play({"type": "login", "at": 60, "outcome": "failure", **HOME})
    assert kinds(town) == [("ip:192.0.2.1", "failed_login")]


def test_a_failure_on_a_strange_device_is_told_to_all_that_it_came_from() -> None:
    town = Town()
    town.play({"type": "login", "at": 0, "outcome": "failure", **HOME})
    assert kinds(town) == [
        ("all", "failed_login"),
        ("device:phone", "new_user"),
        ("ip:192.0.2.1", "failed_login"),
        ("network:192.0.2.0/24", "failed_login"),
    ]


def test_a_known_device_on_a_new_network_is_told_to_the_address_only() -> None:
    town = Town()
    town.play({"type": "login", "at": 0, **HOME})
    town.signals.clear()
    town.play({"type": "login", "at": 60, "device_id": "phone", "ip": "198.51.100.1"})
    assert kinds(town) == [("ip:198.51.100.1", "login")]


def test_without_a_device_the_network_tells_whether_a_login_is_familiar() -> None:
    town = Town()
    town.play({"type": "login", "at": 0, "ip": "192.0.2.1"})
    town.signals.clear()
    town.play({"type": "login", "at": 60, "ip": "192.0.2.9"}, {"type": "login", "at": 61})
    assert kinds(town) == []


def test_a_payment_tells_its_merchant_and_a_new_card_its_device_and_address() -> None:
    town = Town()
    town.play({"type": "login", "at": 0, **HOME})
    town.signals.clear()
    town.play({"type": "transaction", "at": 60, "card_id": "c1", "merchant_id": "m1", "amount": 3, **HOME})
    new_card = [("device:phone", "new_card"), ("ip:192.0.2.1", "new_card")]
    assert kinds(town) == [*new_card, ("merchant:m1", "payment")]
    town.signals.clear()
    other = {"type": "transaction", "card_id": "c2", "merchant_id": "m1", "amount": 3, **HOME}
    town.play({**other, "at": 120, "outcome": "failure"}, {**other, "at": 180})
    # Declined, which the merchant does not hear of; then known.
    assert kinds(town) == [*new_card, ("merchant:m1", "payment")]


def test_a_signup_is_told_to_its_address() -> None:
    town = Town()
    town.play({"type": "signup", "at": 0, "ip": "192.0.2.1"})
    assert kinds(town) == [("ip:192.0.2.1", "signup")]
