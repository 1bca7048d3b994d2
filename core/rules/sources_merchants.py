"""Source rules."""

from core.rules.entry import Rule

RULES: tuple[Rule, ...] = ()
