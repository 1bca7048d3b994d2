from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY, MINUTE, SECOND, to_ms
from core.grouping import Group
from core.policy import Policy
from core.reputation import BAD, CLEAN, Reputation
from core.rules.book import RuleBook
from core.rules.tally import SOURCE_RINGS_MAX
from core.signal import CUSTOM, FAILED, FAILED_LOGIN, FRAUD, LEGIT, LOCKED, LOGIN, PAYMENT, UNFAMILIAR, Out, Signal
from core.source_state import RING_MAX, STATE_MAX_BYTES, SourceState
from core.sources import JudgedSources, judge_sources, source_of
from tables.sources import SOURCES
from tests.core.story import MONDAY_MS

BOOK = RuleBook()
IP = "ip:203.0.113.1"


def failures(number: int, users: int = 15, every_s: int = 10) -> list[Signal]:
    return [
        Signal(
            FAILED_LOGIN,
            MONDAY_MS + n * every_s * SECOND,
            f"u{n % users}",
            f"e{n}",
            "203.0.113.1",
            FAILED | UNFAMILIAR,
        )
        for n in range(number)
    ]


def run(batch: Out, states: dict[str, SourceState] | None = None, book: RuleBook = BOOK) -> JudgedSources:
    judged = judge_sources(batch, {} if states is None else states, book=book)
    assert not judged.failed
    return judged


def test_an_alert_about_a_source_names_it_and_its_users() -> None:
    judged = run({IP: failures(30)})
    alert = next(alert for alert in judged.alerts if alert.rule_id == "credential_stuffing")
    assert alert.user_id is None
    assert msgspec.to_builtins(alert.source) == {"type": "ip", "id": "203.0.113.1"}
    assert alert.context == {"ip": "203.0.113.1"}
    assert isinstance(alert.users, list)
    assert set(alert.users) == {f"u{n}" for n in range(15)}
    assert alert.detected_at == alert.time
    assert alert.risk_score == pytest.approx(70)


def test_an_attack_of_thousands_is_a_handful_of_alerts() -> None:
    judged = run({IP: failures(5_000, users=400, every_s=1)})
    assert len({alert.alert_id for alert in judged.alerts}) <= 3
    assert len(judged.alerts) < 300
    assert judged.suppressed > 4_000
    assert all(len(alert.users) <= 100 for alert in judged.alerts if isinstance(alert.users, list))
    latest = max(judged.alerts, key=lambda alert: alert.count)
    assert latest.count > 4_000


@pytest.mark.parametrize(("later_ms", "hits"), [(9_999, 1), (10_000, 0), (-9_999, 1), (-10_000, 0)])
def test_within_ten_seconds_what_a_rule_has_said_goes_on_without_a_look_at_the_window(
    later_ms: int, hits: int
) -> None:
    states: dict[str, SourceState] = {}
    run({IP: failures(30, every_s=1)}, states)
    said = states[IP].groups["credential_stuffing:"]
    # By its window there would be nothing to say.
    states[IP] = SourceState(key=IP, groups={"credential_stuffing:": said})
    one_more = Signal(FAILED_LOGIN, said.last_ms + later_ms, "u1", "more", "203.0.113.1", FAILED | UNFAMILIAR)
    assert run({IP: [one_more]}, states).hits.get("credential_stuffing", 0) == hits


def test_how_signals_are_cut_into_batches_changes_nothing() -> None:
    told = failures(60)
    whole = run({IP: told})
    states: dict[str, SourceState] = {}
    alerts = [alert for signal in told for alert in run({IP: [signal]}, states).alerts]
    assert alerts == whole.alerts


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.permutations(failures(30)))
def test_stuffing_is_found_in_whatever_order_its_failures_come(told: list[Signal]) -> None:
    assert run({IP: told}).hits["credential_stuffing"] >= 1


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(
            Signal,
            st.sampled_from(
                [FAILED_LOGIN, LOGIN, "signup", "new_user", "new_card", PAYMENT, FRAUD, LEGIT, LOCKED, "?"]
            ),
            st.integers(MONDAY_MS - DAY, MONDAY_MS + DAY),
            st.sampled_from(["u1", "u2", "ü" * 128]),
            st.sampled_from(["e1", "e2", "e3"]),
            st.sampled_from(["", "x"]),
            st.integers(0, 7),
            st.floats(0, MONDAY_MS),
        ),
        max_size=200,
    ),
    st.sampled_from(["all", IP, "network:203.0.113.0/24", "device:d1", "merchant:m1"]),
)
def test_no_signal_raises_and_no_state_outgrows_its_bound(told: list[Signal], key: str) -> None:
    states: dict[str, SourceState] = {}
    run({key: told}, states)
    assert len(SOURCES.encode(states[key])) <= STATE_MAX_BYTES if told else True


