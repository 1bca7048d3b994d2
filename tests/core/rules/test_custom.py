import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.observe import observe
from core.records import EVENT_TYPES
from core.rules.custom import NO_CUSTOM_RULES, BadRule, CustomRules, lint
from core.rules.definitions import RULES_MAX, definitions_in
from core.rules.entry import Severity
from core.rules.nodes import Node, plain
from core.rules.tally import SOURCE_RINGS_MAX, USER_RINGS_MAX, USER_SAMPLES_MAX
from core.rules.unless import counterfactual
from core.signal import CUSTOM, Out, Signal
from core.source_state import SourceState
from core.state import UserState
from tables.users import USER_MAX_BYTES, encode_user
from tests.core.rules.story_events import an_action
from tests.core.story import MONDAY_MS, Town

LARGE = {"id": "large", "title": "Large", "severity": "MEDIUM", "when": {"field": "amount", "gt": 100}}


def rule(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**LARGE, **changes}.items() if value is not None}


def windowed(**window: Any) -> dict[str, Any]:
    return rule(id="windowed", when=None, types=["transaction"], window={"seconds": 60, "gte": 3, **window})


def compiled(*definitions: Any) -> CustomRules:
    return CustomRules.compile(definitions, regex=re.compile)


def totals(rules: CustomRules, *events: dict[str, Any]) -> list[bool]:
    """Whether each event of one user hit anything."""
    state = UserState()
    answers = []
    for fields in events:
        action = an_action(**{"type": "transaction", **fields})
        answers.append(bool(rules.check(action, state, observe(state, action), {})))
    return answers


def at(*seconds: float, **fields: Any) -> list[dict[str, Any]]:
    return [{"at": second, **fields} for second in seconds]


def test_a_rule_hits_where_its_condition_holds_and_nowhere_else() -> None:
    rules = compiled(rule(types="transaction"))
    assert totals(rules, {"amount": 101}, {"amount": 100, "at": 1}, {"at": 2}, {"amount": 101, "type": "payout"}) == [
        True,
        False,
        False,
        False,
    ]


def test_a_definition_becomes_a_rule_like_the_books() -> None:
    (own,) = compiled(
        rule(
            kind="COMPLIANCE",
            period_s=60,
            weight=0.25,
            mode="shadow",
            channels=["slack"],
            suggest=["Look"],
            attack=["T1078"],
            types=["login", "login"],
        )
    ).rules
    assert (own.rule.kind, own.rule.period_s, own.rule.weight, own.mode) == ("COMPLIANCE", 60, 0.25, "shadow")
    assert (own.channels, own.rule.suggest, own.rule.attack) == (("slack",), ("Look",), ("T1078",))
    assert (own.rule.severity, own.rule.types, own.rule.scope) == (Severity.MEDIUM, ("login",), "user")
    assert own.rule.check() is None


def test_defaults_are_live_security_and_every_type() -> None:
    (own,) = compiled(rule()).rules
    assert (own.mode, own.rule.kind, own.rule.types, own.rule.weight) == ("live", "SECURITY", EVENT_TYPES, 0.3)


def test_the_wire_s_name_of_the_id_will_do() -> None:
    assert compiled(rule(id=None, rule_id="wire")).by_id.keys() == {"wire"}


def test_a_rule_that_is_off_is_checked_when_compiled_and_never_asked() -> None:
    rules = compiled(rule(mode="off"))
    assert rules.rules == ()
    assert totals(rules, {"amount": 500}) == [False]


@pytest.mark.parametrize(
    ("window", "events", "answers"),
    [
        ({}, at(0, 20, 40), [False, False, True]),
        ({}, at(0, 40, 80), [False, False, False]),
        ({}, at(40, 0, 20), [False, False, True]),
        ({"gte": None, "gt": 3}, at(0, 1, 2, 3), [False, False, False, True]),
        ({"of": "sum", "field": "amount"}, at(0, 1, 2, amount=1.5), [False, True, True]),
        ({"of": "sum", "field": "amount"}, at(0, 100, 200, amount=1.5), [False, False, False]),
        ({"of": "sum", "field": "amount"}, at(0, 1, 2), [False, False, False]),
        ({"of": "sum", "field": "attributes.n"}, at(0, 1, attributes={"n": True}), [False, False]),
        ({"of": "sum", "field": "attributes.n"}, at(0, 1, attributes={"n": 2}), [False, True]),
        ({"of": "distinct", "field": "card_id"}, at(0, 1, 2, 3, card_id="c"), [False] * 4),
        (
            {"of": "distinct", "field": "card_id"},
            [*at(0, card_id="a"), *at(1, card_id="b"), *at(30, card_id="a"), *at(55, card_id="c"), *at(59)],
            [False, False, False, True, False],
        ),
    ],
)
def test_a_window_counts_by_event_time(window: dict[str, Any], events: list[Any], answers: list[bool]) -> None:
    definition = windowed(**window)
    definition["window"] = {key: value for key, value in definition["window"].items() if value is not None}
    assert totals(compiled(definition), *events) == answers


