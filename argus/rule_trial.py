"""The rule book's own examples, run: about users by `core.rules.trial`, about sources through detection."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from core.clock import SECOND
from core.detect import judge
from core.feedback import label_signals
from core.policy import Policy
from core.records import Alert, Feedback
from core.reputation import Reputation
from core.rules.book import BoundRule, RuleBook
from core.rules.entry import Example, Severity
from core.rules.trial import run_example, story_action
from core.signal import Out
from core.source_state import SourceState
from core.sources import judge_sources
from core.state import UserState


class Trial(Struct, frozen=True):
    """What came of an example. failure: empty where the rule did what the example says."""

    rule_id: str
    example: str
    failure: str


def run_examples(book: RuleBook, rule_ids: tuple[str, ...] = ()) -> Iterator[Trial]:
    """Every example of the rules named, or of all."""
    for bound in book.rules:
        if rule_ids and bound.id not in rule_ids:
            continue
        for example in bound.rule.examples:
            yield Trial(bound.id, example.name, _failure(book, bound, example))


def _failure(book: RuleBook, bound: BoundRule, example: Example) -> str:
    play = run_example if bound.rule.scope == "user" else _run_source_example
    hit, severity = play(book, bound, example)
    if hit != example.hit:
        return "it is quiet" if example.hit else "it fires"
    if example.severity is not None and severity != example.severity:
        return f"its severity is {severity.name if severity is not None else 'none'}, not {example.severity.name}"
    return ""


def _run_source_example(book: RuleBook, bound: BoundRule, example: Example) -> tuple[bool, Severity | None]:
    """Whether a rule about a source fires anywhere in a story, and how severely at most."""
    policy = Policy()
    users: dict[str, UserState] = {}
    states: dict[str, SourceState] = {}
    reputation: dict[str, Reputation] = {}
    alerts: list[Alert] = []

    def tell(signals: Out) -> None:
        judged = judge_sources(signals, states, book=book, policy=policy)
        alerts.extend(judged.alerts)
        reputation.update(judged.reputations)

    for number, fields in enumerate(sorted(example.events, key=lambda event: event["at"])):
        judged = judge([story_action(fields, number)], users, book=book, policy=policy, reputation=reputation)
        tell(judged.signals)
    for fields in example.feedback:
        named = {name: value for name, value in fields.items() if name != "at"}
        time_ms = _story_ms() + int(fields["at"] * SECOND)
        feedback = msgspec.convert({**named, "time": time_ms}, Feedback)
        out: Out = {}
        label_signals(feedback, users.get(feedback.user_id), out)
        tell(out)
    found = [Severity[alert.severity] for alert in alerts if alert.rule_id == bound.id]
    return bool(found), max(found, default=None)


def _story_ms() -> int:
    return story_action({"type": "login", "at": 0}, 0).time_ms
