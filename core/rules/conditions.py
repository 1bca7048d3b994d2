"""Conditions of user-defined rules: what an event must be like, read from a definition and compiled to closures.

A condition is `{field: amount, gt: 100}`, or `all:`, `any:` (lists) or `not:` of conditions. Several operators in one
condition must all hold; `{field: amount, op: gt, value: 100}` says the same as the short form. Of a field that the
event doesn't have, or whose value is of another type than the operator's, only `exists: false` holds.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Literal, Protocol

import msgspec

from core.clock import DAY, HOUR
from core.events import Action
from core.features import FEATURES
from core.records import EVENT_TYPES, NUMBER_MAX, TEXT_MAX_CHARS, Scalar
from core.rules.levers import lever_of
from core.rules.nodes import Node
from core.rules.unless import Unless
from core.seen import Seen
from core.state import UserState

CONDITIONS_MAX: Final = 32
DEPTH_MAX: Final = 5
VALUES_MAX: Final = 200
REGEX_MAX_CHARS: Final = 256
ATTRIBUTE: Final = "attributes."

Type = Literal["text", "number", "bool", "any"]


class Pattern(Protocol):
    """A compiled regular expression."""

    def search(self, text: str, /) -> object:
        """Something truthy for a text that has a match anywhere in it."""


# Raises whatever it likes for a pattern that it can't compile.
Regex = Callable[[str], Pattern]
Row = list[float] | None
Matches = Callable[[Action, UserState, Seen, Row], bool]
Get = Callable[[Action, UserState, Seen, Row], Any]
# What would have kept a comparison that holds from holding.
Lever = Callable[[Action, UserState, Seen, Row], Unless]

ORDER: Final = ("gt", "gte", "lt", "lte")
OPERATORS: Final[dict[Type, tuple[str, ...]]] = {
    "text": ("eq", "ne", "in", "contains", "regex", "exists"),
    "number": (*ORDER, "eq", "ne", "in", "exists"),
    "bool": ("eq", "ne", "exists"),
    "any": (*ORDER, "eq", "ne", "in", "contains", "regex", "exists"),
}
_TYPE_NAMES: Final[dict[Type, str]] = {"text": "a text", "number": "a number", "bool": "true or false"}
_CHOICES: Final = {"type": EVENT_TYPES, "outcome": ("success", "failure")}
_RAISED: Final = frozenset({"country", "currency"})

_TEXTS: Final = (
    "user_id",
    "event_id",
    "type",
    "ip",
    "network",
    "device_id",
    "session_id",
    "user_agent",
    "country",
    "currency",
    "merchant_id",
    "card_id",
    "payee_id",
    "path",
)
# No numbers to compare by: a place, and digests.
_HIDDEN: Final = frozenset({"last_place", "device_mark", "network_mark"})


class Field(msgspec.Struct, frozen=True):
    """Something that a condition can be about. needs_row: it is a feature."""

    name: str
    type: Type
    get: Get
    needs_row: bool = False


def _of_action(name: str) -> Get:
    get = attrgetter(name)
    return lambda action, _state, _seen, _row: get(action)


def _of_seen(name: str) -> Get:
    get = attrgetter(name)
    return lambda _action, _state, seen, _row: get(seen)


def _of_row(at: int) -> Get:
    return lambda _action, _state, _seen, row: row[at] if row is not None else None


def _of_attributes(name: str) -> Get:
    return lambda action, _state, _seen, _row: action.attributes.get(name)


def _fields() -> dict[str, Field]:
    known = {name: Field(name, "text", _of_action(name)) for name in _TEXTS}
    known |= {name: Field(name, "number", _of_action(name)) for name in ("amount", "lat", "lon")}
    known["vpn"] = Field("vpn", "bool", _of_action("vpn"))
    known["outcome"] = Field("outcome", "text", lambda action, *_: "failure" if action.failed else "success")
    # 1970-01-01 was a Thursday.
    known["weekday"] = Field("weekday", "number", lambda action, *_: (action.time_ms // DAY + 3) % 7)
    known["hour"] = Field("hour", "number", lambda action, *_: action.time_ms // HOUR % 24)
    known["known_s"] = Field("known_s", "number", lambda action, state, *_: (action.time_ms - state.first_ms) / 1000)
    for field in msgspec.structs.fields(Seen):
        if field.name not in known and field.name not in _HIDDEN:
            known[field.name] = Field(field.name, "bool" if field.type is bool else "number", _of_seen(field.name))
    for at, name in enumerate(FEATURES):
        known[f"features.{name}"] = Field(f"features.{name}", "number", _of_row(at), needs_row=True)
    return known


FIELDS: Final = _fields()


class Compiled(msgspec.Struct, frozen=True):
    """A condition at work. count: how many comparisons it makes at most; levers: those of its comparisons of which
    each must hold for all of it to hold."""

    matches: Matches
    count: int
    needs_row: bool
    levers: tuple[Lever, ...] = ()


def field_at(node: Node) -> Field:
    """The field that `node` names."""
    name = node.text("a field", 128)
    attribute = name.removeprefix(ATTRIBUTE)
    if attribute not in ("", name):
        return Field(name, "any", _of_attributes(attribute))
    if name not in FIELDS:
        known = ", ".join(other for other in FIELDS if not other.startswith("features."))
        node.refuse(f"there is no field {name!r}; there are {known}, attributes.NAME and features.NAME")
    return FIELDS[name]


def compile_condition(node: Node, regex: Regex, depth: int = 1) -> Compiled:
    """Raises `BadRule` with the place of what is wrong."""
    if depth > DEPTH_MAX:
        node.refuse(f"conditions are nested more than {DEPTH_MAX} deep")
    parts = node.mapping("a condition")
    if "field" in parts:
        compiled = _comparison(node, parts, regex)
    elif len(parts) == 1 and next(iter(parts)) in ("all", "any", "not"):
        compiled = _combination(*next(iter(parts.items())), regex, depth)
    else:
        node.only("a condition", ("field", "all", "any", "not", *OPERATORS["any"], "op", "value"))
        node.refuse("a condition has a field, or one of all, any, not")
    if compiled.count > CONDITIONS_MAX:
        node.refuse(f"there are {compiled.count} conditions, more than {CONDITIONS_MAX}")
    return compiled


def _combination(word: str, node: Node, regex: Regex, depth: int) -> Compiled:
    if word == "not":
        one = compile_condition(node, regex, depth + 1)
        inner = one.matches
        return Compiled(lambda a, s, n, r: not inner(a, s, n, r), one.count, one.needs_row)
    children = [compile_condition(child, regex, depth + 1) for child in node.items(word, CONDITIONS_MAX)]
    if not children:
        node.refuse(f"{word} is empty")
    count = sum(child.count for child in children)
    needs_row = any(child.needs_row for child in children)
    checks = tuple(child.matches for child in children)
    levers = (
        () if word == "any" and len(children) > 1 else tuple(lever for child in children for lever in child.levers)
    )
    return Compiled(_every(checks) if word == "all" else _some(checks), count, needs_row, levers)


def _every(checks: tuple[Matches, ...]) -> Matches:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda a, s, n, r: first(a, s, n, r) and second(a, s, n, r)

    def every(action: Action, state: UserState, seen: Seen, row: Row) -> bool:
        for check in checks:  # noqa: SIM110 - a generator would cost as much as the checks
            if not check(action, state, seen, row):
                return False
        return True

    return every


def _some(checks: tuple[Matches, ...]) -> Matches:
    def some(action: Action, state: UserState, seen: Seen, row: Row) -> bool:
        for check in checks:  # noqa: SIM110
            if check(action, state, seen, row):
                return True
        return False

    return some


def _comparison(node: Node, parts: dict[str, Node], regex: Regex) -> Compiled:
    field = field_at(parts["field"])
    written = {name: child for name, child in parts.items() if name != "field"}
    if "op" in written or "value" in written:
        if set(written) != {"op", "value"}:
            node.refuse("op and value come together, and without other operators")
        name = written["op"].value
        if not isinstance(name, str) or name not in OPERATORS["any"]:
            written["op"].refuse(f"there is no operator {name!r:.60}; there are {', '.join(OPERATORS['any'])}")
        _check_operator(field, name, written["op"])
        written = {name: written["value"]}
    else:
        node.only("a condition", ("field", *OPERATORS["any"]))
        for name in written:
            line, column = node.keys.get(name, (node.line, node.column))
            _check_operator(field, name, Node(None, line, column))
    if not written:
        node.refuse(f"a condition on {field.name} has an operator: {', '.join(OPERATORS[field.type])}")
    checks = tuple(_operator(field, name, child, regex) for name, child in written.items())
    levers = tuple(lever_of(field.name, field.get, name, child.value) for name, child in written.items())
    return Compiled(_every(checks), len(checks), field.needs_row, levers)


def _check_operator(field: Field, name: str, at: Node) -> None:
    if name not in OPERATORS[field.type]:
        at.refuse(f"{name} is not for {field.name}, which is {_TYPE_NAMES[field.type]}")


def _operator(field: Field, name: str, node: Node, regex: Regex) -> Matches:
    get = field.get
    if name == "exists":
        wanted = node.value
        if not isinstance(wanted, bool):
            node.refuse("exists is true or false")
        return lambda a, s, n, r: (get(a, s, n, r) is not None) is wanted
    if name in ORDER:
        return _order(get, name, node.number(name, -NUMBER_MAX, NUMBER_MAX), checked=field.type == "any")
    if name == "regex":
        return _regex(get, node, regex)
    if name == "contains":
        part = node.text(name, TEXT_MAX_CHARS)
        return lambda a, s, n, r: isinstance(value := get(a, s, n, r), str) and part in value
    if name == "in":
        values = [_value(field, child) for child in node.items(name, VALUES_MAX)]
        return _among(get, values)
    value = _value(field, node)
    if name == "eq":
        return _among(get, [value])
    among = _among(get, [value])
    return lambda a, s, n, r: get(a, s, n, r) is not None and not among(a, s, n, r)


def _value(field: Field, node: Node) -> Scalar:
    """A value that the field can have."""
    value = node.value
    if isinstance(value, list | dict) or value is None:
        node.refuse("a value is a text, a number, true or false")
    if field.type == "text" and (not isinstance(value, str) or len(value) > TEXT_MAX_CHARS):
        node.refuse(f"{field.name} is a text; put the value in quotes")
    if field.type == "number" and isinstance(value, bool | str):
        node.refuse(f"{field.name} is a number")
    if field.type == "bool" and not isinstance(value, bool):
        node.refuse(f"{field.name} is true or false")
    if field.name in _CHOICES:
        node.one_of(field.name, _CHOICES[field.name])
    return value.upper() if field.name in _RAISED and isinstance(value, str) else value


def _among(get: Get, values: list[Scalar]) -> Matches:
    """Equality by type: true is not 1."""
    flags = frozenset(value for value in values if isinstance(value, bool))
    others = frozenset(value for value in values if not isinstance(value, bool))

    def among(action: Action, state: UserState, seen: Seen, row: Row) -> bool:
        value = get(action, state, seen, row)
        return value in flags if value.__class__ is bool else value in others

    return among


def _order(get: Get, name: str, bound: float, *, checked: bool) -> Matches:
    compare: dict[str, Callable[[Any], bool]] = {
        "gt": lambda value: value > bound,
        "gte": lambda value: value >= bound,
        "lt": lambda value: value < bound,
        "lte": lambda value: value <= bound,
    }
    holds = compare[name]
    if not checked:
        return lambda a, s, n, r: (value := get(a, s, n, r)) is not None and holds(value)

    def ordered(action: Action, state: UserState, seen: Seen, row: Row) -> bool:
        value = get(action, state, seen, row)
        return isinstance(value, int | float) and not isinstance(value, bool) and holds(value)

    return ordered


def _regex(get: Get, node: Node, regex: Regex) -> Matches:
    pattern = node.text("regex", REGEX_MAX_CHARS)
    try:
        search = regex(pattern).search
    except Exception as error:  # noqa: BLE001 - the engine is handed in, and its errors with it
        node.refuse(f"not a regular expression of RE2: {error}")
    return lambda a, s, n, r: isinstance(value := get(a, s, n, r), str) and bool(search(value))
