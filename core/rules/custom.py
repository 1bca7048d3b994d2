"""User-defined rules at work: a whole set of compiled definitions, replaced at once.

A set is compiled or refused as a whole; whoever holds the old one keeps it until the new one is there. A rule that
raises is counted and costs nobody else anything. What a rule by source counts travels as a signal to the source.
"""

from collections.abc import Container, Iterable
from math import floor
from typing import Any, Final

from core.alerting import USERS_MAX
from core.clock import SECOND
from core.events import Action
from core.features import features
from core.records import SourceType
from core.rules.conditions import Regex
from core.rules.definitions import RULES_MAX, CustomRule, Mode, Window, read_definition
from core.rules.entry import Hit
from core.rules.nodes import BadRule, Node, plain
from core.rules.tally import (
    SOURCE_RINGS_MAX,
    SOURCE_SAMPLES_MAX,
    USER_RINGS_MAX,
    USER_SAMPLES_MAX,
    tally,
    trim,
    value_of,
)
from core.rules.unless import Side, Unless, fewer, nearest
from core.seen import Seen
from core.signal import CUSTOM, Out, Signal
from core.source_state import SourceState, remember
from core.state import UserState

__all__ = ["NO_CUSTOM_RULES", "BadRule", "CustomRule", "CustomRules", "Mode", "lint"]

_SOURCE_FIELDS: Final[dict[SourceType, str]] = {
    "ip": "ip",
    "network": "network",
    "device": "device_id",
    "merchant": "merchant_id",
}


class CustomRules:
    """A set of compiled rules. rules: those that are on; by_id: these, too, by id. errors: rule id to how often it
    raised since it was compiled."""

    def __init__(self, rules: Iterable[CustomRule] = ()) -> None:
        self.rules = tuple(own for own in rules if own.mode != "off")
        self.by_id = {own.rule.id: own for own in self.rules}
        self.errors: dict[str, int] = {}
        types = {type_ for own in self.rules for type_ in own.rule.types}
        self._by_type = {type_: tuple(own for own in self.rules if type_ in own.rule.types) for type_ in types}
        self._with_row = frozenset(type_ for own in self.rules if own.needs_row for type_ in own.rule.types)

    @classmethod
    def compile(
        cls, definitions: Iterable[Node | dict[str, Any]], *, regex: Regex, taken: Container[str] = ()
    ) -> "CustomRules":
        """A set of all `definitions`, or `BadRule`. regex: compiles a pattern, and raises if it can't.
        taken: ids that the rule book has."""
        compiled: dict[str, CustomRule] = {}
        for definition in definitions:
            node = plain(definition)
            own = read_definition(node, regex, taken)
            if own.rule.id in compiled:
                raise BadRule(own.rule.id, node.line, node.column, f"there are two rules {own.rule.id}")
            compiled[own.rule.id] = own
            if len(compiled) > RULES_MAX:
                raise BadRule(own.rule.id, node.line, node.column, f"there are more than {RULES_MAX} rules")
        return cls(compiled.values())

    def check(self, action: Action, state: UserState, seen: Seen, out: Out) -> list[tuple[CustomRule, Hit]]:
        """Hits on this event by rules about its user; what windows by source count goes to `out`. A shadow rule's
        hits are here, too: see `CustomRule.mode`."""
        asked = self._by_type.get(action.type)
        if asked is None:
            return []
        hits: list[tuple[CustomRule, Hit]] = []
        row = features(action, state, seen) if action.type in self._with_row else None
        for own in asked:
            try:
                if not own.matches(action, state, seen, row):
                    continue
                window = own.window
                if window is None:
                    ways = [lever(action, state, seen, row) for lever in own.levers]
                    unless = nearest(*ways) if ways else None
                    hits.append((own, Hit(own.rule.severity, own.rule.title, unless=unless)))
                    continue
                field = window.field
                value = value_of(window, field.get(action, state, seen, row) if field is not None else None)
                if value is None:
                    continue
                if window.by != "user":
                    _send(action, own, window, value, out)
                    continue
                rule_id = own.rule.id
                total = tally(state.custom, rule_id, window, action.time_ms, 0, value)
                trim(state.custom, rule_id, USER_RINGS_MAX, USER_SAMPLES_MAX)
                if window.tips(total):
                    hits.append((own, _tipped(own, window, total)))
            except Exception:  # noqa: BLE001 - one user's rule never harms another's
                self._failed(own.rule.id)
        return hits

    def check_source(self, state: SourceState, signal: Signal) -> tuple[CustomRule, Hit, list[str]] | None:
        """Place a signal of a window by source, and answer the hit and its users if the window tips."""
        own = self.by_id.get(signal.about)
        if own is None or own.window is None:
            return None
        try:
            window = own.window
            who = remember(state, signal.user_id)
            total = tally(state.custom, own.rule.id, window, signal.time_ms, who, signal.value)
            trim(state.custom, own.rule.id, SOURCE_RINGS_MAX, SOURCE_SAMPLES_MAX)
            if not window.tips(total):
                return None
            names = state.names
            whom = dict.fromkeys(user for _, user, _ in reversed(state.custom[own.rule.id]))
            users = [names[user] for user in whom if user in names][:USERS_MAX]
            return own, _tipped(own, window, total), users
        except Exception:  # noqa: BLE001 - one user's rule never harms another's
            self._failed(own.rule.id)
            return None

    def _failed(self, rule_id: str) -> None:
        self.errors[rule_id] = self.errors.get(rule_id, 0) + 1


NO_CUSTOM_RULES: Final = CustomRules()


def lint(definitions: Iterable[Node | dict[str, Any]], *, regex: Regex, taken: Container[str] = ()) -> list[BadRule]:
    """What is wrong, the first thing of each rule; empty if the set compiles."""
    faults: list[BadRule] = []
    good: list[Node] = []
    for definition in definitions:
        try:
            node = plain(definition)
            CustomRules.compile([node], regex=regex, taken=taken)
            good.append(node)
        except BadRule as bad:
            faults.append(bad)
    try:
        CustomRules.compile(good, regex=regex, taken=taken)
    except BadRule as bad:
        faults.append(bad)
    return faults


def _send(action: Action, own: CustomRule, window: Window, value: float, out: Out) -> None:
    """What a window by source counts, told to the source; nothing if the event names none."""
    if window.by == "user":
        return
    source = getattr(action, _SOURCE_FIELDS[window.by])
    if source is not None:
        signal = Signal(CUSTOM, action.time_ms, action.user_id, action.event_id, own.rule.id, 0, value)
        out.setdefault(f"{window.by}:{source}", []).append(signal)


def _tipped(own: CustomRule, window: Window, total: float) -> Hit:
    """The hit of a window that holds that much."""
    name = window.field.name if window.field else ""
    what = "events" if window.of == "count" else f"{window.of} of {name}"
    text = f"{own.rule.title}: {total:g} {what} within {window.window_ms / 1000:g} s"
    window_s = window.window_ms / SECOND
    if window.of == "sum":
        side = Side.BELOW if window.inclusive else Side.AT_MOST
        unless = Unless(side, name, total, window.bound, window_s, named=True)
    else:
        least = window.bound if window.inclusive else floor(window.bound) + 1
        unless = fewer(total, least, "such events" if window.of == "count" else f"values of {name}", window_s)
    return Hit(own.rule.severity, text, unless=unless)