def test_a_sum_of_very_many_never_lacks_any() -> None:
    rules = compiled(windowed(of="sum", field="amount", gte=100, seconds=86_400))
    answers = totals(rules, *at(*range(0, 1_000, 10), amount=1))
    assert answers.index(True) == 99


def test_the_windows_of_a_user_are_bounded_whatever_rules_there_are() -> None:
    rules = compiled(*({**windowed(gte=50, seconds=7 * 86_400), "id": f"r{n:063d}"} for n in range(20)))
    state = UserState()
    for second in range(200):
        action = an_action(at=second, type="transaction", amount=1)
        rules.check(action, state, observe(state, action), {})
        assert len(state.custom) <= USER_RINGS_MAX
        assert sum(map(len, state.custom.values())) <= USER_SAMPLES_MAX
    assert len(encode_user(state)) < USER_MAX_BYTES


def test_one_window_may_have_all_the_room() -> None:
    rules = compiled(windowed(gte=50, seconds=3_600))
    assert totals(rules, *at(*range(60))).index(True) == 49


@pytest.mark.parametrize("by", ["ip", "device", "network", "merchant"])
def test_a_window_by_source_alerts_about_the_source(by: str) -> None:
    rules = compiled(windowed(by=by, gte=3, of="distinct", field="user_id"))
    town = Town(custom=rules)
    there = {"ip": "192.0.2.1", "device_id": "d1", "merchant_id": "m1", "type": "transaction"}
    town.play(*({"at": n, "user_id": f"u{n % 3}", **there} for n in range(4)))
    alerts = town.by_rule("windowed")
    assert len(alerts) == 1
    assert alerts[0].user_id is None
    assert alerts[0].source.type == by  # type: ignore[union-attr]
    assert sorted(alerts[0].users) == ["u0", "u1", "u2"]  # type: ignore[arg-type]
    assert alerts[0].reasons[0].text == "Large: 3 distinct of user_id within 60 s"


def test_an_event_without_the_source_is_not_counted() -> None:
    out: Out = {}
    state = UserState()
    action = an_action(type="transaction")
    assert compiled(windowed(by="ip")).check(action, state, observe(state, action), out) == []
    assert out == {}


def test_a_signal_for_a_rule_that_is_gone_or_has_no_window_is_nothing() -> None:
    state = SourceState()
    for about in ("gone", "large"):
        signal = Signal(CUSTOM, MONDAY_MS, "u1", "e1", about)
        assert compiled(rule()).check_source(state, signal) is None
    assert state.custom == {}


def test_the_windows_of_a_source_are_bounded() -> None:
    rules = compiled(*({**windowed(by="ip", gte=100), "id": f"r{n}"} for n in range(20)))
    state = SourceState()
    for n in range(3_000):
        rules.check_source(state, Signal(CUSTOM, MONDAY_MS + n, f"u{n}", "e", f"r{n % 20}"))
    assert len(state.custom) <= SOURCE_RINGS_MAX


def test_user_rules_alert_in_live_and_shadow_through_detection() -> None:
    town = Town(custom=compiled(rule(), rule(id="dark", mode="shadow", severity="CRITICAL")))
    town.play({"type": "transaction", "at": 0, "amount": 500})
    assert town.by_rule("large")[0].mode == "live"
    assert town.by_rule("dark")[0].mode == "shadow"
    assert town.users["u1"].lock is None