def test_the_fullest_state_stays_within_its_bytes() -> None:
    states: dict[str, SourceState] = {}
    far = 4_102_444_799_000
    kinds = {
        "all": (FAILED_LOGIN, LOCKED),
        IP: (FAILED_LOGIN, "signup"),
        "device:d": ("new_user", "new_card"),
        "merchant:m": (PAYMENT, FRAUD),
    }
    for key, of_key in kinds.items():
        told = [
            Signal(kind, far - n, "\U0001f600" * 28 + f"{n:0100d}", f"e{n}", f"a{n}", 7, float(far))
            for kind in of_key
            for n in range(600)
        ]
        run({key: told}, states)
        states[key].custom = {f"{n:064d}": [(far, 2**32 - 1, 1e15)] * 100 for n in range(SOURCE_RINGS_MAX)}
        states[key].groups = {
            f"{n:064d}:{'x' * 32}": Group(b"x" * 16, 3, far, far, far, far, 0, ["\U0001f600" * 128])
            for n in range(24)
        }
        assert len(SOURCES.encode(states[key])) <= STATE_MAX_BYTES


def test_a_usual_address_is_small() -> None:
    states: dict[str, SourceState] = {}
    run({IP: failures(4, users=3)}, states)
    assert len(SOURCES.encode(states[IP])) < 300


def test_a_busy_carrier_s_address_stays_quiet() -> None:
    """A thousand people who get in at the first try, fifty who mistype and then get in, one who gives up."""
    told: list[Signal] = []
    for n in range(1_000):
        at = MONDAY_MS + n * 3 * SECOND
        if n % 20 == 0:
            told.append(Signal(FAILED_LOGIN, at, f"u{n}", f"f{n}", "203.0.113.1", FAILED | UNFAMILIAR))
        told.append(Signal(LOGIN, at + SECOND, f"u{n}", f"e{n}", "203.0.113.1", UNFAMILIAR))
    told += [
        Signal(FAILED_LOGIN, MONDAY_MS + n * MINUTE, "u0", f"g{n}", "203.0.113.1", FAILED | UNFAMILIAR)
        for n in range(8)
    ]
    told.sort(key=lambda signal: signal.time_ms)
    assert run({IP: told, "network:203.0.113.0/24": told, "all": told}).alerts == []


def test_what_is_usual_everywhere_is_no_spray() -> None:
    """A large population's failures: many addresses, many users, hour by hour the same."""
    told = [
        Signal(FAILED_LOGIN, MONDAY_MS + n * 20 * SECOND, f"u{n}", f"e{n}", f"203.0.{n % 250}.1", FAILED | UNFAMILIAR)
        for n in range(24 * 180)
    ]
    judged = run({"all": told})
    times = {alert.time for alert in judged.alerts}
    assert times
    # Once the day is known, nothing; a cold start can't tell.
    assert max(times) < "2026-03-02T18:00"
    burst = [
        Signal(FAILED_LOGIN, told[-1].time_ms + n * SECOND, f"v{n}", f"b{n}", f"198.51.{n % 90}.1", 3)
        for n in range(300)
    ]
    states: dict[str, SourceState] = {}
    run({"all": told}, states)
    judged = run({"all": burst}, states)
    assert judged.hits["password_spray_many"] > 0
    assert judged.reputations["all"].level == BAD


def test_locks_by_rules_are_counted_over_all() -> None:
    locks = [Signal(LOCKED, MONDAY_MS + n * SECOND, f"u{n % 26}", f"e{n}", "login_brute_force") for n in range(30)]
    (alert,) = run({"all": locks}).alerts
    assert (alert.rule_id, alert.context) == ("lockout_storm", {})
    assert run({"all": locks}).reputations == {}


