"""A user-defined rule as it is written: read, checked, and compiled.

Nothing here reads text: a definition comes as nodes that know their line and column, so that what is refused is named
where it stands.
"""

from collections.abc import Container, Sequence
from typing import Final, Literal, cast

from msgspec import Struct

from core.records import EVENT_TYPES, NUMBER_MAX, SEVERITIES, Kind
from core.rules.conditions import Field, Lever, Matches, Regex, compile_condition, field_at
from core.rules.entry import Hit, Rule, Severity
from core.rules.nodes import BadRule, Node

Mode = Literal["live", "shadow", "off"]
By = Literal["user", "ip", "device", "merchant", "network"]
Of = Literal["count", "sum", "distinct"]

RULES_MAX: Final = 1_000
WINDOW_MAX_S: Final = 7 * 86_400
PERIOD_MAX_S: Final = 30 * 86_400
# Windows are kept exactly, so what they count must fit where they are kept.
USER_COUNT_MAX: Final = 50
SOURCE_COUNT_MAX: Final = 100
TITLE_MAX_CHARS: Final = 120
LIST_MAX: Final = 10

_KEYS: Final = (
    "id",
    "title",
    "severity",
    "types",
    "when",
    "window",
    "kind",
    "mode",
    "channels",
    "period_s",
    "weight",
    "suggest",
    "attack",
    "version",
)
_WINDOW_KEYS: Final = ("of", "field", "seconds", "by", "gt", "gte")
_WEIGHTS: Final = (0.1, 0.3, 0.6, 0.9)


def _always(*_facts: object) -> bool:
    return True


class Window(Struct, frozen=True):
    """Over how much, of what and whose, and from where on it is too much. most: entries that must be kept."""

    of: Of
    field: Field | None
    window_ms: int
    by: By
    bound: float
    inclusive: bool
    most: int

    def tips(self, total: float) -> bool:
        """Whether that much is too much."""
        return total >= self.bound if self.inclusive else total > self.bound


class CustomRule(Struct, frozen=True):
    """A compiled definition. rule: as in the book, so that alerting treats both alike; levers: see
    `core.rules.conditions.Compiled`."""

    rule: Rule
    mode: Mode = "live"
    channels: tuple[str, ...] = ()
    matches: Matches = _always
    needs_row: bool = False
    window: Window | None = None
    levers: tuple[Lever, ...] = ()


def read_definition(node: Node, regex: Regex, taken: Container[str] = ()) -> CustomRule:
    """Raises `BadRule` with the rule's id and the place of what is wrong first. taken: ids of other rules."""
    rule_id = ""
    try:
        parts = node.mapping("a rule")
        given = parts.get("id", parts.get("rule_id"))
        if given is not None and isinstance(given.value, str):
            rule_id = given.value[:64]
        return _read(node, parts, regex, taken)
    except BadRule as bad:
        raise BadRule(rule_id, bad.line, bad.column, bad.reason) from None


def _read(node: Node, parts: dict[str, Node], regex: Regex, taken: Container[str]) -> CustomRule:
    node.only("a rule", (*_KEYS, "rule_id"))
    rule_id = _id(_need(node, parts, "rule_id" if "rule_id" in parts else "id"), taken)
    severity = Severity[_need(node, parts, "severity").one_of("severity", SEVERITIES)]
    title = _need(node, parts, "title").text("title", TITLE_MAX_CHARS)
    types = _types(parts.get("types"))
    when = compile_condition(parts["when"], regex) if "when" in parts else None
    window = _window(parts["window"]) if "window" in parts else None
    if when is None and window is None:
        node.refuse("a rule has when, window or both")
    kind = parts["kind"].one_of("kind", Kind.__args__) if "kind" in parts else "SECURITY"  # type: ignore[attr-defined]
    mode = parts["mode"].one_of("mode", ("live", "shadow", "off")) if "mode" in parts else "live"
    weight = parts["weight"].number("weight", 0, 1) if "weight" in parts else _WEIGHTS[severity]
    period_s = int(parts["period_s"].number("period_s", 1, PERIOD_MAX_S)) if "period_s" in parts else 3_600
    by_user = window is None or window.by == "user"
    rule = Rule(
        id=rule_id,
        title=title,
        kind=cast("Kind", kind),
        severity=severity,
        scope="user" if by_user else "source",
        types=types,
        check=_never,
        thresholds={},
        period_s=period_s,
        weight=weight,
        attack=_texts(parts.get("attack"), "attack"),
        suggest=_texts(parts.get("suggest"), "suggest"),
        words=title,
        default_source="own",
        gaps="",
        examples=(),
        sources=() if window is None or window.by == "user" else (window.by,),
    )
    return CustomRule(
        rule=rule,
        mode=cast("Mode", mode),
        channels=_texts(parts.get("channels"), "channels"),
        matches=when.matches if when is not None else _always,
        needs_row=(when is not None and when.needs_row)
        or (window is not None and window.field is not None and window.field.needs_row),
        window=window,
        levers=when.levers if when is not None else (),
    )