def test_a_rule_that_raises_is_counted_and_harms_no_other() -> None:
    class Broken:
        def search(self, text: str) -> object:
            raise MemoryError(text)

    definitions = [rule(id="broken", when={"field": "path", "regex": "x"}), rule()]
    rules = CustomRules.compile(definitions, regex=lambda _: Broken())
    assert totals(rules, {"amount": 500, "path": "/"}, {"amount": 500, "path": "/", "at": 1}) == [True, True]
    assert rules.errors == {"broken": 2}
    sourced = compiled(windowed(by="ip"))
    spoiled = SourceState(custom={"windowed": None})  # type: ignore[dict-item]
    spoiled.custom["windowed"] = [None]  # type: ignore[list-item]
    assert sourced.check_source(spoiled, Signal(CUSTOM, 0, "u1", "e1", "windowed")) is None
    assert sourced.errors == {"windowed": 1}


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ("text", "a rule is a mapping"),
        (rule(id=None), "has an id"),
        (rule(title=None), "has a title"),
        (rule(severity=None), "has a severity"),
        (rule(severity="URGENT"), "one of LOW"),
        (rule(severity=[1]), "one of LOW"),
        (rule(id="a b"), "letters, digits"),
        (rule(id="é"), "letters, digits"),
        (rule(id="___"), "letters, digits"),
        (rule(id="x" * 65), "1 to 64"),
        (rule(id="velocity"), "already"),
        (rule(when=None), "when, window or both"),
        (rule(colour="red"), "no 'colour'"),
        (rule(types=[]), "empty"),
        (rule(types=["purchase"]), "one of signup"),
        (rule(types="purchase"), "one of signup"),
        (rule(kind="OTHER"), "one of TRANSACTION"),
        (rule(mode="on"), "one of live, shadow, off"),
        (rule(weight=2), "from 0 to 1"),
        (rule(period_s=0), "from 1 to"),
        (rule(channels="slack"), "is a list"),
        (rule(channels=["x"] * 11), "more than 10"),
        (rule(suggest=[5]), "is a text"),
        (windowed(seconds=7 * 86_400 + 1), "from 1 to 604800"),
        (windowed(seconds=None), "from 1 to 604800"),
        (windowed(gt=5), "either gt or gte"),
        (windowed(gte=51), "from 1 to 50"),
        (windowed(gte=101, by="ip"), "from 1 to 100"),
        (windowed(of="mean"), "one of count, sum, distinct"),
        (windowed(of="sum"), "sum has a field"),
        (windowed(of="sum", field="country"), "no number"),
        (windowed(of="distinct", field="nope"), "no field"),
        (windowed(field="amount"), "has no field"),
        (windowed(by="country"), "one of user, ip"),
        (windowed(per="ip"), "no 'per'"),
        (rule(window={"gte": 1}), "has seconds"),
        (rule(window=[]), "mapping"),
    ],
)
def test_a_wrong_definition_is_refused_with_the_reason(definition: Any, reason: str) -> None:
    with pytest.raises(BadRule, match=re.escape(reason)):
        CustomRules.compile([definition], regex=re.compile, taken={"velocity"})


def test_a_refusal_names_the_rule_and_the_place() -> None:
    with pytest.raises(BadRule) as caught:
        compiled(
            Node({"id": Node("r1", 2, 7), "sverity": Node("LOW", 3, 12)}, 2, 3, {"id": (2, 3), "sverity": (3, 3)})
        )
    assert (caught.value.rule_id, caught.value.line, caught.value.column) == ("r1", 3, 3)
    assert str(caught.value).startswith("r1, line 3, column 3: a rule has no 'sverity'")


def test_a_set_is_taken_as_a_whole_or_not_at_all() -> None:
    with pytest.raises(BadRule, match="two rules large"):
        compiled(rule(), rule())
    with pytest.raises(BadRule, match="more than 1000 rules"):
        compiled(*(rule(id=f"r{n}") for n in range(RULES_MAX + 1)))


def test_lint_names_the_first_fault_of_every_rule() -> None:
    faults = lint([rule(id="a", severity="X"), rule(id="b"), rule(id="b"), rule(id="c", types=[])], regex=re.compile)
    assert [fault.rule_id for fault in faults] == ["a", "c", "b"]
    assert lint([rule()], regex=re.compile) == []


def test_a_document_is_a_list_of_rules_or_has_one() -> None:
    assert len(definitions_in(plain([rule()]))) == 1
    assert len(definitions_in(plain({"rules": [rule(), rule()]}))) == 2
    assert definitions_in(plain(None)) == ()
    assert definitions_in(plain({})) == []
    with pytest.raises(BadRule, match="no 'rule'"):
        definitions_in(plain({"rule": []}))


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {"a": {"b": [object()]}}])
def test_a_value_that_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(BadRule):
        plain(value)


