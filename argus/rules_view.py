"""One rule, told to people and to programs."""

from typing import Any

from core.rules.book import BoundRule, threshold_name


def fact(bound: BoundRule) -> dict[str, Any]:
    """A rule as JSON; thresholds are those in force."""
    rule = bound.rule
    return {
        "id": rule.id,
        "title": rule.title,
        "kind": rule.kind,
        "severity": rule.severity.name,
        "scope": rule.scope,
        "sources": rule.sources,
        "types": rule.types,
        "inputs": rule.inputs,
        "mode": bound.mode,
        "thresholds": dict(bound.t),
        "period_s": rule.period_s,
        "weight": rule.weight,
        "attack": rule.attack,
        "suggested_actions": rule.suggest,
        "words": rule.words,
        "default_source": rule.default_source,
        "gaps": rule.gaps,
        "examples": [{"name": example.name, "hit": example.hit} for example in rule.examples],
    }


def paragraphs(bound: BoundRule) -> list[str]:
    """A rule in words, a paragraph or a list item each."""
    rule = bound.rule
    about = f"a {' or '.join(rule.sources)}" if rule.sources else "a user"
    lines = [
        f"{rule.title} ({rule.id})",
        "",
        rule.words,
        "",
        f"It is about {about}, wakes on {', '.join(rule.types)}, starts at {rule.severity.name} and is {bound.mode}.",
        f"Repeats within {rule.period_s:,} s are one alert. Defaults: {rule.default_source}.",
    ]
    if rule.attack:
        lines.append(f"Attack: {', '.join(rule.attack)}.")
    if rule.gaps:
        lines.append(f"Known gaps: {rule.gaps}")
    lines += ["", "Thresholds (each a setting):"]
    lines += [f"  ARGUS_{threshold_name(rule, name).upper()} = {value:g}" for name, value in bound.t.items()]
    lines += ["", "What to do:"] + [f"  - {action}" for action in rule.suggest]
    lines += ["", "Examples:"] + [f"  - {'fires' if e.hit else 'quiet'}: {e.name}" for e in rule.examples]
    return lines
