"""What other rules or models change, told to people: a line for each thing that differs."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from argus.back_test import WHATS, Changes, Comparison, What

if TYPE_CHECKING:
    from argus.back_test_truth import Judged, Shift, Tally


SHOWN: Final = 5


def lines(compared: Comparison) -> Iterator[str]:
    """The comparison: what it comes to, then the first few by name. The JSON names `argus.back_test.LISTED`."""
    parts = (("alerts", compared.alerts), ("locks and challenges", compared.locks))
    for name, changes in parts:
        yield f"against the {compared.of} in force: {_counts(changes.counts)} {name}"
        for rule_id, counts in changes.by_rule.items():
            yield f"  {rule_id}: {_counts(counts)} {name}"
    if compared.decisions:
        yield "decisions: " + ", ".join(f"{count} from {how}" for how, count in compared.decisions.items())
    if compared.truth is not None:
        yield from _truth(compared.truth, compared.of)
    for name, changes in parts:
        for kind in WHATS:
            yield from _listed(f"{kind} {name}", changes, kind)


def _listed(name: str, changes: Changes, kind: What) -> Iterator[str]:
    if changes.counts[kind]:
        yield f"{name}:"
    for change in changes.listed[kind][:SHOWN]:
        stood = " -> ".join(text for text in (change.before, change.after) if text is not None)
        yield f"  {change.time} {change.about} {change.rule_id}: {stood}"
    yield from _more(changes.counts[kind])


def _truth(judged: "Judged", of: str) -> Iterator[str]:
    yield f"by the labels of {judged.labelled} events with {judged.campaigns} campaigns:"
    yield f"  alerts that only the candidates have: {_tally(judged.new)}"
    yield f"  alerts that only the {of} in force have: {_tally(judged.lost)}"
    yield f"  in all: {_tally(judged.before)} -> {_tally(judged.after)}"
    if judged.precision is not None:
        before, after = judged.precision
        yield f"  average precision of the risk: {before:.4f} -> {after:.4f}"
    yield from _shift("campaigns caught", judged.caught)
    for state, shift in judged.held.items():
        yield from _shift(f"users {state} with nothing wrong", shift)


def _shift(name: str, shift: "Shift") -> Iterator[str]:
    yield f"  {name}: {shift.before} -> {shift.after} ({shift.gained} more, {shift.lost} fewer)"
    for sign, names, count in (("+", shift.listed_gained, shift.gained), ("-", shift.listed_lost, shift.lost)):
        for one in names[:SHOWN]:
            yield f"    {sign} {one}"
        yield from _more(count, "    ")


def _tally(tally: "Tally") -> str:
    reports = f", {tally.reports} reports" if tally.reports else ""
    return f"{tally.right} right, {tally.false} false ({tally.false_medium} of MEDIUM or more){reports}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in WHATS)


def _more(count: int, before: str = "  ") -> Iterator[str]:
    if count > SHOWN:
        yield f"{before}and {count - SHOWN} more"
