"""Rules as people edit them."""

from pathlib import Path

import pytest

from argus.console.rule_text import MODES, checked, own_rules, record_of, text_of, with_mode
from argus.rule_files import read_definition
from core.rules.book import RuleBook
from core.rules.nodes import BadRule

BOOK = RuleBook()
BLOCK = "# why\nid: mine\ntitle: Mine\nseverity: LOW\nwhen: {field: amount, gt: 5}\n"
FLOW = "{id: mine, title: Mine, severity: LOW, when: {field: amount, gt: 5}}\n"
JSON = '{"id": "mine", "title": "Mine", "severity": "LOW", "when": {"field": "amount", "gt": 5}}'
LIST = "- id: mine\n  title: Mine\n  severity: LOW\n  when: {field: amount, gt: 5}\n"


@pytest.mark.parametrize("text", [BLOCK, FLOW, JSON, LIST, BLOCK + "mode: live # for now\n", BLOCK + "mode: 'off'\n"])
def test_a_mode_is_changed_and_all_else_stays(text: str) -> None:
    for mode in (*MODES, *MODES[::-1]):
        text = with_mode(text, mode)
        assert checked(text, "mine", BOOK).mode == mode
    assert text.count("mode") == 1
    assert ("# why" in text) == ("mine\ntitle" in text)


def test_what_is_wrong_is_named_with_its_line() -> None:
    with pytest.raises(BadRule) as bad:
        checked(BLOCK.replace("amount", "amout"), None, BOOK)
    assert (bad.value.line, bad.value.column) == (5, 15)
    with pytest.raises(BadRule, match="the id of a rule stays"):
        checked(BLOCK, "other", BOOK)
    with pytest.raises(BadRule, match="already"):
        checked(BLOCK.replace("mine", "amount_spike"), None, BOOK)
    with pytest.raises(BadRule, match="characters at most"):
        checked(BLOCK + "#" * 20_000, None, BOOK)


def test_a_record_gives_back_what_was_written_and_the_workers_can_read_it() -> None:
    record = record_of("mine", BLOCK)
    assert text_of(record.decode()) == BLOCK
    assert read_definition(record).mapping("a rule")["id"].value == "mine"
    assert text_of(BLOCK) == BLOCK
    assert text_of(JSON).startswith('{\n  "id": "mine"')


def test_the_topics_word_replaces_the_files_and_a_refused_rule_says_why(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    two = LIST + LIST.replace("mine", "two")
    file.write_text("rules:\n" + "".join(f"  {line}\n" for line in two.splitlines()))
    found = own_rules({}, file, BOOK)
    assert (found["mine"].origin, found["mine"].text) == ("file", LIST[2:].replace("\n  ", "\n"))
    assert found["two"].rule is not None
    found = own_rules({"mine": record_of("mine", with_mode(BLOCK, "off")).decode(), "bad": "{"}, file, BOOK)
    assert found["mine"].origin == "console"
    assert found["mine"].rule is not None
    assert found["mine"].rule.mode == "off"
    assert "not YAML" in found["bad"].wrong
    assert own_rules({}, tmp_path / "none.yaml", BOOK) == {}
