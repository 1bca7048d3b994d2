import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE, SECOND
from core.policy import CHALLENGE_SCOPE, LOCK_SCOPE, Policy, Response
from core.records import Kind, Lock, LockState
from core.respond import (
    CHALLENGED_BYTES,
    CHALLENGED_MAX,
    NOTHING,
    PEACE_MS,
    STRENGTH,
    By,
    LockFacts,
    answer,
    change,
    expire,
    held,
    lock_at,
    remember_challenged,
    said,
    stricter,
    wanted,
)
from core.rules.entry import Severity

POLICY = Policy()
START = 1_772_442_000_000


class AUser:
    def __init__(self, lock: LockFacts | None = None) -> None:
        self.lock = lock
        self.lock_version = 0


def asked_for(severity: Severity, at_ms: int = START, rule_id: str = "r", alert_id: str = "a") -> LockFacts:
    return wanted(answer(POLICY, rule_id, "SECURITY", severity), "why", alert_id, at_ms, at_ms)


def facts(
    state: LockState,
    since_ms: int = START,
    until_ms: int | None = None,
    by: By = "admin",
    scope: tuple[str, ...] = (),
) -> LockFacts:
    return LockFacts(state, scope, "said so", None, since_ms, until_ms, by)


def versions(records: list[Lock]) -> list[tuple[str, int]]:
    return [(record.state, record.version) for record in records]


@pytest.mark.parametrize(
    ("kind", "severity", "state"),
    [
        ("SECURITY", Severity.LOW, "unlocked"),
        ("SECURITY", Severity.MEDIUM, "unlocked"),
        ("SECURITY", Severity.HIGH, "challenged"),
        ("TRANSACTION", Severity.CRITICAL, "locked"),
        ("COMPLIANCE", Severity.CRITICAL, "unlocked"),
        ("INVENTORY", Severity.CRITICAL, "unlocked"),
        ("SYSTEM", Severity.CRITICAL, "unlocked"),
    ],
)
def test_high_challenges_and_critical_locks_unless_the_kind_never_acts(
    kind: Kind, severity: Severity, state: str
) -> None:
    assert answer(POLICY, "r", kind, severity).state == state


@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.CRITICAL])
def test_failed_logins_alone_challenge_logins_for_half_an_hour_and_never_lock(severity: Severity) -> None:
    called_for = answer(POLICY, "login_brute_force", "SECURITY", severity)
    assert (called_for.state, called_for.scope, called_for.duration_s) == ("challenged", ("login",), 1_800)


def test_a_policy_may_answer_a_rule_in_its_own_way() -> None:
    policy = Policy(
        responses={"quiet": Response("unlocked"), "longer": Response(duration_s=60), "less": Response("challenged")}
    )
    assert answer(policy, "quiet", "SECURITY", Severity.CRITICAL) is NOTHING
    assert answer(policy, "longer", "SECURITY", Severity.CRITICAL).duration_s == 60
    assert answer(policy, "longer", "SECURITY", Severity.CRITICAL).scope == LOCK_SCOPE
    less = answer(policy, "less", "SECURITY", Severity.CRITICAL)
    assert (less.state, less.scope, less.duration_s) == ("challenged", CHALLENGE_SCOPE, 1_800)


def test_a_lock_is_in_force_from_its_event_until_before_its_end() -> None:
    lock = facts("locked", START, START + MINUTE)
    assert lock_at(None, START) == "unlocked"
    assert [lock_at(lock, START + at) for at in (-1, 0, MINUTE - 1, MINUTE)] == [
        "unlocked",
        "locked",
        "locked",
        "unlocked",
    ]
    assert lock_at(facts("challenged"), START + 10_000 * HOUR) == "challenged"


def test_the_first_challenge_is_told_with_its_scope_and_end() -> None:
    user = AUser()
    (record,) = change(user, "u1", asked_for(Severity.HIGH), START)
    assert record == Lock(
        user_id="u1",
        state="challenged",
        scope=list(CHALLENGE_SCOPE),
        reason="why",
        alert_id="a",
        since="2026-03-02T09:00:00.000Z",
        until="2026-03-02T09:30:00.000Z",
        by="rule",
        version=1,
    )


def test_a_late_event_locks_from_its_own_time_for_the_whole_duration_from_now() -> None:
    called_for = answer(POLICY, "r", "SECURITY", Severity.HIGH)
    late = wanted(called_for, "why", "a", START - HOUR, START)
    assert (late.since_ms, late.until_ms) == (START - HOUR, START + 30 * MINUTE)


def test_a_stricter_lock_replaces_a_weaker_and_a_weaker_changes_nothing() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.HIGH), START)
    assert versions(change(user, "u1", asked_for(Severity.CRITICAL, START + 1), START + 1)) == [("locked", 2)]
    assert change(user, "u1", asked_for(Severity.HIGH, START + 2), START + 2) == []
    assert lock_at(user.lock, START + 2) == "locked"


