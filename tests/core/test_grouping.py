import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY, HOUR, MINUTE, SECOND
from core.grouping import (
    EVENT_IDS_MAX,
    FED,
    FED_GROUPS_MAX,
    GROUP_MAX_S,
    GROUPS_MAX,
    GROUPS_PER_RULE_MAX,
    SHADOW,
    Group,
    Placed,
    alert_id,
    let_go,
    place,
)
from core.rules.entry import Hit, Rule, Severity

START = 1_772_442_000_000


def a_rule(id_: str = "r", period_s: int = 600) -> Rule:
    return Rule(
        id=id_,
        title="A title",
        kind="SECURITY",
        severity=Severity.LOW,
        scope="user",
        types=("login",),
        check=lambda *_: None,
        thresholds={},
        period_s=period_s,
        weight=0.5,
        attack=("T1110",),
        suggest=("Do something",),
        words="",
        default_source="own",
        gaps="",
        examples=(),
    )


RULE = a_rule()


def put(
    groups: dict[str, Group],
    time_ms: int,
    severity: Severity = Severity.MEDIUM,
    dedup: str = "",
    event_id: str | None = None,
    rule: Rule = RULE,
    flags: int = 0,
) -> Placed:
    event_id = event_id or f"e{time_ms - START}"
    return place(groups, rule, Hit(severity, "Too much", dedup), "u1", event_id, time_ms, flags)


def test_an_alert_id_is_the_same_for_the_same_rule_key_and_first_event() -> None:
    assert alert_id("r", "k", "e") == alert_id("r", "k", "e")
    assert (
        len({alert_id(*parts) for parts in (("r", "k", "e"), ("rk", "", "e"), ("r", "ke", ""), ("r", "k", "f"))}) == 4
    )
    assert len(alert_id("r", "k", "e")) == 32


def test_the_first_hit_is_sent_and_repeats_within_a_minute_are_counted_only() -> None:
    groups: dict[str, Group] = {}
    first = put(groups, START)
    assert first.opened
    assert first.send
    assert first.event_ids == ("e0",)
    assert first.dedup_key == "r:u1:"
    again = [put(groups, START + second * SECOND) for second in range(1, 60)]
    assert not any(placed.send for placed in again)
    assert again[-1].group.count == 60
    assert again[-1].group.id == first.group.id


def test_an_update_comes_after_a_minute_with_ids_that_are_new() -> None:
    groups: dict[str, Group] = {}
    put(groups, START)
    put(groups, START + SECOND)
    update = put(groups, START + MINUTE)
    assert update.send
    assert not update.opened
    assert update.event_ids == ["e1000", "e60000"]
    assert not put(groups, START + MINUTE + SECOND).send


def test_a_rising_severity_is_sent_at_once_and_never_falls() -> None:
    groups: dict[str, Group] = {}
    put(groups, START, Severity.LOW)
    risen = put(groups, START + 1, Severity.HIGH)
    assert risen.send
    assert risen.group.severity == Severity.HIGH
    fallen = put(groups, START + 2, Severity.LOW)
    assert not fallen.send
    assert fallen.group.severity == Severity.HIGH


def test_a_group_ends_a_period_after_its_newest_event() -> None:
    groups: dict[str, Group] = {}
    first = put(groups, START)
    kept = put(groups, START + 600 * SECOND)
    assert kept.group is first.group
    assert put(groups, START + 1200 * SECOND).group is first.group
    assert put(groups, START + 1801 * SECOND).opened
    assert len(groups) == 1


def test_an_endless_attack_is_told_again_after_a_day() -> None:
    groups: dict[str, Group] = {}
    opened = [put(groups, START + minute * 5 * MINUTE).opened for minute in range(24 * 12 * 2)]
    assert sum(opened) == 2
    assert GROUP_MAX_S == 86_400


def test_a_rule_with_a_long_period_keeps_its_group_for_all_of_it() -> None:
    groups: dict[str, Group] = {}
    rule = a_rule(period_s=3 * 86_400)
    put(groups, START, rule=rule)
    assert not put(groups, START + 71 * HOUR, rule=rule).opened
    assert put(groups, START + 73 * HOUR, rule=rule).opened


def test_a_late_event_joins_the_group_that_is_there_however_old() -> None:
    groups: dict[str, Group] = {}
    put(groups, START)
    reopened = put(groups, START + 20 * HOUR)
    late = put(groups, START - 3 * HOUR)
    assert late.group is reopened.group
    assert not late.send
    assert late.group.last_ms == START + 20 * HOUR
    assert late.group.first_ms == START + 20 * HOUR


def test_a_late_rise_is_sent_and_does_not_bring_the_next_update_forward() -> None:
    groups: dict[str, Group] = {}
    put(groups, START, Severity.LOW)
    assert put(groups, START - HOUR, Severity.HIGH).send
    assert not put(groups, START + SECOND, Severity.HIGH).send


def test_different_dedup_texts_are_different_alerts_up_to_a_handful() -> None:
    groups: dict[str, Group] = {}
    ids = {put(groups, START + at, dedup=f"payee{at}").group.id for at in range(1_000)}
    assert len(ids) == GROUPS_PER_RULE_MAX
    assert sum(group.count for group in groups.values()) == 1_000
    assert len({put(groups, START + at, dedup=f"payee{at}").dedup_key for at in range(9)}) == GROUPS_PER_RULE_MAX


