import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.rule_files import FILE_MAX_BYTES, compile_regex, parse, read_definition, read_rules
from core.rules.book import RuleBook
from core.rules.conditions import OPERATORS
from core.rules.custom import BadRule, CustomRules, lint
from core.rules.nodes import Node

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "rules.yaml"
RULE = '{"id": "r", "title": "R", "severity": "LOW", "when": {"field": "amount", "gt": 1}}'


def written(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: written(child) for key, child in value.items()}
    return [written(child) for child in value] if isinstance(value, list) else value


def test_the_shipped_examples_compile_beside_the_rule_book_and_use_every_operator() -> None:
    definitions = read_rules(EXAMPLES)
    rules = CustomRules.compile(definitions.values(), regex=compile_regex, taken=RuleBook().by_id)
    assert len(rules.rules) == len(definitions) - 1
    assert all(own.mode == "shadow" for own in rules.rules)
    text = EXAMPLES.read_text()
    for operator in OPERATORS["any"]:
        assert f"{operator}:" in text or f"op: {operator}" in text
    for word in ("all:", "any:", "not:", "count", "sum", "distinct", "by: user", "by: ip"):
        assert word in text


def test_yaml_is_read_as_its_version_1_2_says() -> None:
    text = "[NO, yes, on, true, False, 12:30, 2026-03-01, 0777, 1_000, 1e3, -4, .5, ~, '5', =, 0x10]"
    assert written(parse(text)) == [
        "NO",
        "yes",
        "on",
        True,
        False,
        "12:30",
        "2026-03-01",
        777,
        "1_000",
        1000.0,
        -4,
        0.5,
        None,
        "5",
        "=",
        "0x10",
    ]


def test_everything_knows_its_line_and_column() -> None:
    node = parse("a:\n  - 1\n  - b: 2\n")
    assert isinstance(node.value, dict)
    (first, second) = node.value["a"].value  # type: ignore[misc]
    assert (first.line, first.column) == (2, 5)
    assert second.keys == {"b": (3, 5)}
    assert parse("").line == 1


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: [1\nb: 2", 2, "not YAML"),
        ("a: 1\na: 2", 2, "twice"),
        ("a: &x [1]\nb: *x", 1, "anchors"),
        ("a: 1\n? [x]\n: 2", 2, "a key is a text"),
        ("a: 1\nb: !!python/object:os.system x", 2, "no value of a rule"),
        ("a: !!int x", 1, "invalid literal"),
        ("a: !!timestamp 2026-03-01", 1, "no value of a rule"),
        ("a: 1\n--- \nb: 2", 2, "not YAML"),
        ("a: 1\nb: \x00", 2, "not YAML"),
        ('a: "\\ud800"', 1, "decode"),
        ("[" * 40 + "]" * 40, 1, "deeply"),
        ("[" * 5_000, 1, "deeply"),
        ("- " * 5_000, 1, "deeply"),
        ("a: " + "9" * 5_000, 1, ""),
    ],
)
def test_bad_text_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadRule) as caught:
        parse(text)
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_what_is_wrong_in_a_file_is_named_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(EXAMPLES.read_text().replace("field: amount, seconds", "field: amout, seconds"), encoding="utf-8")
    (fault,) = lint(read_rules(path).values(), regex=compile_regex)
    line = path.read_text().splitlines()[fault.line - 1]
    assert fault.rule_id == "spent_in_a_day"
    assert line[fault.column - 1 :].startswith("amout")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("gte: 500, lt: 100000", "gte: 500, above: 1", "no 'above'"),
        ("{field: hour, lt: 5}", "{field: hour, lt: five}", "is a number"),
        (r"'^/(admin|\.git|wp-login)'", "'(?<=a)b'", "not a regular expression of RE2"),
        (r"'^/(admin|\.git|wp-login)'", r"'(a)\1'", "not a regular expression of RE2"),
        ("seconds: 86400", "seconds: 999999", "from 1 to 604800"),
        ("severity: LOW\n    mode: shadow", "severity: LOW\n    mode: quiet", "one of live"),
    ],
)
def test_lint_names_each_kind_of_fault_with_its_line(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = EXAMPLES.read_text()
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    (fault,) = lint(read_rules(path).values(), regex=compile_regex)
    assert reason in fault.reason
    assert fault.line >= text[: text.index(old)].count("\n") + 1
    assert fault.column > 0


def test_without_a_file_there_are_no_rules(tmp_path: Path) -> None:
    assert read_rules(None) == {}
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    assert read_rules(empty) == {}
    with pytest.raises(FileNotFoundError):
        read_rules(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (FILE_MAX_BYTES + 1), "more than"),
        (f"[{RULE}, {RULE}]".encode(), "two rules r"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(content)
    with pytest.raises(BadRule, match=reason):
        read_rules(path)


def test_a_rule_without_an_id_is_refused_when_compiled_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  - title: T\n  - just text\n")
    assert [fault.line for fault in lint(read_rules(path).values(), regex=compile_regex)] == [2, 3]


@pytest.mark.parametrize(
    "value",
    [
        RULE,
        "id: r\ntitle: R\nseverity: LOW\nwhen: {field: amount, gt: 1}\n",
        json.dumps({"rule_id": "r", "text": RULE}),
        json.dumps({"rule_id": "r", "text": f"rules:\n  - {RULE}"}),
        f"[{RULE}]",
    ],
)
def test_a_record_holds_one_rule_as_json_or_yaml(value: str) -> None:
    rules = CustomRules.compile([read_definition(value.encode())], regex=compile_regex)
    assert rules.by_id.keys() == {"r"}


@pytest.mark.parametrize("value", [f"[{RULE}, {RULE}]", "[]", json.dumps({"rule_id": "r", "text": ""})])
def test_a_record_with_anything_else_is_refused(value: str) -> None:
    with pytest.raises(BadRule):
        read_definition(value.encode())


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=60) | st.text(alphabet="ab:{}[],-&*!?|>'\"# \n\t1.", max_size=60).map(str.encode))
def test_whatever_a_record_holds_it_is_read_or_refused(value: bytes) -> None:
    with suppress(BadRule):
        CustomRules.compile([read_definition(value)], regex=compile_regex)


def test_an_emoji_may_come_as_two_escapes_of_json() -> None:
    assert written(parse('{"title": "\\ud83d\\ude00"}')) == {"title": "\U0001f600"}


def test_a_pattern_that_would_take_another_engine_for_ever_is_quick() -> None:
    assert not compile_regex("(a+)+$").search("a" * 2_000 + "!")
    assert compile_regex("b").search("abc")