def test_an_equal_lock_is_put_off_only_once_half_its_time_is_over() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.HIGH), START)
    assert change(user, "u1", asked_for(Severity.HIGH, START + 14 * MINUTE), START + 14 * MINUTE) == []
    at_ms = START + 15 * MINUTE
    (record,) = change(user, "u1", asked_for(Severity.HIGH, at_ms, alert_id="b"), at_ms)
    assert (record.version, record.alert_id, record.until) == (2, "b", "2026-03-02T09:45:00.000Z")
    assert record.since == "2026-03-02T09:00:00.000Z"


def test_an_equal_lock_widens_the_scope_at_once() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.HIGH, rule_id="login_brute_force"), START)
    (record,) = change(user, "u1", asked_for(Severity.HIGH, START + SECOND), START + SECOND)
    assert set(record.scope) == set(CHALLENGE_SCOPE)
    assert record.until == "2026-03-02T09:30:01.000Z"
    assert change(user, "u1", asked_for(Severity.HIGH, START + SECOND, "login_brute_force"), START + SECOND) == []


def test_an_attack_of_ten_thousand_events_changes_a_lock_a_few_times() -> None:
    user = AUser()
    told = [
        change(user, "u1", asked_for(Severity.HIGH, START + at), START + at)
        for at in range(0, 10_000 * SECOND, SECOND)
    ]
    assert sum(map(len, told)) < 15


def test_an_expiry_is_announced_once_and_late_events_are_still_decided_by_the_lock() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.HIGH), START)
    end_ms = START + 30 * MINUTE
    assert expire(user, "u1", end_ms - 1) is None
    record = expire(user, "u1", end_ms)
    assert record is not None
    assert (record.state, record.by, record.version, record.scope) == ("unlocked", "expiry", 2, [])
    assert (record.since, record.until, record.alert_id) == ("2026-03-02T09:30:00.000Z", None, "a")
    assert expire(user, "u1", end_ms) is None
    assert lock_at(user.lock, end_ms - 1) == "challenged"


def test_nobody_and_an_endless_lock_have_no_expiry() -> None:
    assert expire(AUser(), "u1", START) is None
    assert expire(AUser(facts("locked")), "u1", START + 10_000 * HOUR) is None
    assert expire(AUser(facts("unlocked", until_ms=START)), "u1", START) is None


def test_versions_are_the_same_whether_or_not_a_timer_told_the_expiry() -> None:
    told, untold = AUser(), AUser()
    later_ms = START + 2 * HOUR
    for user in (told, untold):
        change(user, "u1", asked_for(Severity.CRITICAL), START - 24 * HOUR)
        user.lock = facts("locked", START, START + HOUR, "rule")
    records = [expire(told, "u1", START + HOUR)]
    records += change(told, "u1", asked_for(Severity.HIGH, later_ms), later_ms)
    assert records == change(untold, "u1", asked_for(Severity.HIGH, later_ms), later_ms)
    assert told.lock == untold.lock


def test_a_persons_word_always_stands() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.CRITICAL), START)
    assert versions(change(user, "u1", facts("unlocked", START + 1, by="otp"), START + 1)) == [("unlocked", 2)]
    assert lock_at(user.lock, START + 2) == "unlocked"
    assert versions(change(user, "u1", facts("locked", START + 2), START + 2)) == [("locked", 3)]
    assert versions(change(user, "u1", facts("challenged", START + 3), START + 3)) == [("challenged", 4)]


def test_there_is_nothing_to_unlock_where_nothing_is_locked() -> None:
    user = AUser()
    assert change(user, "u1", facts("unlocked"), START) == []
    assert user.lock_version == 0


def test_rules_never_shorten_an_endless_lock_and_leave_it_to_the_person() -> None:
    user = AUser()
    change(user, "u1", facts("locked", scope=("payout",)), START)
    (record,) = change(user, "u1", asked_for(Severity.CRITICAL, START + 1), START + 1)
    assert (record.by, record.until, record.reason) == ("admin", None, "said so")
    assert change(user, "u1", asked_for(Severity.CRITICAL, START + 1), START + 1) == []


def test_an_endless_wish_of_a_rule_removes_the_end() -> None:
    user = AUser()
    change(user, "u1", facts("locked", until_ms=START + HOUR, by="rule"), START)
    (record,) = change(user, "u1", facts("locked", by="rule"), START + 1)
    assert record.until is None


def test_who_passed_an_otp_is_not_challenged_again_by_the_failed_logins_of_others() -> None:
    user = AUser()
    change(user, "u1", asked_for(Severity.HIGH, START, "login_brute_force"), START)
    change(user, "u1", facts("unlocked", START + MINUTE, by="otp"), START + MINUTE)
    soon_ms, late_ms = START + MINUTE + PEACE_MS - 1, START + MINUTE + PEACE_MS
    assert change(user, "u1", asked_for(Severity.HIGH, soon_ms, "login_brute_force"), soon_ms) == []
    assert versions(change(user, "u1", asked_for(Severity.HIGH, late_ms, "login_brute_force"), late_ms)) == [
        ("challenged", 3)
    ]


