"""User-defined rules as people edit them: where their text comes from, what is wrong with a new one, its mode."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from argus.rule_files import FILE_MAX_BYTES, compile_regex, read_definition, read_rules
from core.records import RuleDefinition, encode
from core.rules.book import RuleBook
from core.rules.definitions import CustomRule
from core.rules.definitions import read_definition as compiled
from core.rules.nodes import BadRule, Node

TEXT_MAX_CHARS: Final = 16_384
MODES: Final = ("live", "shadow", "off")
START: Final = """\
id: my_rule
title: What an alert is called
types: [transaction]
severity: MEDIUM
mode: shadow
when:
  all:
    - {field: usd, gte: 500}
    - {field: new_payee, eq: true}
"""

_RECORD: Final = msgspec.json.Decoder(RuleDefinition)
_VALUE: Final = re.compile(r"""["']?(?:live|shadow|off)["']?""")


class Own(Struct, frozen=True, kw_only=True):
    """A user-defined rule in force, or its text if it cannot be. origin: `console` (the topic) or `file`."""

    rule_id: str
    text: str
    origin: str
    rule: CustomRule | None = None
    wrong: str = ""


class Fault(NamedTuple):
    """What is wrong with a text, and where; line 0 where no place is known."""

    line: int
    column: int
    reason: str


def own_rules(records: Mapping[str, str], file: Path | None, book: RuleBook) -> dict[str, Own]:
    """All by id. records: of the topic, which replace the file's. A file that cannot be read counts as empty."""
    found: dict[str, Own] = {}
    for rule_id, text in _of_file(file).items():
        found[rule_id] = _own(rule_id, text, "file", book)
    for rule_id, record in records.items():
        found[rule_id] = _own(rule_id, text_of(record), "console", book)
    return found


def checked(text: str, rule_id: str | None, book: RuleBook) -> CustomRule:
    """The rule that a text is. rule_id: what it must be called, anything where None. Raises `BadRule`."""
    if len(text) > TEXT_MAX_CHARS:
        raise BadRule(rule_id or "", 0, 0, f"a rule has {TEXT_MAX_CHARS:,} characters at most")
    node = read_definition(text.encode())
    rule = compiled(node, compile_regex, book.by_id)
    if rule_id is not None and rule.rule.id != rule_id:
        line, column = node.keys.get("id", (node.line, node.column))
        raise BadRule(rule_id, line, column, f"the id of a rule stays: {rule_id}; for another, make a new rule")
    return rule


def fault_of(error: BadRule) -> Fault:
    return Fault(error.line, error.column, error.reason)


def record_of(rule_id: str, text: str) -> bytes:
    """What goes on the rules topic."""
    return encode(RuleDefinition(rule_id=rule_id, text=text))


def text_of(record: str) -> str:
    """What a person wrote, of a record of the topic."""
    try:
        return _RECORD.decode(record).text
    except msgspec.MsgspecError:
        pass
    try:
        return msgspec.json.format(record, indent=2)
    except msgspec.MsgspecError:
        return record


def with_mode(text: str, mode: str) -> str:
    """The same text in another mode, all else untouched. Raises `BadRule` where it is no rule."""
    node = read_definition(text.encode())
    parts = node.mapping("a rule")
    word = '"off"' if mode == "off" else mode
    if "mode" in parts:
        at = _at(text, parts["mode"].line, parts["mode"].column)
        return text[:at] + _VALUE.sub(lambda _: word, text[at:], count=1)
    line, column = min(node.keys.values())
    at = _at(text, line, column)
    if text[at : at + 1] == '"':
        return f'{text[:at]}"mode": "{mode}", {text[at:]}'
    if text[:at].rstrip().endswith("{"):
        return f"{text[:at]}mode: {word}, {text[at:]}"
    return f"{text[:at]}mode: {word}\n{' ' * (column - 1)}{text[at:]}"


def plain_rule(text: str) -> Any:
    """The definition as plain values, for a file of rules. Raises `BadRule`."""
    return _plain(read_definition(text.encode()))


def _plain(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {name: _plain(child) for name, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list) else value


def _own(rule_id: str, text: str, origin: str, book: RuleBook) -> Own:
    try:
        return Own(rule_id=rule_id, text=text, origin=origin, rule=checked(text, None, book))
    except BadRule as error:
        return Own(rule_id=rule_id, text=text, origin=origin, wrong=str(error))


def _of_file(file: Path | None) -> dict[str, str]:
    """Definitions with their lines of the file."""
    if file is None or not file.is_file() or file.stat().st_size > FILE_MAX_BYTES:
        return {}
    try:
        nodes = read_rules(file)
    except (BadRule, OSError):
        return {}
    lines = file.read_text("utf-8").splitlines()
    starts = sorted(node.line for node in nodes.values())
    found = {}
    for rule_id, node in nodes.items():
        after = next((start for start in starts if start > node.line), len(lines) + 1)
        indent = " " * (node.column - 1)
        block = [lines[node.line - 1][node.column - 1 :]]
        block += [line.removeprefix(indent) for line in lines[node.line : after - 1]]
        found[rule_id] = "\n".join(block).rstrip() + "\n"
    return found


def _at(text: str, line: int, column: int) -> int:
    """Where a line and column, from 1, are in a text."""
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
