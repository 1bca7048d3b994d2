"""Settings at their edges, that no example of a rule has."""

from typing import Any

import pytest

from core.rules.book import RuleBook
from core.rules.entry import NOT_ENOUGH, Answer, Example
from core.rules.trial import answers

DAY = 86_400


def last_answer(rule_id: str, threshold: str, value: float, *events: dict[str, Any]) -> Answer:
    book = RuleBook({f"rule_{rule_id}_{threshold}": value})
    return answers(book, book.by_id[rule_id], Example(name="", events=events, hit=False))[-1]


def payments(count: int) -> list[dict[str, Any]]:
    return [{"type": "transaction", "at": n * DAY, "amount": 30, "currency": "EUR"} for n in range(count)]


@pytest.mark.parametrize("known", [3, 4])
def test_a_spike_over_fewer_payments_than_can_be_compared_is_not_known(known: int) -> None:
    spike = {"type": "transaction", "at": 20 * DAY, "amount": 4_000, "currency": "EUR"}
    assert last_answer("amount_spike", "least_payments", 3, *payments(known), spike) is NOT_ENOUGH


@pytest.mark.parametrize(("rule_id", "threshold"), [("amount_spike", "least_usd"), ("large_amount", "ceiling_usd")])
@pytest.mark.parametrize("known", [0, 12])
def test_a_payment_without_an_amount_is_neither_a_spike_nor_large_from_nothing_on(
    rule_id: str, threshold: str, known: int
) -> None:
    unnamed = {"type": "transaction", "at": 20 * DAY}
    assert last_answer(rule_id, threshold, 0, *payments(known), unnamed) is None
