import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.features import FEATURES, features
from core.observe import observe
from core.rules.conditions import CONDITIONS_MAX, DEPTH_MAX, FIELDS, VALUES_MAX, compile_condition
from core.rules.nodes import BadRule, Node, plain
from core.state import UserState
from tests.core.rules.story_events import an_action

ACTION = an_action(
    type="transaction",
    amount=120.5,
    country="SE",
    currency="EUR",
    ip="192.0.2.1",
    user_agent="curl/8.0",
    path="/admin/users",
    device_id="d1",
    attributes={"vpn": True, "tier": "trial", "tries": 3, "flag": False, "nothing": None},
)


def holds(condition: Any, action: Any = ACTION) -> bool:
    state = UserState()
    seen = observe(state, action)
    compiled = compile_condition(plain(condition), re.compile)
    row = features(action, state, seen) if compiled.needs_row else None
    return compiled.matches(action, state, seen, row)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"field": "amount", "gt": 120}, True),
        ({"field": "amount", "gt": 120.5}, False),
        ({"field": "amount", "gte": 120.5}, True),
        ({"field": "amount", "lt": 120.5}, False),
        ({"field": "amount", "lte": 120.5}, True),
        ({"field": "amount", "gt": 100, "lt": 200}, True),
        ({"field": "amount", "gt": 100, "lt": 110}, False),
        ({"field": "amount", "gt": 1, "gte": 1, "lt": 200, "ne": 3}, True),
        ({"field": "amount", "op": "gt", "value": 100}, True),
        ({"field": "amount", "eq": 120.5}, True),
        ({"field": "amount", "in": [1, 120.5]}, True),
        ({"field": "lat", "lt": 5}, False),
        ({"field": "country", "eq": "se"}, True),
        ({"field": "country", "ne": "SE"}, False),
        ({"field": "country", "ne": "NO"}, True),
        ({"field": "payee_id", "ne": "p"}, False),
        ({"field": "payee_id", "exists": False}, True),
        ({"field": "country", "exists": True}, True),
        ({"field": "currency", "in": ["usd", "eur"]}, True),
        ({"field": "user_agent", "contains": "curl"}, True),
        ({"field": "session_id", "contains": "curl"}, False),
        ({"field": "path", "regex": "^/admin"}, True),
        ({"field": "path", "regex": "^admin"}, False),
        ({"field": "session_id", "regex": "."}, False),
        ({"field": "vpn", "eq": True}, True),
        ({"field": "vpn", "ne": True}, False),
        ({"field": "outcome", "eq": "success"}, True),
        ({"field": "type", "in": ["transaction", "payout"]}, True),
        ({"field": "hour", "eq": 9}, True),
        ({"field": "weekday", "eq": 0}, True),
        ({"field": "known_s", "eq": 0}, True),
        ({"field": "new_device", "eq": True}, True),
        ({"field": "device_age_s", "eq": 0}, True),
        ({"field": "payee_age_s", "lt": 0}, True),
        ({"field": "features.amount_size", "gt": 0.1}, True),
        ({"field": "attributes.tier", "eq": "trial"}, True),
        ({"field": "attributes.tries", "gte": 3}, True),
        ({"field": "attributes.tries", "eq": "3"}, False),
        ({"field": "attributes.tier", "gte": 3}, False),
        ({"field": "attributes.flag", "gte": 0}, False),
        ({"field": "attributes.flag", "eq": 0}, False),
        ({"field": "attributes.flag", "eq": False}, True),
        ({"field": "attributes.flag", "in": [True, "x"]}, False),
        ({"field": "attributes.tries", "contains": "3"}, False),
        ({"field": "attributes.tries", "regex": "3"}, False),
        ({"field": "attributes.nothing", "exists": True}, False),
        ({"field": "attributes.other", "ne": 1}, False),
        ({"all": [{"field": "amount", "gt": 1}, {"field": "vpn", "eq": True}]}, True),
        ({"all": [{"field": "amount", "gt": 1}, {"field": "vpn", "eq": False}]}, False),
        ({"any": [{"field": "amount", "gt": 999}, {"field": "vpn", "eq": True}]}, True),
        ({"any": [{"field": "amount", "gt": 999}]}, False),
        ({"all": [{"field": "amount", "gt": 1}]}, True),
        ({"not": {"any": [{"field": "amount", "gt": 999}]}}, True),
    ],
)
def test_a_condition_holds_or_not(condition: Any, answer: bool) -> None:
    assert holds(condition) is answer


