"""User-defined rules from a file and from the rules topic: a bad set is refused, and the old one goes on."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from core.rules.custom import BadRule, CustomRules

logger = logging.getLogger(__name__)

RULES_MAX = 1_000


class RuleMeter(Protocol):
    """The part of `agents.services.Meter` that is told of rules."""

    def rules(self, origin: str, ids: Collection[str], accepted: bool) -> None: ...


class Unheard:
    """A `RuleMeter` of a process that reads rules and does not judge by them."""

    def rules(self, *_: object) -> None:
        return


class LiveRules:
    """The user-defined rules in force. The topic's word on a rule replaces the file's."""

    def __init__(
        self,
        compile_rules: Callable[[Iterable[Any]], CustomRules],
        read: Callable[[bytes], Any],
        meter: RuleMeter,
        from_file: Mapping[str, Any],
    ) -> None:
        """compile_rules: definitions to a whole set; read: a record's value to a definition. Both raise `BadRule`,
        and so does this where the file's rules are wrong: a worker that starts says so at once."""
        self._compile = compile_rules
        self._read = read
        self._meter = meter
        self._definitions: dict[str, Any] = dict(from_file)
        self._from_file = dict(from_file)
        self._rules = compile_rules(self._definitions.values())
        meter.rules("custom", self._ids(), True)

    def current(self) -> CustomRules:
        """The set in force; replaced as a whole, never changed."""
        return self._rules

    def definitions(self) -> Mapping[str, Any]:
        """The definitions of that set, by rule id."""
        return self._definitions

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record of the rules topic: a definition, or (None) the end of one. Raises `BadRule` where it is
        refused; the set in force goes on."""
        rule_id = (key or b"").decode("utf-8", "replace")
        wanted = dict(self._definitions)
        try:
            if not rule_id:
                raise BadRule(rule_id, 0, 0, "the record has no key, which is the rule's id")
            if value is not None:
                wanted[rule_id] = self._read(value)
            elif rule_id in self._from_file:
                wanted[rule_id] = self._from_file[rule_id]
            else:
                wanted.pop(rule_id, None)
            if len(wanted) > RULES_MAX:
                raise BadRule(rule_id, 0, 0, f"there are {RULES_MAX} rules already")
            rules = self._compile(wanted.values())
        except BadRule:
            self._meter.rules("custom", self._ids(), False)
            raise
        self._definitions, self._rules = wanted, rules
        logger.info("user-defined rules: %d in force", len(rules.rules))
        self._meter.rules("custom", self._ids(), True)

    def _ids(self) -> list[str]:
        return [own.rule.id for own in self._rules.rules]
