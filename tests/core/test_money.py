import pytest

from core.money import PER_DOLLAR, rough_dollars


@pytest.mark.parametrize(
    ("amount", "currency", "dollars"),
    [(10, "USD", 10), (10, None, 10), (1_500, "JPY", 10), (10, "EUR", 10), (10, "XXX", 10), (0, "JPY", 0)],
)
def test_amounts_become_roughly_comparable(amount: float, currency: str | None, dollars: float) -> None:
    assert rough_dollars(amount, currency) == dollars


def test_every_rate_is_a_positive_number_of_a_code() -> None:
    assert all(len(code) == 3 and code.isupper() and rate > 0 for code, rate in PER_DOLLAR.items())