def _never(*_facts: object) -> Hit | None:
    """User-defined rules are asked as a set, see `core.rules.custom`."""
    return None


def _need(node: Node, parts: dict[str, Node], name: str) -> Node:
    if name not in parts:
        node.refuse(f"a rule has {'an id' if name == 'id' else 'a ' + name}")
    return parts[name]


def _id(node: Node, taken: Container[str]) -> str:
    rule_id = node.text("id", 64)
    if not rule_id.isascii() or not rule_id.replace("_", "").replace("-", "").replace(".", "").isalnum():
        node.refuse("an id has letters, digits, and _ - . only")
    if rule_id in taken:
        node.refuse(f"there is a rule {rule_id} already")
    return rule_id


def _types(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return EVENT_TYPES
    if isinstance(node.value, str):
        return (node.one_of("types", EVENT_TYPES),)
    types = [child.one_of("types", EVENT_TYPES) for child in node.items("types", len(EVENT_TYPES))]
    if not types:
        node.refuse("types is empty")
    return tuple(dict.fromkeys(types))


def _texts(node: Node | None, what: str) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(child.text(what, TITLE_MAX_CHARS) for child in node.items(what, LIST_MAX))


def _window(node: Node) -> Window:
    parts = node.mapping("window")
    node.only("window", _WINDOW_KEYS)
    of = parts["of"].one_of("of", ("count", "sum", "distinct")) if "of" in parts else "count"
    if "seconds" not in parts:
        node.refuse("a window has seconds")
    seconds = parts["seconds"].number("seconds", 1, WINDOW_MAX_S)
    by = parts["by"].one_of("by", ("user", "ip", "device", "merchant", "network")) if "by" in parts else "user"
    if ("gt" in parts) == ("gte" in parts):
        node.refuse("a window has either gt or gte")
    inclusive = "gte" in parts
    bound_node = parts["gte" if inclusive else "gt"]
    field: Field | None = None
    if of == "count":
        if "field" in parts:
            parts["field"].refuse("count counts events; it has no field")
    else:
        if "field" not in parts:
            node.refuse(f"{of} has a field")
        field = field_at(parts["field"])
        if of == "sum" and field.type not in ("number", "any"):
            parts["field"].refuse(f"{field.name} is no number that could be summed")
    limit = USER_COUNT_MAX if by == "user" else SOURCE_COUNT_MAX
    if of == "sum":
        bound, most = bound_node.number("the bound", 0, NUMBER_MAX), limit // 2
    else:
        bound = bound_node.number("the bound", 1 if inclusive else 0, limit)
        most = int(bound) + 1
    return Window(cast("Of", of), field, int(seconds * 1000), cast("By", by), bound, inclusive, most)


def definitions_in(root: Node) -> Sequence[Node]:
    """The definitions of a document: its list, or the list under its key `rules`."""
    if isinstance(root.value, dict):
        root.only("a file of rules", ("rules",))
        root = root.value.get("rules", Node([]))
    if root.value is None:
        return ()
    return root.items("rules", RULES_MAX)
