import pytest

from core.rules import sources_logins, sources_merchants, sources_places
from core.rules.entry import Example, Rule
from tests.core.story import Town

RULES = [*sources_logins.RULES, *sources_places.RULES, *sources_merchants.RULES]
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}: {example.name}") for rule in RULES for example in rule.examples
]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_rule_does_what_its_example_says(rule: Rule, example: Example) -> None:
    town = Town()
    town.tell_story(example)
    alerts = town.by_rule(rule.id)
    assert bool(alerts) == example.hit
    if example.severity is not None:
        assert alerts[-1].severity == example.severity.name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_has_a_matching_and_a_quiet_example(rule: Rule) -> None:
    assert {example.hit for example in rule.examples} == {True, False}
    assert rule.scope == "source"
    assert rule.sources
    assert "window_s" in rule.thresholds
