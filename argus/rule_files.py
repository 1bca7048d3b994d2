"""User-defined rules as text: YAML files and records of the rules topic, read into nodes that know their place.

The YAML is that of version 1.2 where people trip over 1.1: `NO` is a country and not false, `12:30` no number of
seconds, `2026-03-01` a text. Anchors are refused: nobody needs them here, and nested ones can grow without bound.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import re2
import yaml

from core.records import RECORD_MAX_BYTES
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from core.rules.definitions import definitions_in
from core.rules.nodes import DEPTH_MAX, BadRule, Node

FILE_MAX_BYTES: Final = 1024 * 1024
REGEX_MAX_MEMORY: Final = 1024 * 1024


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema. What is nested too deeply is refused as it is read:
    PyYAML takes a second to run out of stack, or to look ahead past a thousand brackets."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEPTH_MAX + 1:
            self._too_deep(self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def fetch_flow_collection_start(self, token_class: Any) -> None:
        if self.flow_level > DEPTH_MAX:
            self._too_deep(self.get_mark())
        super().fetch_flow_collection_start(token_class)

    def _too_deep(self, mark: Any) -> NoReturn:
        raise BadRule("", mark.line + 1, mark.column + 1, "nested too deeply")


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def compile_regex(pattern: str) -> Any:
    """A pattern of RE2, which matches in linear time. Raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEX_MAX_MEMORY
    return re2.compile(pattern, options)


def compiler(book: RuleBook) -> Callable[[Iterable[Any]], CustomRules]:
    """Makes a set of rules from definitions, with RE2, none of them under the id of a built-in rule. What it answers
    raises `BadRule`."""
    return partial(CustomRules.compile, regex=compile_regex, taken=book.by_id)


def read_rules(path: Path | None) -> dict[str, Node]:
    """The definitions in a file by id, none without a file. Raises `BadRule` with the line, and OSError."""
    if path is None:
        return {}
    raw = path.read_bytes()
    if len(raw) > FILE_MAX_BYTES:
        raise BadRule("", 0, 0, f"{path} has {len(raw)} bytes, more than {FILE_MAX_BYTES}")
    by_id: dict[str, Node] = {}
    for definition in definitions_in(parse(_text(raw))):
        rule_id = _id_of(definition)
        if rule_id in by_id:
            raise BadRule(rule_id, definition.line, definition.column, f"there are two rules {rule_id}")
        by_id[rule_id] = definition
    return by_id


def read_definition(value: bytes) -> Node:
    """The definition in a record of the rules topic: JSON, or the YAML that a file would have, of one rule; or JSON
    of `{"rule_id", "text"}`, where text is that. Raises `BadRule` with the line."""
    if len(value) > RECORD_MAX_BYTES:
        raise BadRule("", 0, 0, f"the record has {len(value)} bytes, more than {RECORD_MAX_BYTES}")
    node = parse(_text(value))
    if isinstance(node.value, dict) and set(node.value) == {"rule_id", "text"}:
        node = parse(node.value["text"].text("text", FILE_MAX_BYTES))
    if isinstance(node.value, list) or (isinstance(node.value, dict) and set(node.value) == {"rules"}):
        definitions = definitions_in(node)
        if len(definitions) != 1:
            node.refuse("a record holds one rule")
        return definitions[0]
    return node


def parse(text: str) -> Node:
    """YAML, of which JSON is a part, to nodes. Raises `BadRule` with the line."""
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        composed = loader.get_single_node()
        return Node(None, 1, 1) if composed is None else _node(loader, composed, set(), 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        raise BadRule("", line, column, f"not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadRule("", line, 0, f"not YAML: the character #x{error.character:04x} is not for text") from None
    except RecursionError:
        raise BadRule("", 0, 0, "nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRule("", 0, 0, f"not UTF-8: {error}") from None


def _id_of(definition: Node) -> str:
    """The id, or a name by place where it has none: compiling refuses it, and names the line."""
    parts = definition.value if isinstance(definition.value, dict) else {}
    given = parts.get("id", parts.get("rule_id"))
    if given is None or not isinstance(given.value, str):
        return f"line {definition.line}"
    return given.value


def _node(loader: _Loader, composed: Any, visited: set[int], depth: int) -> Node:
    line, column = composed.start_mark.line + 1, composed.start_mark.column + 1
    if depth > DEPTH_MAX:
        raise BadRule("", line, column, "nested too deeply")
    if id(composed) in visited:
        raise BadRule("", line, column, "anchors are not for rules; write it out")
    visited.add(id(composed))
    if isinstance(composed, yaml.MappingNode):
        children: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        for key_node, value_node in composed.value:
            at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadRule("", *at, "a key is a text")
            if key_node.value in children:
                raise BadRule("", *at, f"{key_node.value!r} is here twice")
            children[key_node.value] = _node(loader, value_node, visited, depth + 1)
            keys[key_node.value] = at
        return Node(children, line, column, keys)
    if isinstance(composed, yaml.SequenceNode):
        return Node([_node(loader, child, visited, depth + 1) for child in composed.value], line, column)
    return Node(_scalar(composed, line, column), line, column)


def _scalar(composed: Any, line: int, column: int) -> str | int | float | bool | None:
    tag, text = composed.tag.removeprefix("tag:yaml.org,2002:"), composed.value
    try:
        if tag == "str":
            # JSON may write a character as two escapes, which YAML takes for two halves of one.
            return str(text.encode("utf-16", "surrogatepass").decode("utf-16"))
        if tag == "int":
            return int(text)
        if tag == "float":
            return float(text)
    except ValueError as error:
        raise BadRule("", line, column, str(error)) from None
    if tag == "bool":
        return text[:1] in "tT"
    if tag == "null":
        return None
    raise BadRule("", line, column, f"{composed.tag} is no value of a rule")
