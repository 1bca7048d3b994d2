"""Random lives of a user's lock: alerts, commands in any order and at any time, expiries."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.records import EVENT_TYPES, Lock
from core.respond import STRENGTH, expire, held, lock_at
from core.state import UserState
from tables.users import decode_user, encode_user
from tests.core.desk import START, Office

PEOPLE = st.sampled_from(
    [("member", "u1"), ("member", "u2"), ("analyst", "ann"), ("admin", "adam"), ("service", "shop")]
)
SCOPES = st.none() | st.lists(st.sampled_from(EVENT_TYPES), min_size=1, max_size=3)
COMMANDS = st.tuples(
    st.just("command"),
    st.sampled_from(["lock", "unlock", "escalate", "dispute", "otp_request", "otp_verify"]),
    PEOPLE,
    st.fixed_dictionaries(
        {
            "scope": SCOPES,
            "until": st.none() | st.integers(-HOUR, 2 * DAY),
            "alert_id": st.none() | st.just("a"),
            "skew": st.integers(-2 * DAY, 4 * MINUTE) | st.just(0),
        }
    ),
)
CODES = st.tuples(st.just("code"), st.booleans())
EVENTS = st.tuples(st.just("events"), st.sampled_from(["burst", "failed logins", "wrong codes", "reported", "view"]))
OTHERS = st.sampled_from([("expire",), ("repeat",), ("code", False), ("code", True)])
LIVES = st.lists(st.tuples(st.integers(0, 3 * HOUR), COMMANDS | CODES | EVENTS | OTHERS), max_size=25)


def events(kind: str, at_ms: int) -> list[Any]:
    if kind == "burst":
        fields = {"amount": 20.0, "currency": "USD"}
        return [("transaction", at_ms + number * SECOND, fields) for number in range(10)]
    if kind == "failed logins":
        return [("login", at_ms + number, {"outcome": "failure", "ip": f"192.0.2.{number}"}) for number in range(12)]
    if kind == "wrong codes":
        return [("otp", at_ms + number, {"outcome": "failure"}) for number in range(9)]
    if kind == "reported":
        return [("deposit", at_ms + number, {"amount": 9_500.0, "currency": "USD"}) for number in range(4)]
    return [("page_view", at_ms)]


def copy_of(office: Office) -> Office:
    """Another office with the same user, to try a way out."""
    other = Office()
    other.users["u1"] = other.state = decode_user(encode_user(office.state))
    other.now_ms = office.now_ms
    other.asked = list(office.asked)
    return other


def assert_there_is_a_way_out(office: Office) -> None:
    """An admin can always unlock; what no admin locked, the user can, after the limits on codes at the latest."""
    if held(office.state.lock) == "unlocked":
        return
    after_ms = max(office.state.clock_ms, office.now_ms) + 1
    by_admin = copy_of(office)
    by_admin.ask("unlock")
    assert held(by_admin.state.lock) == lock_at(by_admin.state.lock, after_ms) == "unlocked"
    assert office.state.lock is not None
    if office.state.lock.by != "admin":
        by_user = copy_of(office)
        by_user.now_ms += 4 * DAY
        by_user.ask("otp_request", role="member", by="u1")
        by_user.verify()
        assert held(by_user.state.lock) == lock_at(by_user.state.lock, by_user.now_ms + 1) == "unlocked"


@settings(derandomize=True, max_examples=300, deadline=None)
@given(LIVES)
def test_a_lock_lives_by_its_rules_whatever_happens(life: list[Any]) -> None:
    office = Office()
    records: list[Lock] = office.obeyed.judged.locks
    for pause_ms, (what, *details) in life:
        office.now_ms += pause_ms
        before, by = held(office.state.lock), office.state.lock.by if office.state.lock is not None else None
        told, answered = len(records), len(office.obeyed.outcomes)
        calmer = False
        if what == "events":
            judged_locks = office.live_locks(events(details[0], office.now_ms))
            records.extend(judged_locks)
            calmer = any(lock.by == "expiry" for lock in judged_locks)
            if details[0] in ("reported", "view"):
                assert all(lock.by == "expiry" for lock in judged_locks)
            if details[0] == "failed logins":
                assert all(lock.state != "locked" for lock in judged_locks)
        elif what == "expire":
            over = expire(office.state, "u1", office.now_ms)
            records.extend([] if over is None else [over])
            calmer = True
        elif what == "repeat":
            if office.asked:
                first = {outcome.command_id: outcome for outcome in reversed(office.obeyed.outcomes)}
                office.give(office.asked[-1])
                office.asked.pop()
                assert office.obeyed.outcomes[-1] == first[office.asked[-1].command_id]
                assert len(records) == told
        elif what == "code":
            if office.obeyed.deliveries:
                said = office.verify(wrong=details[0])
                calmer = said == "done: The user is unlocked"
                assert not (calmer and by == "admin")
                assert len(office.obeyed.outcomes) == answered + 1
        else:
            type_, (role, who), fields = details
            at_ms = office.now_ms + fields["skew"]
            until_ms = None if fields["until"] is None else office.now_ms + fields["until"]
            said = office.ask(
                type_,
                role=role,
                by=who,
                time=at_ms,
                scope=fields["scope"],
                until=until_ms,
                alert_id=fields["alert_id"],
                otp_hash="0" * 64,
            )
            assert len(office.obeyed.outcomes) == answered + 1
            calmer = said == "done: The user is unlocked" or any(lock.by == "expiry" for lock in records[told:])
            if said.startswith("refused"):
                assert all(lock.by == "expiry" or lock.alert_id for lock in records[told:])
        if not calmer:
            assert STRENGTH[held(office.state.lock)] >= STRENGTH[before]
        if before == "locked" and by == "admin" and not calmer:
            assert office.state.lock is not None
            assert office.state.lock.by == "admin"
        assert [lock.version for lock in records] == list(range(1, len(records) + 1))
        assert office.state.lock_version == len(records)
        assert_there_is_a_way_out(office)
    assert isinstance(office.state, UserState)
    assert decode_user(encode_user(office.state)) == office.state
    assert office.now_ms >= START
