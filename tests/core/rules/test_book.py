import re
from typing import Any

import pytest

from core.records import EVENT_TYPES
from core.rules.book import RULES, THRESHOLDS, BoundRule, RuleBook
from core.rules.entry import NOT_ENOUGH, Example, Hit, Rule, Severity
from core.rules.limits import LIMITS
from core.rules.trial import answers, run_example

BOOK = RuleBook()
USER_RULES = [rule for rule in BOOK.rules if rule.rule.scope == "user"]
STORIES = [
    pytest.param(rule, story, id=f"{rule.id}: {story.name}") for rule in USER_RULES for story in rule.rule.examples
]
UNITS = ("_s", "_ms", "_km", "_kmh", "_usd", "_0_1")
# Measures in the names of thresholds, and the units that must then end them.
MEASURES = {
    "window": "_s",
    "memory": "_s",
    "idle": "_s",
    "awake": "_s",
    "speed": "_kmh",
    "score": "_0_1",
}


def by_id(rule: Rule) -> str:
    return rule.id


def test_ids_are_unique_and_plain() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{2,31}", rule_id) for rule_id in ids)


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_a_rule_says_all_that_people_need(rule: Rule) -> None:
    for text in (rule.title, rule.words, rule.default_source, rule.gaps):
        assert text.strip() == text != ""
    assert rule.suggest
    assert rule.types
    assert rule.period_s > 0
    assert rule.weight <= 1
    assert (rule.weight > 0) != ("risk" in rule.inputs)
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?|OAT-0(0[1-9]|1\d|2[01])", attack) for attack in rule.attack)


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_thresholds_are_numbers_whose_names_carry_their_unit(rule: Rule) -> None:
    for name, default in rule.thresholds.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert default >= 0
        measure = name.removesuffix("_s").split("_")[-1] if name.endswith("_s") else name.split("_")[0]
        if measure in MEASURES and not name.endswith(UNITS):
            pytest.fail(f"{name} lacks its unit {MEASURES[measure]}")


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_a_rule_has_an_example_each_way(rule: Rule) -> None:
    assert {example.hit for example in rule.examples} == {True, False}
    names = [example.name for example in rule.examples]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", [bound.rule for bound in USER_RULES], ids=by_id)
def test_a_user_rule_is_woken_by_types_of_events(rule: Rule) -> None:
    assert set(rule.types) <= set(EVENT_TYPES)
    assert not rule.sources


@pytest.mark.parametrize(("rule", "example"), STORIES)
def test_an_example_tells_the_truth(rule: BoundRule, example: Example) -> None:
    hit, severity = run_example(BOOK, rule, example)
    assert hit == example.hit
    if example.severity is not None:
        assert severity == example.severity


@pytest.mark.parametrize("rule", USER_RULES, ids=lambda bound: bound.id)
def test_no_hit_is_below_the_rules_own_severity_but_for_those_that_say_so(rule: BoundRule) -> None:
    softer = {
        "login_brute_force",
        "mule_fan_out",
        "impossible_travel",
        "session_hijack",
        "card_testing",
        "cards_per_user",
        "new_device_large_payment",
        "credential_change_payout",
        "success_after_attack",
        "payment_at_compromised_merchant",
        "several_weak_signals",
    }
    said = [
        answer for example in rule.rule.examples for answer in answers(BOOK, rule, example) if isinstance(answer, Hit)
    ]
    assert said
    assert all(answer.text and answer.text[-1] != "." for answer in said)
    if rule.id not in softer:
        assert min(answer.severity for answer in said) >= rule.rule.severity


@pytest.mark.parametrize(
    ("rule_id", "events"),
    [
        ("new_device_login", [{"type": "login", "at": 0, "device_id": "d"}]),
        ("new_country_login", [{"type": "login", "at": 0, "country": "DE"}]),
        ("new_device_large_payment", [{"type": "transaction", "at": 0, "device_id": "d", "amount": 500}]),
        ("amount_spike", [{"type": "transaction", "at": 0, "amount": 500}]),
        ("cards_per_user", [{"type": "transaction", "at": n, "amount": 5, "card_id": f"c{n}"} for n in range(3)]),
        ("anomaly", [{"type": "login", "at": 0}]),
    ],
)
def test_a_rule_that_knows_too_little_says_so(rule_id: str, events: list[dict[str, Any]]) -> None:
    story = Example(name="", events=tuple(events), hit=False, scores={"a": 1.0})
    assert answers(BOOK, BOOK.by_id[rule_id], story)[-1] is NOT_ENOUGH


