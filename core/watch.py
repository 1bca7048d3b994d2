"""The first pass over a batch: one event after the other, reading nothing but what the user did before.

Whatever it finds is the same however the events were cut into batches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from core.alerting import SHADOW
from core.clock import SECOND
from core.events import Action
from core.features import features
from core.fraud_features import fraud_row
from core.habits import learn_user
from core.judged import Book, Case, Found, Judged, OwnRules
from core.observe import observe
from core.policy import Policy
from core.reputation import Reputation
from core.respond import ACTING_KINDS
from core.risk import clear_of_hits
from core.rules.entry import Hit, Rule, Severity, Thresholds, adds_up
from core.seen import Seen
from core.signal import signals
from core.state import UserState, is_repeat, record_hit, remember
from core.suspicion import clear_of, raise_suspicion


class Rowing(Struct, frozen=True):
    """What models will ask for. plain, fraud: `core.features`, `core.fraud_features`; reputation: as it is known."""

    plain: bool
    fraud: bool
    reputation: Mapping[str, Reputation]

    def rows(self, case: Case, seen: Seen) -> None:
        """Work the rows out while the user's state is as of the event."""
        if self.plain or self.fraud:
            row = features(case.action, case.state, seen)
            if self.fraud:
                case.fraud_row = fraud_row(row, case.action, case.state, seen, self.reputation)
            if self.plain:
                case.row = row


def watch(
    actions: Sequence[Action],
    users: dict[str, UserState],
    book: Book,
    policy: Policy,
    custom: OwnRules | None,
    rowing: "Rowing",
    judged: Judged,
) -> list[Case]:
    """Place each event in its user's state and ask the rules that need nothing else. See `core.detect.judge`."""
    cases: list[Case] = []
    checks: dict[str, list[tuple[Any, Thresholds, Rule, int]]] = {}
    late_ms = policy.late_s * SECOND
    taint_ms = policy.taint_s * SECOND
    locked_ms = max(policy.taint_s, policy.lock_s) * SECOND
    check_custom = custom.check if custom is not None else None
    for action in actions:
        state = users.get(action.user_id)
        if state is None:
            state = users[action.user_id] = UserState()
        elif is_repeat(state, action.key):
            judged.duplicates += 1
            continue
        case = Case(action, state, state.clock_ms)
        cases.append(case)
        if action.time_ms < state.clock_ms - late_ms:
            remember(state, action.key)
            judged.late += 1
            continue
        type_ = action.type
        asked = checks.get(type_)
        if asked is None:
            asked = checks[type_] = [
                (bound.check, bound.t, bound.rule, SHADOW if bound.mode == "shadow" else 0)
                for bound in book.user_rules(type_)
            ]
        try:
            seen = observe(state, action)
            case.clock_ms = state.clock_ms
            if check_custom is not None:
                for own, hit in check_custom(action, state, seen, judged.signals):
                    if case.hits is None:
                        case.hits = []
                    case.hits.append((own.rule, hit, SHADOW if own.mode == "shadow" else 0))
                    if own.mode != "shadow":
                        record_hit(state, own.rule.id, action.time_ms)
            for check, t, rule, flags in asked:
                hit = check(action, state, seen, t)
                if hit.__class__ is Hit:
                    if case.hits is None:
                        case.hits = []
                    case.hits.append((rule, hit, flags))
                    if not flags and adds_up(rule, hit):
                        record_hit(state, rule.id, action.time_ms)
            case.clear = clear_of(action, state, seen)
            if case.hits is not None:
                suspect(state, action, seen, case.hits)
                worst = _worst(case.hits)
                case.tainted = worst >= Severity.MEDIUM
                if worst >= Severity.HIGH:
                    for_ms = taint_ms if worst < Severity.CRITICAL else locked_ms
                    state.tainted_until_ms = max(state.tainted_until_ms, action.time_ms + for_ms)
            if action.time_ms < state.tainted_until_ms:
                case.tainted = True
            signals(action, state, seen, judged.signals)
            rowing.rows(case, seen)
            if not case.tainted:
                learn_user(state, action, seen)
            case.seen = seen
        except Exception as error:  # noqa: BLE001 - a rule that raises costs its event only
            if not is_repeat(state, action.key):
                remember(state, action.key)
            case.tainted = True
            judged.failed.append((action, repr(error)))
    return cases


def suspect(state: UserState, action: Action, seen: Seen, hits: list[Found]) -> None:
    """What live hits of rules that act leave behind for the user's next events."""
    weight = 1.0 - clear_of_hits(hits)
    if weight > 0.0:
        raise_suspicion(state, action, seen, weight)


def _worst(hits: list[Found]) -> int:
    """The highest severity among live hits of rules that act, -1 for none."""
    return max((hit.severity for rule, hit, flags in hits if not flags and rule.kind in ACTING_KINDS), default=-1)
