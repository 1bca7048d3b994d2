from core.alerting import SHADOW, Group, Placed, alert, alert_id, context_of, place
from core.clock import MINUTE
from core.events import Action
from core.records import Alert, Reason, Source
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


ACTION = Action(
    event_id="e1",
    key=b"12345678",
    type="login",
    user_id="u1",
    time_ms=START,
    ip="192.0.2.1",
    country="DE",
    amount=0.0,
)


def a_record(placed: Placed, source: Source | None = None) -> Alert:
    about = {} if source is None else {"source": source, "users": [f"u{at}" for at in range(200)]}
    return alert(
        RULE,
        placed,
        Hit(Severity.HIGH, "12 failures in 10 minutes."),
        user_id="u1" if source is None else None,
        event_id="e1",
        time_ms=START,
        detected_ms=START + 5,
        risk_score=81.5,
        reasons=[Reason("r", 0.5, "12 failures in 10 minutes.")],
        context=context_of(ACTION),
        scores={"gaussian": 0.9},
        contributions={"gap": 1.0},
        **about,  # type: ignore[arg-type]
    )


def test_the_record_of_an_alert_carries_what_is_known() -> None:
    record = a_record(put({}, START, Severity.HIGH))
    assert record.alert_id == alert_id("r", "r:u1:", "e0")
    assert record.severity == "HIGH"
    assert record.context == {"ip": "192.0.2.1", "country": "DE", "amount": 0.0}
    assert record.summary == "User u1: 12 failures in 10 minutes."
    assert (record.time, record.detected_at) == ("2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00.005Z")
    assert (record.mode, record.count, record.attack) == ("live", 1, ["T1110"])


def test_the_record_of_an_update_tells_how_often_and_since_when() -> None:
    groups: dict[str, Group] = {}
    put(groups, START, flags=SHADOW)
    record = a_record(put(groups, START + MINUTE, flags=SHADOW))
    assert record.summary == "User u1: 12 failures in 10 minutes (2 events since 2026-03-02T09:00:00.000Z)."
    assert (record.mode, record.count, record.event_ids) == ("shadow", 2, ["e60000"])


def test_an_alert_about_a_source_names_it_and_up_to_a_hundred_users() -> None:
    record = a_record(put({}, START), Source("ip", "192.0.2.1"))
    assert record.user_id is None
    assert record.summary.startswith("Address 192.0.2.1: ")
    assert len(record.users) == 100  # type: ignore[arg-type]
    assert a_record(put({}, START), Source("network", "0.0.0.0/0")).summary.startswith("All sources: ")
