"""A definition as it was written: plain values, each with the line and column where it stands."""

from typing import NoReturn

from msgspec import Struct

from core.records import Scalar

DEPTH_MAX = 32
# A reason quotes what was written and names what could have been; it goes into headers and logs no longer than this.
REASON_MAX_CHARS = 2_000
RULE_ID_MAX_CHARS = 64


class BadRule(Exception):
    """A definition that is refused. line, column: where, from 1; 0 where it was not read from text."""

    def __init__(self, rule_id: str, line: int, column: int, reason: str) -> None:
        if len(reason) > REASON_MAX_CHARS:
            reason = reason[: REASON_MAX_CHARS - 4] + " ..."
        rule_id = rule_id[:RULE_ID_MAX_CHARS]
        super().__init__(f"{rule_id or 'rule'}, line {line}, column {column}: {reason}")
        self.rule_id = rule_id
        self.line = line
        self.column = column
        self.reason = reason


class Node(Struct, frozen=True):
    """A scalar, a list or a mapping, and where it begins. keys: where each key of a mapping stands."""

    value: "Scalar | list[Node] | dict[str, Node]"
    line: int = 0
    column: int = 0
    keys: dict[str, tuple[int, int]] = {}

    def refuse(self, reason: str) -> NoReturn:
        """Raise `BadRule` here."""
        raise BadRule("", self.line, self.column, reason)

    def mapping(self, what: str) -> "dict[str, Node]":
        """The children by key; anything else is refused."""
        if not isinstance(self.value, dict):
            self.refuse(f"{what} is a mapping of names to values")
        return self.value

    def only(self, what: str, known: "tuple[str, ...]") -> None:
        """Refuse a key that is none of `known`."""
        for key in self.mapping(what):
            if key not in known:
                line, column = self.keys.get(key, (self.line, self.column))
                raise BadRule("", line, column, f"{what} has no {key!r}; it has {', '.join(known)}")

    def items(self, what: str, most: int) -> "list[Node]":
        """The children in order, at most that many."""
        if not isinstance(self.value, list):
            self.refuse(f"{what} is a list")
        if len(self.value) > most:
            self.refuse(f"{what} has {len(self.value)} entries, more than {most}")
        return self.value

    def text(self, what: str, most: int) -> str:
        """A text of 1 to `most` characters."""
        if not isinstance(self.value, str) or not 1 <= len(self.value) <= most:
            self.refuse(f"{what} is a text of 1 to {most} characters")
        return self.value

    def number(self, what: str, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.refuse(f"{what} is a number from {least:g} to {most:g}")
        return value

    def one_of(self, what: str, known: "tuple[str, ...]") -> str:
        """One of the texts in `known`."""
        value = self.value
        if not isinstance(value, str) or value not in known:
            self.refuse(
                f"{what} is one of {', '.join(known)}, not {value!r:.60}"
                if not isinstance(value, list | dict)
                else f"{what} is one of {', '.join(known)}"
            )
        return value


def plain(value: object, depth: int = 0) -> Node:
    """Nodes of a value that was decoded from JSON, without places. Raises `BadRule`."""
    if depth > DEPTH_MAX:
        raise BadRule("", 0, 0, "nested too deeply")
    if isinstance(value, Node):
        return value
    if isinstance(value, dict):
        children: dict[str, Node] = {}
        for key, child in value.items():
            if not isinstance(key, str):
                raise BadRule("", 0, 0, "a key is not a text")
            children[key] = plain(child, depth + 1)
        return Node(children)
    if isinstance(value, list | tuple):
        return Node([plain(child, depth + 1) for child in value])
    if value is None or isinstance(value, str | int | float | bool):
        return Node(value)
    raise BadRule("", 0, 0, f"{type(value).__name__} is no value of a rule")
