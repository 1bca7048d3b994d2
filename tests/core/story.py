"""Plays an example's story through detection and the sources, the way a replay does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from core.clock import rfc3339, to_ms
from core.detect import judge
from core.events import decode_action, nowhere
from core.feedback import label_signals
from core.policy import Policy
from core.records import Alert, Feedback
from core.reputation import Reputation
from core.rules.book import RuleBook
from core.rules.custom import NO_CUSTOM_RULES, CustomRules
from core.rules.entry import Example
from core.signal import Out
from core.source_state import SourceState
from core.sources import judge_sources
from core.state import UserState

MONDAY_MS = to_ms(datetime(2026, 3, 2, 9, tzinfo=UTC))
POLICY = Policy()


class Town:
    """Users and sources, with all that was said about them."""

    def __init__(self, book: RuleBook | None = None, custom: CustomRules = NO_CUSTOM_RULES) -> None:
        self.book = book or RuleBook()
        self.custom = custom
        self.users: dict[str, UserState] = {}
        self.states: dict[str, SourceState] = {}
        self.reputation: dict[str, Reputation] = {}
        self.alerts: list[Alert] = []
        self.signals: list[tuple[str, Any]] = []
        self._played = 0

    def play(self, *events: Mapping[str, Any]) -> None:
        """Events as in `Example.events`, one batch each."""
        for fields in events:
            self._played += 1
            event = {"event_id": f"e{self._played}", "user_id": "u1", **fields}
            event["time"] = rfc3339(MONDAY_MS + int(event.pop("at") * 1000))
            action = decode_action(msgspec.json.encode(event), now_ms=None, locate=nowhere)
            judged = judge(
                [action],
                self.users,
                book=self.book,
                policy=POLICY,
                custom=self.custom,
                reputation=self.reputation,
            )
            assert not judged.failed, judged.failed
            self.alerts += judged.alerts
            self.tell(judged.signals)

    def label(self, *labels: Mapping[str, Any]) -> None:
        for fields in labels:
            fields = {**fields, "time": MONDAY_MS + int(fields["at"] * 1000)}
            feedback = msgspec.convert(fields, Feedback)
            out: Out = {}
            label_signals(feedback, self.users.get(feedback.user_id), out)
            self.tell(out)

    def tell(self, out: Out) -> None:
        self.signals += [(key, signal) for key, told in out.items() for signal in told]
        judged = judge_sources(out, self.states, book=self.book, policy=POLICY, custom=self.custom)
        assert not judged.failed, judged.failed
        self.alerts += judged.alerts
        self.reputation.update(judged.reputations)

    def tell_story(self, example: Example) -> None:
        self.play(*sorted(example.events, key=lambda event: event["at"]))
        self.label(*example.feedback)

    def by_rule(self, rule_id: str) -> list[Alert]:
        return [alert for alert in self.alerts if alert.rule_id == rule_id]
