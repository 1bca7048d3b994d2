from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from agents.rules import RULES_MAX, LiveRules
from argus.rule_files import compiler, read_definition
from core.rules.book import RuleBook
from core.rules.custom import BadRule
from tests.agents.household import Reports

COMPILE = compiler(RuleBook())


def rule(rule_id: str, title: str = "T", **more: Any) -> bytes:
    facts = {"id": rule_id, "title": title, "severity": "LOW", "when": {"field": "amount", "gt": 1}}
    return msgspec.json.encode(facts | more)


def live(reports: Reports, from_file: Mapping[str, bytes] | None = None) -> LiveRules:
    definitions = {rule_id: read_definition(text) for rule_id, text in (from_file or {}).items()}
    return LiveRules(COMPILE, read_definition, reports, definitions)


def titles(rules: LiveRules) -> dict[str, str]:
    return {own.rule.id: own.rule.title for own in rules.current().rules}


def test_a_record_adds_and_replaces_a_rule_and_the_set_is_swapped_whole() -> None:
    reports = Reports()
    rules = live(reports)
    before = rules.current()
    rules.take(b"a", rule("a"))
    rules.take(b"b", rule("b"))
    rules.take(b"a", rule("a", "Other"))
    assert titles(rules) == {"a": "Other", "b": "T"}
    assert before.rules == ()
    assert [(origin, len(ids), ok) for origin, ids, ok in reports["rules"]] == [
        ("custom", count, True) for count in (0, 1, 2, 2)
    ]


def test_the_topics_word_goes_before_the_files_and_its_end_brings_the_files_back() -> None:
    rules = live(Reports(), {"a": rule("a", "From the file")})
    rules.take(b"a", rule("a", "From the topic"))
    assert titles(rules) == {"a": "From the topic"}
    rules.take(b"a", None)
    assert titles(rules) == {"a": "From the file"}
    rules.take(b"b", rule("b"))
    rules.take(b"b", None)
    rules.take(b"never-there", None)
    assert titles(rules) == {"a": "From the file"}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        rule("a", severity="WORST"),
        rule("a", when={"field": "amount", "regex": "("}),
        rule("payment_velocity"),
    ],
    ids=["empty", "no text", "no yaml", "none", "severity", "regex", "taken"],
)
def test_a_bad_rule_is_refused_and_the_old_set_goes_on(bad: bytes) -> None:
    reports = Reports()
    rules = live(reports)
    rules.take(b"a", rule("a"))
    before = rules.current()
    with pytest.raises(BadRule):
        rules.take(b"a", bad)
    assert rules.current() is before
    assert reports["rules"][-1] == ("custom", ["a"], False)
    rules.take(b"c", rule("c"))
    assert set(titles(rules)) == {"a", "c"}


def test_a_rule_that_is_off_is_known_and_not_in_force() -> None:
    rules = live(Reports(), {"a": rule("a")})
    rules.take(b"a", rule("a", mode="off"))
    assert titles(rules) == {}


def test_there_is_a_most_of_rules() -> None:
    full = {f"r{number}": rule(f"r{number}") for number in range(RULES_MAX)}
    reports = Reports()
    rules = live(reports, full)
    with pytest.raises(BadRule, match="there are 1000 rules already"):
        rules.take(b"one-more", rule("one-more"))
    assert len(rules.current().rules) == RULES_MAX
    assert reports["rules"][-1] == ("custom", list(full), False)
    rules.take(b"r0", rule("r0", "Still replaced"))
    assert titles(rules)["r0"] == "Still replaced"


def test_a_worker_with_wrong_rules_in_its_file_does_not_start() -> None:
    with pytest.raises(BadRule):
        live(Reports(), {"a": rule("a", severity="WORST")})
