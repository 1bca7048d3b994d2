"""Whatever is written as a rule: a set of rules that runs on any event, or `BadRule`, and nothing in between."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.rule_files import compile_regex, parse, read_definition
from core.rules.conditions import DEPTH_MAX, OPERATORS
from core.rules.custom import BadRule, CustomRules
from core.rules.definitions import definitions_in
from core.rules.nodes import REASON_MAX_CHARS, RULE_ID_MAX_CHARS
from core.seen import Seen
from core.signal import Out
from core.state import UserState
from tests.core.rules.story_events import an_action
from tests.fuzz.mutation import mutated

EXAMPLES: Final = (Path(__file__).parents[2] / "docs" / "examples" / "rules.yaml").read_bytes()
ONE: Final = b"""{"id": "r", "title": "R", "severity": "HIGH", "types": ["transaction"], "weight": 0.5,
 "when": {"all": [{"field": "amount", "gt": 1, "lte": 100}, {"not": {"field": "path", "regex": "^/a.c$"}}]},
 "window": {"of": "sum", "field": "amount", "seconds": 600, "by": "user", "gte": 5}}"""
ACTION: Final = an_action(
    type="transaction", amount=50, path="/abc", country="SE", currency="EUR", merchant_id="m", ip="203.0.113.9",
    device_id="d", attributes={"category": "gift_card", "n": 1, "flag": True},
)  # fmt: skip
SCALARS: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
CONDITIONS: Final = st.recursive(
    st.dictionaries(st.sampled_from(("field", "op", "value", *OPERATORS["any"], "all", "x")), SCALARS, max_size=3)
    | st.builds(
        lambda field, operator, value: {"field": field, operator: value},
        st.sampled_from(("amount", "path", "vpn", "hour", "attributes.n", "features.x", "ratio", "new_device")),
        st.sampled_from(OPERATORS["any"]),
        SCALARS
        | st.lists(SCALARS, max_size=3)
        | st.sampled_from(("(a+)+$", "a{1000}{1000}", "(?=a)", "[", "^/abc$")),
    ),
    lambda inner: st.fixed_dictionaries({}, optional={"all": st.lists(inner, max_size=3), "not": inner}),
    max_leaves=6,
)


def runs_or_is_refused(definitions: Any) -> bool:
    """Whether the rules compiled; then they were asked about an event, twice, and none raised."""
    try:
        rules = CustomRules.compile(definitions() if callable(definitions) else definitions, regex=compile_regex)
    except BadRule as bad:
        assert len(bad.reason) <= REASON_MAX_CHARS
        assert len(bad.rule_id) <= RULE_ID_MAX_CHARS
        return False
    for own in rules.rules:
        assert len(own.rule.id) <= 64
        assert 0 <= own.rule.weight <= 1
    state, out = UserState(), Out()
    for _ in range(2):
        rules.check(ACTION, state, Seen(), out)
    assert rules.errors == {}
    return True


@settings(max_examples=200)
@given(mutated([ONE, EXAMPLES, EXAMPLES[: len(EXAMPLES) // 4]]))
def test_a_file_is_rules_that_run_or_is_refused(raw: bytes) -> None:
    runs_or_is_refused(lambda: definitions_in(parse(raw.decode("utf-8", "replace"))))


@settings(max_examples=150)
@given(mutated([ONE, b'{"rule_id": "r", "text": "id: r\\ntitle: R\\nseverity: LOW\\nwhen: {field: amount, gt: 1}"}']))
def test_a_record_is_a_rule_that_runs_or_is_refused(raw: bytes) -> None:
    runs_or_is_refused(lambda: [read_definition(raw)])


@settings(max_examples=250)
@given(CONDITIONS)
def test_a_condition_compiles_and_runs_or_is_refused(condition: Any) -> None:
    runs_or_is_refused([{"id": "r", "title": "R", "severity": "LOW", "when": condition}])


@pytest.mark.parametrize("open_", ["[", "{a: ", "- ", "? ", "{all: [", "!a "])
def test_nesting_without_end_is_refused(open_: str) -> None:
    assert not runs_or_is_refused(lambda: definitions_in(parse(open_ * 20_000)))


def test_a_condition_that_is_deeper_than_allowed_is_refused_however_deep() -> None:
    condition: dict[str, Any] = {"field": "amount", "gt": 1}
    for depth in range(500):
        assert runs_or_is_refused([{"id": "r", "title": "R", "severity": "LOW", "when": condition}]) == (
            depth < DEPTH_MAX
        )
        condition = {"not": condition}


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(.*)*$", "a{1000}", "((a{100}){100}){100}", "(?:(?:a?){50}){50}a"]
)
def test_a_pattern_that_is_meant_to_hang_is_refused_or_runs_in_linear_time(pattern: str) -> None:
    rule = {"id": "r", "title": "R", "severity": "LOW", "when": {"field": "path", "regex": pattern}}
    try:
        rules = CustomRules.compile([rule], regex=compile_regex)
    except BadRule:
        return
    rules.check(an_action(type="page_view", path="a" * 2_000 + "!"), UserState(), Seen(), Out())
    assert rules.errors == {}