def test_any_other_rule_speaks_up_right_after_an_otp() -> None:
    user = AUser(facts("unlocked", START, by="otp"))
    assert versions(change(user, "u1", asked_for(Severity.HIGH, START + 1), START + 1)) == [("challenged", 1)]


def test_a_persons_word_holds_for_what_comes_after_it_though_events_run_behind() -> None:
    word = said("locked", ("payout",), "why", None, START, None, "admin", START - HOUR)
    assert [lock_at(word, START - HOUR + at) for at in (-1, 0, HOUR)] == ["unlocked", "locked", "locked"]
    assert said("locked", (), "why", None, START, None, "admin", START + HOUR).from_ms is None


def test_of_two_locks_the_stricter_parts_of_both_stand() -> None:
    by_rule = facts("locked", START, START + HOUR, "rule", ("login", "payout"))
    word = said("locked", ("transaction",), "stolen", "b", START + 5, START + MINUTE, "admin", START)
    both = stricter(by_rule, word)
    assert (both.scope, both.until_ms) == (("login", "payout", "transaction"), START + HOUR)
    assert (both.by, both.reason, both.alert_id, both.since_ms) == ("admin", "stolen", "b", START)
    assert stricter(both, word) == both
    assert stricter(both, facts("locked", START, None, "admin")).until_ms is None


def test_a_rule_or_a_member_adds_to_an_admins_lock_and_never_takes_it_over() -> None:
    by_admin = facts("locked", START, START + HOUR, "admin", ("payout",))
    more = stricter(by_admin, facts("locked", START, START + 2 * HOUR, "rule", ("login",)))
    assert (more.by, more.scope, more.until_ms) == ("admin", ("payout", "login"), START + 2 * HOUR)
    assert stricter(by_admin, facts("locked", START, START + HOUR, "rule", ("payout",))) == by_admin


def test_a_lock_over_a_challenge_or_over_nothing_is_as_it_was_said() -> None:
    word = facts("locked", START, None)
    assert stricter(None, word) is word
    assert stricter(facts("challenged", scope=("login",)), word) is word
    gone = LockFacts("locked", ("login",), "", None, START, START + 1, "rule", announced=True)
    assert held(gone) == "unlocked"
    assert stricter(gone, word) is word


def test_few_challenged_events_are_remembered_the_newest_ones() -> None:
    challenged: list[tuple[int, str]] = []
    for number in range(CHALLENGED_MAX + 2):
        remember_challenged(challenged, number, f"e{number}")
    assert [event_id for _, event_id in challenged] == ["e2", "e3", "e4", "e5"]
    remember_challenged(challenged, 9, "x" * (CHALLENGED_BYTES - 4))
    assert [event_id[:2] for _, event_id in challenged] == ["e4", "e5", "xx"]
    remember_challenged(challenged, 10, "\N{GRINNING FACE}" * 128)
    assert len(challenged) == 3


moves = st.lists(
    st.tuples(
        st.integers(0, 2 * HOUR),
        st.sampled_from(["HIGH", "CRITICAL", "BRUTE", "expire", "admin_lock", "admin_unlock", "otp_unlock"]),
    ),
    max_size=40,
)


@settings(derandomize=True, max_examples=300)
@given(moves)
def test_versions_grow_by_one_rules_never_weaken_and_every_lock_with_an_end_ends(
    story: list[tuple[int, str]],
) -> None:
    user = AUser()
    version, clock_ms, told_by, told_ms = 0, START, "", 0
    for pause_ms, move in story:
        clock_ms += pause_ms
        before = lock_at(user.lock, clock_ms)
        records: list[Lock] = []
        if move == "expire":
            told = expire(user, "u1", clock_ms)
            records = [] if told is None else [told]
        elif move.startswith(("admin", "otp")):
            by, _, verb = move.partition("_")
            state: LockState = "locked" if verb == "lock" else "unlocked"
            records = change(user, "u1", facts(state, clock_ms, clock_ms + HOUR, by, ("payout",)), clock_ms)  # type: ignore[arg-type]
            assert lock_at(user.lock, clock_ms) == state
        else:
            severity = Severity.CRITICAL if move == "CRITICAL" else Severity.HIGH
            wish = asked_for(severity, clock_ms, "login_brute_force" if move == "BRUTE" else "r")
            records = change(user, "u1", wish, clock_ms)
            after = lock_at(user.lock, clock_ms)
            if move == "BRUTE" and told_by == "otp" and clock_ms < told_ms + PEACE_MS:
                assert after == before == "unlocked"
            else:
                assert STRENGTH[after] == max(STRENGTH[before], STRENGTH[wish.state])
        if user.lock is not None:
            told_by, told_ms = user.lock.by, user.lock.since_ms
        assert [record.version for record in records] == list(range(version + 1, version + 1 + len(records)))
        version = user.lock_version
        assert version == (records[-1].version if records else version)
    end_ms = clock_ms + 48 * HOUR
    over = expire(user, "u1", end_ms)
    assert lock_at(user.lock, end_ms) == "unlocked"
    assert over is None or over.version == version + 1
    assert expire(user, "u1", end_ms) is None
