"""The rule book: every rule with its thresholds as set, and who is to be asked about what."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from core.rules import (
    browsing,
    cards,
    composite,
    devices,
    factors,
    laundering,
    logins,
    mules,
    payments,
    rings,
    sources_logins,
    sources_merchants,
    sources_places,
    spikes,
    standing,
    takeover,
    travel,
)
from core.rules.entry import Answer, Rule
from core.rules.limits import LEASTS, LIMITS

Mode = Literal["live", "shadow", "off"]

# In the order in which they are asked: `composite` adds up what the others said.
FAMILIES: Final = (
    logins,
    factors,
    takeover,
    devices,
    travel,
    payments,
    spikes,
    cards,
    laundering,
    mules,
    browsing,
    standing,
    rings,
    sources_logins,
    sources_places,
    sources_merchants,
    composite,
)
RULES: Final[tuple[Rule, ...]] = tuple(rule for family in FAMILIES for rule in family.RULES)


class BoundRule(Struct, frozen=True, gc=False):
    """A rule with its thresholds as they are set. mode: live, or shadow (alerts that lead to nothing)."""

    rule: Rule
    t: Mapping[str, float]
    check: Callable[..., Answer]
    mode: Mode

    @property
    def id(self) -> str:
        """The rule's id."""
        return self.rule.id


class RuleBook:
    """All rules, bound. A rule that is off is in `by_id` only.

    overrides: `rule_<id>_<threshold>` to its value; modes: rule id to its mode. A name that no rule has, or a value
    beyond what is kept (`core.rules.limits`), is a ValueError that tells it. The lookups answer rules in the order in
    which they must be asked, and an empty tuple for a type or kind that no rule is about.
    """

    def __init__(
        self, overrides: Mapping[str, float] = {}, modes: Mapping[str, Mode] = {}, rules: Sequence[Rule] = RULES
    ) -> None:
        for name in overrides:
            if name not in THRESHOLDS:
                raise ValueError(f"no rule has the threshold {name}")
        known = {rule.id for rule in rules}
        for rule_id, mode in modes.items():
            if rule_id not in known:
                raise ValueError(f"no rule has the id {rule_id}")
            if mode not in ("live", "shadow", "off"):
                raise ValueError(f"the mode of {rule_id} is none of live, shadow, off: {mode}")
        self.rules: tuple[BoundRule, ...] = tuple(
            BoundRule(rule, _bind(rule, overrides), rule.check, modes.get(rule.id, "live")) for rule in rules
        )
        self.by_id: dict[str, BoundRule] = {bound.rule.id: bound for bound in self.rules}
        on = [bound for bound in self.rules if bound.mode != "off"]
        user = [bound for bound in on if bound.rule.scope == "user"]
        self._user = _index([bound for bound in user if not bound.rule.inputs])
        self._reputation = _index([bound for bound in user if "reputation" in bound.rule.inputs])
        self._model = _index([bound for bound in user if "model" in bound.rule.inputs])
        self._risk = _index([bound for bound in user if "risk" in bound.rule.inputs])
        self._source = _index([bound for bound in on if bound.rule.scope == "source"])

    def user_rules(self, type_: str) -> tuple[BoundRule, ...]:
        """Rules about a user that need nothing but the user's own events, for an event type."""
        return self._user.get(type_, ())

    def reputation_rules(self, type_: str) -> tuple[BoundRule, ...]:
        """Rules about a user that also read the reputation of sources."""
        return self._reputation.get(type_, ())

    def model_rules(self, type_: str) -> tuple[BoundRule, ...]:
        """Rules about a user that also read what the models say."""
        return self._model.get(type_, ())

    def risk_rules(self, type_: str) -> tuple[BoundRule, ...]:
        """Rules about a user that also read the risk that all others came to."""
        return self._risk.get(type_, ())

    def source_rules(self, kind: str) -> tuple[BoundRule, ...]:
        """Rules about a source, for a kind of signal."""
        return self._source.get(kind, ())


def threshold_name(rule: Rule, name: str) -> str:
    """The name of a threshold as a setting."""
    return f"rule_{rule.id}_{name}"


def _bind(rule: Rule, overrides: Mapping[str, float]) -> dict[str, float]:
    bound = {name: overrides.get(threshold_name(rule, name), default) for name, default in rule.thresholds.items()}
    for name, value in bound.items():
        told = f"{threshold_name(rule, name)} is {value:.10g}"
        most = LIMITS.get((rule.id, name))
        if most is not None and value > most:
            raise ValueError(f"{told}, but no more than {most:.10g} can be counted")
        least = LEASTS.get((rule.id, name))
        if least is not None and value < least:
            raise ValueError(f"{told}, but less than {least:.10g} is not remembered")
    return bound


def _index(rules: list[BoundRule]) -> dict[str, tuple[BoundRule, ...]]:
    types = {type_ for bound in rules for type_ in bound.rule.types}
    return {type_: tuple(bound for bound in rules if type_ in bound.rule.types) for type_ in types}


# Every threshold of the book as a setting, with its default.
THRESHOLDS: Final[Mapping[str, float]] = {
    threshold_name(rule, name): default for rule in RULES for name, default in rule.thresholds.items()
}
