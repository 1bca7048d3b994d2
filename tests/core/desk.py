"""A desk in tests: one user, `u1`, to whom things happen and about whom people ask."""

from typing import Any

import msgspec

from core.detect import Judged, judge
from core.events import decode_action, nowhere
from core.obey import Desk, Obeyed
from core.otp import code, otp_hash
from core.policy import Policy
from core.records import Command, Lock, encode
from core.rules.book import RuleBook
from core.state import UserState

START = 1_772_442_000_000  # 2026-03-02T09:00:00Z
KEY = b"k" * 32
BOOK = RuleBook()
POLICY = Policy()


class Office:
    """`ask` answers `status: reason`; what came out is in `obeyed`, what was asked in `asked`."""

    def __init__(self) -> None:
        self.users = {"u1": UserState()}
        self.state = self.users["u1"]
        self.obeyed = Obeyed()
        self.desk = Desk(BOOK, POLICY, KEY, None, self.obeyed)
        self.now_ms = START
        self.asked: list[Command] = []
        self._events = 0

    def command(self, type_: str, **fields: Any) -> Command:
        facts = {
            "command_id": f"c{len(self.asked)}",
            "type": type_,
            "user_id": "u1",
            "by": "anna",
            "role": "admin",
            "time": self.now_ms,
        }
        return msgspec.convert(facts | fields, Command)

    def give(self, command: Command) -> str:
        self.asked.append(command)
        self.desk.answer(command, self.state)
        outcome = self.obeyed.outcomes[-1]
        return f"{outcome.status}: {outcome.reason}"

    def ask(self, type_: str, **fields: Any) -> str:
        return self.give(self.command(type_, **fields))

    def verify(self, asked_for: str | None = None, *, wrong: bool = False) -> str:
        """Type in the newest code (or the one of a command), or one that is wrong."""
        right = code(KEY, "u1", asked_for or self.obeyed.deliveries[-1].command_id)
        typed = f"{(int(right) + 1) % 1_000_000:06}" if wrong else right
        return self.ask("otp_verify", role="member", by="u1", otp_hash=otp_hash(KEY, "u1", typed))

    def live(self, events: list[Any]) -> list[str]:
        """Events as (type, time_ms, other fields); what was decided about each."""
        return [decision.decision for decision in self._judge(events).decisions]

    def live_locks(self, events: list[Any]) -> list[Lock]:
        """The same; the records about the lock."""
        return self._judge(events).locks

    def _judge(self, events: list[Any]) -> Judged:
        actions = []
        for type_, time_ms, *more in events:
            facts = {"event_id": f"e{self._events}", "type": type_, "user_id": "u1", "time": time_ms}
            self._events += 1
            for fields in more:
                facts |= fields
            actions.append(decode_action(encode(facts), now_ms=None, locate=nowhere))
        return judge(actions, self.users, book=BOOK, policy=POLICY)

    def labels(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(label) for _, label in self.obeyed.labels]