def nested(depth: int) -> Any:
    return {"field": "amount", "gt": 1} if depth == 1 else {"not": nested(depth - 1)}


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("amount > 5", "mapping"),
        ({}, "field, or one of"),
        ({"gt": 5}, "field, or one of"),
        ({"feild": "amount", "gt": 5}, "no 'feild'"),
        ({"field": "amout", "gt": 5}, "no field 'amout'"),
        ({"field": "attributes.", "gt": 5}, "no field 'attributes.'"),
        ({"field": "last_place", "gt": 5}, "no field 'last_place'"),
        ({"field": "device_mark", "gt": 5}, "no field 'device_mark'"),
        ({"field": 5, "gt": 5}, "a field is a text"),
        ({"field": "features.nope", "gt": 5}, "no field"),
        ({"field": "amount"}, "has an operator"),
        ({"field": "amount", "above": 5}, "no 'above'"),
        ({"field": "amount", "op": "above", "value": 5}, "no operator 'above'"),
        ({"field": "amount", "op": ["gt"], "value": 5}, "no operator"),
        ({"field": "amount", "op": "gt"}, "come together"),
        ({"field": "amount", "op": "gt", "value": 1, "lt": 5}, "come together"),
        ({"field": "amount", "gt": "5"}, "is a number"),
        ({"field": "amount", "gt": True}, "is a number"),
        ({"field": "amount", "gt": float("nan")}, "is a number"),
        ({"field": "amount", "gt": 1e16}, "is a number"),
        ({"field": "amount", "eq": "5"}, "is a number"),
        ({"field": "amount", "eq": True}, "is a number"),
        ({"field": "amount", "eq": None}, "a value is"),
        ({"field": "amount", "in": 5}, "is a list"),
        ({"field": "amount", "in": [5] * (VALUES_MAX + 1)}, "more than"),
        ({"field": "amount", "contains": "5"}, "not for amount"),
        ({"field": "country", "gt": "A"}, "not for country, which is a text"),
        ({"field": "country", "op": "gt", "value": "A"}, "not for country"),
        ({"field": "country", "eq": False}, "is a text"),
        ({"field": "path", "contains": 5}, "is a text"),
        ({"field": "path", "contains": ""}, "is a text"),
        ({"field": "path", "regex": "("}, "not a regular expression"),
        ({"field": "path", "regex": "a" * 257}, "1 to 256"),
        ({"field": "vpn", "eq": "yes"}, "true or false"),
        ({"field": "vpn", "gt": 1}, "not for vpn"),
        ({"field": "vpn", "exists": 1}, "true or false"),
        ({"field": "type", "eq": "purchase"}, "one of signup"),
        ({"field": "outcome", "in": ["failed"]}, "one of success, failure"),
        ({"all": []}, "empty"),
        ({"all": {"field": "amount", "gt": 5}}, "is a list"),
        ({"all": [], "any": []}, "field, or one of"),
        ({"all": [{"field": "vpn", "eq": True}] * (CONDITIONS_MAX + 1)}, "more than 32"),
        ({"any": [{"all": [{"field": "vpn", "eq": True}] * 20}] * 2}, "more than 32"),
        (nested(DEPTH_MAX + 1), "deep"),
    ],
)
def test_a_wrong_condition_is_refused_with_the_reason(condition: Any, reason: str) -> None:
    with pytest.raises(BadRule, match=re.escape(reason)):
        compile_condition(plain(condition), re.compile)


def test_what_is_wrong_is_named_where_it_stands() -> None:
    node = Node(
        {"field": Node("amount", 3, 8), "above": Node(5, 4, 12)},
        3,
        1,
        {"field": (3, 1), "above": (4, 5)},
    )
    with pytest.raises(BadRule) as caught:
        compile_condition(node, re.compile)
    assert (caught.value.line, caught.value.column) == (4, 5)


def test_every_feature_and_everything_seen_is_a_field() -> None:
    assert {f"features.{name}" for name in FEATURES} <= FIELDS.keys()
    assert {"new_payee", "gap_ms", "kilometres", "usd"} <= FIELDS.keys()
    for name, field in FIELDS.items():
        assert holds({"field": name, "exists": True}) in (True, False), field


def test_a_field_that_is_a_number_is_one_however_much_is_known_of_the_user() -> None:
    state = UserState()
    observe(state, an_action(at=0, country="DE", ip="192.0.2.1", device_id="d1"))
    away = an_action(at=600, country="PE", ip="203.0.113.9", device_id="d2", lat=-12.0, lon=-77.0, amount=5)
    seen = observe(state, away)
    row = features(away, state, seen)
    for field in FIELDS.values():
        if field.type == "number":
            assert isinstance(field.get(away, state, seen, row), int | float), field.name


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from(
    ["field", "all", "any", "not", "op", "value", "gt", "eq", "ne", "in", "contains", "regex", "exists", "lt", "x"]
)
VALUES = SCALARS | st.sampled_from([*FIELDS, "attributes.x", "gt", "regex"])
CONDITIONS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(CONDITIONS)
def test_whatever_is_written_either_compiles_and_runs_or_is_refused(condition: Any) -> None:
    try:
        compile_condition(plain(condition), re.compile)
    except BadRule:
        return
    assert holds(condition) in (True, False)
