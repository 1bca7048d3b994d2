from typing import Any

import pytest

from core.rules import sources_logins, sources_merchants, sources_places
from core.rules.book import RuleBook
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


@pytest.mark.parametrize(("rule_id", "people"), [("brute_force_ip", 10), ("credential_stuffing", 20)])
def test_how_many_typing_errors_are_free_at_ones_own_desk_is_a_setting(rule_id: str, people: int) -> None:
    desks = [{"user_id": f"u{n}", "ip": "198.51.100.7", "device_id": f"d{n}"} for n in range(people)]
    story: list[dict[str, Any]] = [{"type": "login", "at": n - 86_400, **desk} for n, desk in enumerate(desks)]
    story += [{"type": "login", "at": n, "outcome": "failure", **desks[n % people]} for n in range(2 * people)]
    for typos, alerts in ((2, False), (0, True)):
        town = Town(RuleBook({f"rule_{rule_id}_typos": typos}))
        town.play(*story)
        assert bool(town.by_rule(rule_id)) == alerts