def test_an_attack_gives_its_address_a_reputation_once() -> None:
    states: dict[str, SourceState] = {}
    told = failures(40)
    first = run({IP: told}, states).reputations[IP]
    assert first.level == BAD
    assert states[IP].reputation == first
    again = [msgspec.structs.replace(signal, event_id=f"again{n}") for n, signal in enumerate(told)]
    assert run({IP: again}, states).reputations == {}


def payments(frauds: int) -> list[Signal]:
    paid = [Signal(PAYMENT, MONDAY_MS + n * MINUTE, f"u{n}", f"p{n}") for n in range(10)]
    known = [
        Signal(FRAUD, MONDAY_MS + 3 * DAY, f"u{n}", f"p{n}", value=float(MONDAY_MS + n * MINUTE))
        for n in range(10 - frauds, 10)
    ]
    return paid + known


def test_a_merchant_has_its_name_back_when_payments_turn_out_honest() -> None:
    states: dict[str, SourceState] = {}
    accused = run({"merchant:m1": payments(5)}, states).reputations["merchant:m1"]
    assert accused.level > CLEAN
    assert accused.share == pytest.approx(4 / 16)
    honest = [
        Signal(LEGIT, MONDAY_MS + 4 * DAY, f"u{n}", f"p{n}", value=float(MONDAY_MS + n * MINUTE))
        for n in range(5, 10)
    ]
    assert run({"merchant:m1": honest[:1]}, states).reputations["merchant:m1"].level > CLEAN
    assert run({"merchant:m1": honest}, states).reputations["merchant:m1"].level == CLEAN
    assert run({"merchant:m1": honest}, states).reputations == {}


def test_old_frauds_found_late_accuse_nobody() -> None:
    told = payments(8)
    late = [msgspec.structs.replace(signal, time_ms=MONDAY_MS + 50 * DAY) for signal in told if signal.kind == FRAUD]
    assert run({"merchant:m1": [signal for signal in told if signal.kind == PAYMENT] + late}).alerts == []


def test_a_shadow_rule_alerts_and_gives_no_reputation() -> None:
    book = RuleBook(modes={"credential_stuffing": "shadow", "brute_force_ip": "off", "password_spray_source": "off"})
    judged = run({IP: failures(30)}, book=book)
    assert {alert.mode for alert in judged.alerts} == {"shadow"}
    assert judged.reputations == {}


def test_a_very_late_signal_is_placed_and_wakes_no_rule() -> None:
    states: dict[str, SourceState] = {}
    run({IP: [Signal(LOGIN, MONDAY_MS + 3 * DAY, "u1", "e", "x", 0)]}, states)
    assert run({IP: failures(30)}, states).alerts == []
    assert len(states[IP].rings["logins"]) == 31
    patient = judge_sources({IP: failures(1)}, states, book=BOOK, policy=Policy(late_s=10 * 86_400))
    assert patient.alerts


def test_one_bad_signal_does_not_sink_its_batch() -> None:
    bad = Signal(FRAUD, MONDAY_MS, "u1", "e1", value=float("nan"))
    judged = judge_sources({"merchant:m1": [bad], IP: failures(30)}, {}, book=BOOK, now_ms=0)
    assert [signal for signal, _ in judged.failed] == [bad]
    assert judged.alerts[0].detected_at == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("key", ["", "ip", "host:1", "ALL"])
def test_a_key_that_names_no_source_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a source key"):
        source_of(key)


def test_ids_of_sources_may_have_colons() -> None:
    assert msgspec.to_builtins(source_of("ip:2001:db8::1")) == {"type": "ip", "id": "2001:db8::1"}
    assert msgspec.to_builtins(source_of("all")) == {"type": "network", "id": "0.0.0.0/0"}


def test_rings_are_bounded_under_attack() -> None:
    states: dict[str, SourceState] = {}
    run({IP: failures(2_000)}, states)
    assert len(states[IP].rings["logins"]) == RING_MAX


def test_a_reputation_survives_in_the_state() -> None:
    state = SourceState(key=IP, reputation=Reputation(BAD, "r", 0, MONDAY_MS * 2))
    assert run({IP: failures(25)}, {IP: state}).reputations == {}


def test_a_fraud_at_a_merchant_nobody_accuses_is_told_for_models() -> None:
    judged = run({"merchant:m1": [signal for signal in payments(5) if signal.event_id in ("p0", "p1", "p9")]})
    told = judged.reputations["merchant:m1"]
    assert told.level == CLEAN
    assert told.record is not None
    assert not told.in_force(MONDAY_MS)


