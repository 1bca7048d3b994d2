"""User-defined rules: definitions compiled to closures, a whole set at a time."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from msgspec import Struct

from core.events import Action
from core.rules.entry import Hit, Rule

Mode = Literal["live", "shadow", "off"]


class BadRule(Exception):
    """A definition that is refused. line, column: from 1, 0 where not known."""

    def __init__(self, rule_id: str, line: int, column: int, reason: str) -> None:
        super().__init__(f"{rule_id or 'rule'}: line {line}, column {column}: {reason}")
        self.rule_id = rule_id
        self.line = line
        self.column = column
        self.reason = reason


class CustomRule(Struct, frozen=True):
    """A compiled definition. rule: as in the book, so that alerting treats both alike."""

    rule: Rule
    mode: Mode
    channels: tuple[str, ...] = ()


class CustomRules:
    """A set of compiled rules, replaced as a whole. `errors`: rule id to how often it raised since it was compiled."""

    def __init__(self, rules: tuple[CustomRule, ...] = ()) -> None:
        self.rules = rules
        self.by_id = {rule.rule.id: rule for rule in rules}
        self.errors: dict[str, int] = {}

    @classmethod
    def compile(cls, definitions: Iterable[Any], *, regex: Callable[[str], Callable[[str], object]]) -> "CustomRules":
        raise NotImplementedError

    def check(self, action: Action, state: Any, seen: Any, out: dict[str, Any]) -> list[tuple[CustomRule, Hit]]:
        """Hits on this event by rules of user scope; what windows by source need goes to `out` as signals. Rules that
        are off are not in the set; a shadow rule's hits carry `mode == "shadow"` for the alert and decide nothing."""
        return []


NO_CUSTOM_RULES = CustomRules()
