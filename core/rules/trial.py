"""Trying a rule on the stories beside it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.clock import to_ms
from core.events import Action, nowhere, to_action
from core.judged import Found
from core.observe import learn_user, observe
from core.records import Event
from core.reputation import Reputation
from core.rules.book import BoundRule, RuleBook
from core.rules.entry import Answer, Example, Hit, Severity, adds_up
from core.state import UserState, is_repeat, record_hit
from core.watch import suspect

STORY_BEGINS = "2026-03-02T09:00:00Z"


def run_example(book: RuleBook, rule: BoundRule, example: Example) -> tuple[bool, Severity | None]:
    """Whether a rule about a user hits anywhere in a story, and how severely at most."""
    outcome: tuple[bool, Severity | None] = (False, None)
    for answer in answers(book, rule, example):
        if isinstance(answer, Hit) and (outcome[1] is None or answer.severity > outcome[1]):
            outcome = (True, answer.severity)
    return outcome


def answers(book: RuleBook, rule: BoundRule, example: Example) -> list[Answer]:
    """What a rule about a user says to each event of a story that wakes it, in order. The other rules speak too."""
    users: dict[str, UserState] = {}
    said: list[Answer] = []
    reputation = _reputation(example.reputation or {})
    for number, fields in enumerate(example.events):
        action = story_action(fields, number)
        state = users.setdefault(action.user_id, UserState())
        if is_repeat(state, action.key):
            continue
        seen = observe(state, action)
        tainted, hits = False, list[Found]()
        for bound in book.user_rules(action.type):
            answer = bound.check(action, state, seen, bound.t)
            if isinstance(answer, Hit):
                if adds_up(bound.rule, answer):
                    record_hit(state, bound.id, action.time_ms)
                hits.append((bound.rule, answer, 0))
                tainted = tainted or (answer.severity >= Severity.MEDIUM and bound.rule.kind != "COMPLIANCE")
            if bound.id == rule.id:
                said.append(answer)
        if action.type in rule.rule.types and "reputation" in rule.rule.inputs:
            said.append(rule.check(action, state, seen, rule.t, reputation))
        if action.type in rule.rule.types and "model" in rule.rule.inputs:
            said.append(rule.check(action, state, seen, rule.t, example.scores or {}))
        if action.type in rule.rule.types and "risk" in rule.rule.inputs:
            said.append(rule.check(action, state, seen, rule.t, example.risk_score))
        suspect(state, action, seen, hits)
        if not tainted:
            learn_user(state, action, seen)
    return said


def story_action(fields: Mapping[str, Any], number: int) -> Action:
    """An event of a story. number: its place, which makes its id where it has none."""
    begins = msgspec.json.decode(f'"{STORY_BEGINS}"', type=Event.__annotations__["time"])
    named = {name: value for name, value in fields.items() if name != "at"}
    time_ms = to_ms(begins) + round(fields["at"] * 1_000)
    event = msgspec.convert({"event_id": f"e{number}", "user_id": "u1", "time": time_ms, **named}, Event)
    return to_action(event, now_ms=None, locate=nowhere)


def _reputation(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Reputation]:
    return {key: Reputation(**fields) for key, fields in known.items()}