def test_a_long_dedup_text_is_kept_as_a_digest() -> None:
    groups: dict[str, Group] = {}
    first = put(groups, START, dedup="x" * 128)
    assert put(groups, START + 1, dedup="x" * 128).group is first.group
    assert put(groups, START + 2, dedup="x" * 127).group is not first.group
    assert len(first.dedup_key) < 32


def test_groups_are_bounded_and_the_longest_quiet_goes_first() -> None:
    groups: dict[str, Group] = {}
    for at in range(GROUPS_MAX):
        put(groups, START + at, rule=a_rule(f"r{at}"))
    put(groups, START + 100, rule=a_rule("r0"))
    put(groups, START + 101, rule=a_rule("new"))
    assert len(groups) == GROUPS_MAX
    assert "r0:" in groups
    assert "r1:" not in groups


def test_groups_that_read_models_never_push_out_the_others() -> None:
    groups: dict[str, Group] = {}
    put(groups, START, rule=a_rule("plain"))
    for at in range(100):
        put(groups, START + at, rule=a_rule(f"model{at}"), flags=FED)
    assert "plain:" in groups
    assert len(groups) == FED_GROUPS_MAX + 1


def test_a_rule_that_goes_from_shadow_to_live_opens_a_new_alert() -> None:
    groups: dict[str, Group] = {}
    shadow = put(groups, START, flags=SHADOW)
    live = put(groups, START + 1)
    assert live.opened
    assert live.group.id != shadow.group.id
    assert len(groups) == 1


def test_ids_that_wait_for_an_update_are_bounded_in_number_and_in_characters() -> None:
    groups: dict[str, Group] = {}
    for at in range(100):
        group = put(groups, START + at, event_id=f"{at:03d}").group
    assert len(group.pending) == EVENT_IDS_MAX - 1
    assert len(put(groups, START + 2 * MINUTE, event_id="last").event_ids) == EVENT_IDS_MAX
    for at in range(100):
        put(groups, START + 2 * MINUTE + at, event_id=f"{at:0100d}")
    assert sum(map(len, group.pending)) == 500


def test_groups_that_went_quiet_give_their_waiting_ids_room_to_the_others() -> None:
    groups: dict[str, Group] = {}
    for at in range(10):
        put(groups, START + at, event_id=f"{at:0100d}")
        put(groups, START + at, event_id=f"{at:0100d}", flags=FED, rule=a_rule("fed"))
    for at in range(4):
        put(groups, START + SECOND + at, event_id=f"s{at:0100d}", rule=a_rule("s"))
    assert groups["r:"].pending == []
    assert len(groups["s:"].pending) == 3
    assert len(groups["fed:"].pending) == 5
    put(groups, START, event_id="x" * 128)
    assert groups["r:"].pending == ["x" * 128]
    put(groups, START, event_id="x" * 127)
    assert groups["r:"].pending == ["x" * 128]


def test_the_groups_of_one_subject_fit_into_four_kilobytes() -> None:
    groups: dict[str, Group] = {}
    for at in range(3_000):
        rule = a_rule(f"a_rule_with_a_long_name_{at % 30:02d}")
        put(groups, START + at, Severity.HIGH, "d" * 32, "e" * 125 + f"{at % 300:03d}", rule, FED if at % 3 else 0)
    assert len(msgspec.msgpack.encode(groups)) < 4_096


def test_ten_thousand_hits_in_an_hour_are_an_alert_and_an_update_a_minute() -> None:
    groups: dict[str, Group] = {}
    sent = [put(groups, START + at * 360).send for at in range(10_000)]
    assert 55 <= sum(sent) <= 60
    assert groups["r:"].count == 10_000


hits = st.lists(
    st.tuples(
        st.integers(-2 * HOUR, 30 * HOUR),
        st.sampled_from(list(Severity)),
        st.sampled_from(["", "a", "b", "c", "d", "e"]),
        st.sampled_from(["r", "rr", "s"]),
        st.sampled_from([0, SHADOW, FED, FED | SHADOW]),
    ),
    max_size=60,
)


@settings(derandomize=True, max_examples=200)
@given(hits)
def test_counts_and_severities_only_rise_and_groups_stay_bounded(
    story: list[tuple[int, Severity, str, str, int]],
) -> None:
    groups: dict[str, Group] = {}
    last: dict[bytes, tuple[int, int]] = {}
    told: dict[bytes, list[str]] = {}
    for number, (at_ms, severity, dedup, rule_id, flags) in enumerate(story):
        placed = put(groups, START + at_ms, severity, dedup, f"n{number}", a_rule(rule_id), flags)
        group = placed.group
        count, worst = last.get(group.id, (0, -1))
        assert placed.opened == (group.id not in last)
        assert group.count == count + 1
        assert group.severity == max(worst, severity)
        assert not (group.severity > worst and not placed.send)
        last[group.id] = group.count, group.severity
        told.setdefault(group.id, []).extend(placed.event_ids)
        assert len(placed.event_ids) <= EVENT_IDS_MAX
        assert len(told[group.id]) == len(set(told[group.id]))
        assert (f"n{number}" in placed.event_ids) == placed.send
    assert len(groups) <= GROUPS_MAX + FED_GROUPS_MAX


def test_groups_that_no_event_can_join_any_more_are_forgotten() -> None:
    groups: dict[str, Group] = {}
    put(groups, START, dedup="a")
    put(groups, START + DAY, dedup="b")
    for clock_ms in (START, START + DAY, START + DAY + RULE.period_s * SECOND):
        let_go(groups, clock_ms)
        assert len(groups) == 2
    let_go(groups, START + DAY + RULE.period_s * SECOND + 1)
    assert len(groups) == 1
