"""What would have kept a rule quiet: what it says, and that it is so."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from core.rules.book import BoundRule, RuleBook
from core.rules.entry import Example, Hit
from core.rules.trial import answers
from core.rules.unless import Side, Unless, after, at_most, below, counterfactual, fewer, joined, nearest, otherwise

BOOK = RuleBook()
# What models say has no figure of its own.
STORIES = [
    (rule, story)
    for rule in BOOK.rules
    if rule.rule.scope == "user" and "model" not in rule.rule.inputs
    for story in rule.rule.examples
    if story.hit
]


def by_name(part: BoundRule | Example) -> str:
    return part.id if isinstance(part, BoundRule) else part.name


def hits(rule: BoundRule, story: Example) -> list[Hit]:
    return [answer for answer in answers(BOOK, rule, story) if isinstance(answer, Hit)]


def test_each_is_a_sentence_with_its_figures() -> None:
    for unless, words in (
        (fewer(7, 5, "failed logins", 600), "with fewer than 5 failed logins in 10 minutes"),
        (fewer(7, 4.5, "users"), "with fewer than 5 users"),
        (fewer(7, 5, "a", 60, fewer(7, 9, "b")), "with fewer than 5 a in 1 minute and fewer than 9 b"),
        (below(12_000, 10_000, "dollars", 86_400), "below 10,000 dollars in 1 day"),
        (at_most(11_000, 900, "km/h"), "at 900 km/h or less"),
        (after(60_000, 86_400_000, "a password change"), "more than 1 day after a password change"),
        (otherwise("from another country"), "from another country"),
        (Unless(Side.BELOW, "EUR", 500, 412, money=True), "below 412.00 EUR"),
        (Unless(Side.AT_MOST, "", 500, 412.347, money=True), "at 412.34 or less"),
        (Unless(Side.AT_LEAST, "EUR", 1, 2.001, money=True), "at 2.01 EUR or more"),
        (Unless(Side.ABOVE, "hour", 3, 6, named=True), "with hour above 6"),
    ):  # fmt: skip
        assert counterfactual(unless).text == f"Would not have fired {words}"


def test_the_figure_is_told_beside_its_words() -> None:
    told = counterfactual(fewer(7, 5, "failed logins", 600))
    assert (told.what, told.value, told.limit) == ("failed logins in 10 minutes", 7, 5)
    told = counterfactual(after(60_000, 3_600_000, "a login"))
    assert (told.what, told.value, told.limit) == ("seconds after a login", 60, 3_600)
    assert counterfactual(otherwise("elsewhere")).what is UNSET


def test_of_several_the_nearest_is_told_and_words_only_where_there_is_no_figure() -> None:
    far, near = fewer(20, 5, "logins"), fewer(6, 5, "users")
    assert nearest(far, near, otherwise("elsewhere")) == near
    assert nearest(otherwise("elsewhere")).what == "elsewhere"


def test_all_of_three_ways_are_told() -> None:
    three = joined(fewer(1, 2, "a"), fewer(1, 3, "b"), fewer(1, 4, "c"))
    assert counterfactual(three).text.endswith("with fewer than 2 a and fewer than 3 b and fewer than 4 c")


@pytest.mark.parametrize(("rule", "story"), STORIES, ids=by_name)
def test_every_hit_of_the_book_says_what_would_have_kept_it_quiet(rule: BoundRule, story: Example) -> None:
    for hit in hits(rule, story):
        assert hit.unless is not None
        # The first way is the one that it went, or one that is not met either.
        unless = hit.unless
        on_its_side = {
            Side.FEWER: unless.value >= unless.limit,
            Side.BELOW: unless.value >= unless.limit,
            Side.AT_MOST: unless.value > unless.limit,
            Side.AFTER: unless.value <= unless.limit,
        }
        ways = [unless, unless.also] if unless.also is not None else [unless]
        assert on_its_side.get(unless.side, True) or any(way.value >= way.limit for way in ways)


AMOUNTS = ("large_amount", "amount_spike", "dormant_account", "new_device_large_payment")


@pytest.mark.parametrize(("rule", "story"), [one for one in STORIES if one[0].id in AMOUNTS], ids=by_name)
def test_below_the_amount_that_is_told_the_rule_is_quiet_and_just_above_it_it_fires(
    rule: BoundRule, story: Example
) -> None:
    (hit,) = hits(rule, story)
    assert hit.unless is not None
    limit = counterfactual(hit.unless).limit
    assert isinstance(limit, float)
    assert not hits(rule, paying(story, limit - 0.01))
    assert hits(rule, paying(story, limit + 0.01))


def paying(story: Example, amount: float) -> Example:
    """The story, with that amount in its last event."""
    *before, last = story.events
    changed: dict[str, Any] = {**last, "amount": amount}
    return msgspec.structs.replace(story, events=(*before, changed))