def test_a_value_that_is_nested_without_end_is_refused() -> None:
    value: Any = []
    value.append(value)
    with pytest.raises(BadRule, match="deeply"):
        plain(value)


def test_no_rules_cost_nothing_and_say_nothing() -> None:
    assert totals(NO_CUSTOM_RULES, {"amount": 500}) == [False]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["id", "title", "severity", "types", "when", "window", "kind", "mode", "channels", "period_s", "weight"]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.sampled_from(KEYS), ANYTHING)
def test_whatever_a_definition_holds_it_compiles_or_is_refused(key: str, value: Any) -> None:
    with suppress(BadRule):
        compiled({**LARGE, key: value})


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=40), st.integers(1, 60), st.integers(1, 8))
def test_a_count_tips_in_any_order_where_it_does_in_order(times: list[int], seconds: int, bound: int) -> None:
    rules = compiled(windowed(seconds=seconds, gte=bound))
    busiest = max(sum(start <= time < start + seconds for time in times) for start in times)
    events = [{"at": time, "event_id": f"e{n}"} for n, time in enumerate(times)]
    assert any(totals(rules, *sorted(events, key=lambda event: event["at"]))) == (busiest >= bound)
    if len(times) <= bound:
        assert any(totals(rules, *events)) == (busiest >= bound)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"when": {"field": "amount", "gt": 412}}, "at 412.00 EUR or less"),
        ({"when": {"all": [{"field": "country", "eq": "DE"}, {"field": "amount", "gte": 412}]}}, "below 412.00 EUR"),
        ({"when": {"all": [{"field": "amount", "gt": 5}, {"field": "hour", "lt": 10}]}}, "with hour at least 10"),
        ({"when": {"field": "hour", "lte": 9}}, "with hour above 9"),
        ({"when": {"field": "country", "in": ["DE", "FR"]}}, "with another country"),
        ({"when": {"field": "country", "ne": "FR"}}, "with FR for country"),
        ({"when": {"field": "new_device", "eq": True}}, "with new_device false"),
        ({"when": {"field": "card_id", "exists": False}}, "with any card_id"),
        ({"when": {"any": [{"field": "amount", "gt": 412}, {"field": "country", "eq": "DE"}]}}, None),
        ({"when": {"not": {"field": "country", "eq": "FR"}}}, None),
        ({"when": None, "window": {"seconds": 60, "gt": 1}}, "with fewer than 2 such events in 1 minute"),
        (
            {"when": None, "window": {"of": "sum", "field": "amount", "seconds": 60, "gte": 900}},
            "with amount below 900 in 1 minute",
        ),
        (
            {"when": None, "window": {"of": "distinct", "field": "device_id", "seconds": 60, "gte": 2}},
            "with fewer than 2 values of device_id in 1 minute",
        ),
    ],
)
def test_a_hit_says_what_would_have_kept_the_rule_quiet(changes: dict[str, Any], words: str | None) -> None:
    rules, state = compiled(rule(**changes)), UserState()
    found = []
    for number in range(2):
        action = an_action(
            at=number, type="transaction", amount=500, currency="EUR", country="DE", device_id=f"d{number}"
        )
        found += rules.check(action, state, observe(state, action), {})
    unless = found[-1][1].unless
    assert (None if unless is None else counterfactual(unless).text) == (
        None if words is None else f"Would not have fired {words}"
    )


def test_a_hit_at_a_source_says_so_too() -> None:
    rules = compiled(windowed(by="ip"))
    state, answers = SourceState(key="ip:1"), []
    for number in range(3):
        signal = Signal(CUSTOM, MONDAY_MS + number, f"u{number}", f"e{number}", "windowed")
        answers.append(rules.check_source(state, signal))
    assert answers[-1] is not None
    unless = answers[-1][1].unless
    assert unless is not None
    assert (unless.value, unless.limit) == (3, 3)


def test_a_sum_of_a_busy_user_holds_an_amount_for_a_part_of_the_window_too_long_and_no_more() -> None:
    rules = compiled(windowed(of="sum", field="amount", gte=130, seconds=1_000))
    # A dollar every ten seconds for hours: 100 in any thousand seconds.
    assert not any(totals(rules, *at(*range(0, 20_000, 10), amount=1)))


def test_what_is_over_never_comes_back_into_a_sum() -> None:
    rules = compiled(windowed(of="sum", field="amount", gte=50, seconds=100))
    old, new = at(*range(25), amount=1), at(*range(2_000, 2_024), amount=1)
    assert not any(totals(rules, *old, *new))