def test_a_busy_merchant_s_state_is_small() -> None:
    states: dict[str, SourceState] = {}
    told = [Signal(PAYMENT, MONDAY_MS + n * MINUTE, f"u{n}", f"p{n}") for n in range(60 * 24 * 40)]
    run({"merchant:m1": told}, states)
    assert len(SOURCES.encode(states["merchant:m1"])) < 1_600


def test_a_kind_of_signal_that_is_not_known_yet_is_left_alone() -> None:
    states: dict[str, SourceState] = {}
    assert run({IP: [Signal("tomorrow", MONDAY_MS, "u1", "e1")]}, states).alerts == []
    assert states[IP] == SourceState(key=IP)


def test_failures_at_home_count_from_a_user_s_fourth_on() -> None:
    def at_home(each: int) -> list[Signal]:
        return [
            Signal(FAILED_LOGIN, MONDAY_MS + n * SECOND, f"u{n % 5}", f"e{n}", "203.0.113.1", FAILED)
            for n in range(5 * each)
        ]

    assert run({IP: at_home(6)}).hits == {}
    assert "brute_force_ip" in run({IP: at_home(7)}).hits


def test_guesses_at_few_users_from_many_addresses_are_no_spray() -> None:
    told = [
        Signal(FAILED_LOGIN, MONDAY_MS + n * SECOND, f"u{n % 4}", f"e{n}", f"203.0.113.{n % 9}", FAILED | UNFAMILIAR)
        for n in range(60)
    ]
    assert run({"all": told}).hits == {}


def test_as_many_failures_as_an_address_keeps_can_be_waited_for() -> None:
    book = RuleBook({"rule_brute_force_ip_failures": RING_MAX})
    assert not run({IP: failures(RING_MAX - 1, users=RING_MAX)}, book=book).hits.get("brute_force_ip")
    assert run({IP: failures(RING_MAX, users=RING_MAX)}, book=book).hits["brute_force_ip"] == 1


def test_a_source_known_by_windows_of_own_rules_alone_has_a_clock() -> None:
    states: dict[str, SourceState] = {}
    run({IP: [Signal(CUSTOM, MONDAY_MS, "u1", "e1")]}, states)
    assert states[IP].clock_ms == MONDAY_MS


def test_a_label_dated_far_ahead_holds_up_none_of_those_after_it() -> None:
    key, states = "merchant:m1", dict[str, SourceState]()
    paid = [Signal(PAYMENT, MONDAY_MS + n * SECOND, f"u{n}", f"p{n}") for n in range(12)]
    frauds = [Signal(FRAUD, MONDAY_MS + DAY, f"u{n}", f"p{n}", value=float(MONDAY_MS + n * SECOND)) for n in range(8)]
    run({key: [*paid, Signal(FRAUD, MONDAY_MS + 20_000 * DAY, "u11", "p11", value=float(MONDAY_MS))]}, states)
    assert run({key: frauds}, states).reputations[key].level > CLEAN


def test_labels_that_are_older_than_the_newest_payment_by_days_are_told() -> None:
    key, states = "merchant:m1", dict[str, SourceState]()
    paid = [Signal(PAYMENT, MONDAY_MS + n * SECOND, f"u{n}", f"p{n}") for n in range(12)]
    run({key: [*paid, Signal(PAYMENT, MONDAY_MS + 5 * DAY, "u12", "p12")]}, states)
    frauds = [Signal(FRAUD, MONDAY_MS + DAY, f"u{n}", f"p{n}", value=float(MONDAY_MS + n * SECOND)) for n in range(8)]
    assert run({key: frauds}, states).reputations[key].level > CLEAN


def test_a_flood_of_over_a_day_is_told_again_with_the_event_that_begins_it() -> None:
    states: dict[str, SourceState] = {}
    told = run({IP: failures(17_320, every_s=5)}, states).alerts
    first, *_, last = (alert for alert in told if alert.rule_id == "brute_force_ip" and alert.count == 1)
    assert first.alert_id != last.alert_id
    begun, again = (to_ms(datetime.fromisoformat(alert.time)) for alert in (first, last))
    assert again - begun == DAY + 5 * SECOND