def test_lookups_know_every_live_rule_and_no_other() -> None:
    book = RuleBook(modes={"payment_velocity": "off", "large_amount": "shadow"})
    payments = [rule.id for rule in book.user_rules("transaction")]
    assert "payment_velocity" not in payments
    assert "large_amount" in payments
    assert book.by_id["large_amount"].mode == "shadow"
    assert book.by_id["payment_velocity"].mode == "off"
    assert payments[-1] == "several_weak_signals"
    assert book.user_rules("no such type") == ()
    assert {rule.id for rule in book.reputation_rules("login")} == {"attacker_logged_in", "ring_member"}
    assert {rule.id for rule in book.model_rules("payout")} == {"anomaly"}
    assert all(not rule.rule.inputs for type_ in EVENT_TYPES for rule in book.user_rules(type_))
    assert book.source_rules("no such kind") == ()
    source_kinds = {kind for rule in RULES if rule.scope == "source" for kind in rule.types}
    assert all(book.source_rules(kind) for kind in source_kinds)


def test_a_threshold_can_be_set_by_its_name() -> None:
    name = "rule_payment_velocity_low"
    assert THRESHOLDS[name] == 3
    book = RuleBook({name: 2})
    assert book.by_id["payment_velocity"].t["low"] == 2
    assert BOOK.by_id["payment_velocity"].t["low"] == 3
    two = Example(name="", events=tuple({"type": "transaction", "at": n, "amount": 5} for n in range(2)), hit=True)
    assert run_example(book, book.by_id["payment_velocity"], two) == (True, Severity.LOW)
    assert run_example(BOOK, BOOK.by_id["payment_velocity"], two) == (False, None)


def test_a_setting_that_no_rule_has_is_named() -> None:
    with pytest.raises(ValueError, match="rule_velocity_low"):
        RuleBook({"rule_velocity_low": 2})
    with pytest.raises(ValueError, match="velocity_of_light"):
        RuleBook(modes={"velocity_of_light": "off"})
    with pytest.raises(ValueError, match="loud"):
        RuleBook(modes={"payment_velocity": "loud"})  # type: ignore[dict-item]


def test_no_threshold_can_be_set_beyond_what_is_kept() -> None:
    with pytest.raises(ValueError, match="rule_payment_velocity_critical is 99, but no more than 20"):
        RuleBook({"rule_payment_velocity_critical": 99})
    names = {(rule.id, name) for rule in RULES for name in rule.thresholds}
    assert set(LIMITS) <= names
    for bound in BOOK.rules:
        assert all(value <= LIMITS.get((bound.id, name), value) for name, value in bound.t.items())


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("brute_force_ip_failures", 300, 256),
        ("password_spray_many_slow_users", 257, 256),
        ("lockout_storm_locks", 600, 512),
        ("compromised_merchant_run_high", 65, 64),
        ("several_weak_signals_rules", 9, 8),
        ("several_weak_signals_window_s", 172_801, 172_800),
        ("amount_spike_least_payments", 201, 200),
        ("amount_spike_run", 7, 6),
    ],
)
def test_what_a_source_or_a_memory_of_hits_cannot_hold_is_refused_too(name: str, value: float, most: float) -> None:
    with pytest.raises(ValueError, match=f"rule_{name} is {value}, but no more than {most} can be counted"):
        RuleBook({f"rule_{name}": value})
    RuleBook({f"rule_{name}": most})


def test_every_count_of_a_source_rule_has_its_limit() -> None:
    counts = {"ips", "users", "slow_users", "locks", "signups", "quick_signups", "cards", "failures", "attempts"}
    source_rules = [rule for rule in RULES if rule.scope == "source"]
    named = {(rule.id, name) for rule in source_rules for name in counts | {"frauds", "run", "run_high"}}
    assert {pair for pair in named if pair[1] in BOOK.by_id[pair[0]].rule.thresholds} <= set(LIMITS)


def test_a_silence_too_short_to_be_remembered_is_refused() -> None:
    with pytest.raises(ValueError, match="rule_dormant_account_idle_s is 2500000, but less than 2592000"):
        RuleBook({"rule_dormant_account_idle_s": 2_500_000})
    RuleBook({"rule_dormant_account_idle_s": 30 * 86_400})
