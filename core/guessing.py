"""A wrong one-time password is a failed second factor like any other: the rule against guessing counts it."""

from typing import Final

from core.alerting import SHADOW
from core.bounds import DENIALS_MAX, DENIALS_MS
from core.events import Action, event_key
from core.judged import NO_SCORES, Book, Case, Judged
from core.policy import Policy
from core.records import Command
from core.rules.entry import Hit
from core.seen import Seen
from core.settle import Bench
from core.state import UserState, record_hit
from core.windows import insert

RULE: Final = "otp_guessing"


def count_wrong_code(
    command: Command,
    state: UserState,
    time_ms: int,
    book: Book,
    policy: Policy,
    now_ms: int | None,
    judged: Judged,
) -> None:
    """Remember a wrong code and ask the rule about it, as if the command were an event of type `otp` that failed; its
    alert names the command as its event. What follows is put into `judged`, without a decision: nobody waits for
    one. The user's clock stands still, since a command tells nothing of how far the events have come."""
    clock_ms = max(state.clock_ms, time_ms)
    insert(state.denials, time_ms, DENIALS_MAX, clock_ms - DENIALS_MS)
    for bound in book.user_rules("otp"):
        if bound.rule.id != RULE:
            continue
        event_id = command.command_id
        key = event_key(event_id)
        action = Action(event_id=event_id, key=key, type="otp", user_id=command.user_id, time_ms=time_ms, failed=True)
        hit = bound.check(action, state, Seen(own=False), bound.t)
        if isinstance(hit, Hit):
            shadow = bound.mode == "shadow"
            if not shadow:
                record_hit(state, RULE, time_ms)
            bench = Bench(book, policy, None, None, {}, now_ms, judged)
            bench.settle(Case(action, state, clock_ms, None, [(bound.rule, hit, SHADOW if shadow else 0)]), NO_SCORES)
            judged.decisions.pop()
