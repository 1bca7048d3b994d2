import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from argus import cli
from argus.geo import make_locate
from argus.replay import BLOCK_LINES, SLICE_LINES, Engine, make_engine
from argus.replay_files import Labels, run
from argus.settings import LABEL_MODELS, Settings
from core.clock import DAY, HOUR
from core.detect import judge
from core.events import Rejected, decode_action, nowhere
from core.policy import Policy
from core.records import Decision, Feedback, encode
from core.rules.book import RuleBook
from core.rules.custom import CustomRules
from core.state import UserState
from simulation.config import Config
from simulation.stream import generate

SETTINGS = Settings()
OUTS = ("alerts", "decisions", "locks", "rejected")
START_MS = 1_772_452_800_000
OWN_RULES = {bound.rule.id for bound in RuleBook().rules if bound.rule.scope == "user" and not bound.rule.inputs}


def event(number: int, user: str = "u1", type_: str = "transaction", **fields: Any) -> bytes:
    facts = {"event_id": f"e{number}", "type": type_, "user_id": user, "time": START_MS + number * 1_000}
    return msgspec.json.encode(facts | fields)


def payments(count: int, user: str = "u1", first: int = 0, **fields: Any) -> list[bytes]:
    return [event(first + at, user, amount=10.0, currency="EUR", merchant_id="till", **fields) for at in range(count)]


def replay(path: Path, lines: list[bytes], **more: Any) -> dict[str, list[dict[str, Any]]]:
    """What comes out, by file."""
    path.mkdir(exist_ok=True)
    (path / "events").write_bytes(b"\n".join(lines))
    assert run(SETTINGS, events=path / "events", **{name: path / name for name in OUTS}, **more) == 0
    return {name: [json.loads(line) for line in (path / name).read_bytes().splitlines()] for name in OUTS}


@pytest.fixture(scope="module")
def life() -> list[bytes]:
    encode = msgspec.json.Encoder().encode
    return [encode(labelled.event) for labelled in generate(Config(events=6_000, users=150, seed=5))]


def test_two_runs_give_the_same_bytes(tmp_path: Path, life: list[bytes]) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    out = replay(first, life)
    replay(second, life)
    assert len(out["alerts"]) > 10
    for name in OUTS:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_each_event_has_one_decision_and_its_repeat_has_none(tmp_path: Path, life: list[bytes]) -> None:
    lines = [*life[:1_000], life[999], life[998]]
    out = replay(tmp_path, lines)
    ids = [decision["event_id"] for decision in out["decisions"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {json.loads(line)["event_id"] for line in life[:1_000]}


def test_what_rules_say_of_one_user_hangs_on_no_cut_into_batches(life: list[bytes]) -> None:
    def by_engine(block_lines: int) -> list[tuple[str, int]]:
        engine = make_engine(SETTINGS)
        alerts = []
        for start in range(0, len(life), block_lines):
            alerts += engine.block(life[start : start + block_lines]).alerts
        return sorted((alert.alert_id, alert.count) for alert in alerts if alert.rule_id in OWN_RULES)

    users: dict[str, UserState] = {}
    book, policy = RuleBook(), Policy()
    alone = []
    for line in life:
        action = decode_action(line, now_ms=None, locate=make_locate(None))
        alone += judge([action], users, book=book, policy=policy).alerts
    wanted = sorted((alert.alert_id, alert.count) for alert in alone if alert.rule_id in OWN_RULES)
    assert len(wanted) > 10
    for block_lines in (7, BLOCK_LINES, 5_000):
        assert by_engine(block_lines) == wanted


def test_without_labels_what_learns_from_them_is_not_missed(life: list[bytes]) -> None:
    def told(*, labels: bool) -> list[bytes]:
        engine = make_engine(SETTINGS, labels=labels)
        blocks = [engine.block(life[start : start + BLOCK_LINES]) for start in range(0, len(life), BLOCK_LINES)]
        return [encode(record) for block in blocks for record in (*block.decisions, *block.alerts, *block.locks)]

    assert told(labels=False) == told(labels=True)


def test_lines_that_cannot_be_read_are_written_out_with_their_number_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [event(0), b"{", b"", event(1), b'{"event_id": "x"}', b"\xff", event(2), b" "]
    out = replay(tmp_path, lines)
    assert [decision["event_id"] for decision in out["decisions"]] == ["e0", "e1", "e2"]
    assert [(line["line"], line["error"]) for line in out["rejected"]] == [
        (2, "not_json"),
        (5, "missing_field"),
        (6, "not_json"),
        (8, "not_json"),
    ]
    assert [line["value"] for line in out["rejected"]] == ["{", '{"event_id": "x"}', "�", " "]
    assert capsys.readouterr().err.startswith("7 lines: 3 decisions, ")


def test_line_ends_of_windows_and_a_missing_last_one_are_fine(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "e").write_bytes(event(0) + b"\r\n\r\n" + event(1))
    run(SETTINGS, events=tmp_path / "w" / "e", alerts=tmp_path / "a", decisions=tmp_path / "d")
    assert len((tmp_path / "d").read_bytes().splitlines()) == 2


def test_an_event_from_the_future_is_judged_by_its_own_clock(tmp_path: Path) -> None:
    out = replay(tmp_path, [msgspec.json.encode(json.loads(event(0)) | {"time": "2099-01-01T00:00:00Z"})])
    assert out["decisions"][0]["time"] == "2099-01-01T00:00:00.000Z"


def test_a_lock_is_written_and_its_end_too_once_the_partitions_clock_is_there(tmp_path: Path) -> None:
    late = msgspec.json.encode(json.loads(event(99)) | {"time": START_MS + 2 * DAY})
    out = replay(tmp_path, [*payments(10), late])
    states = [(lock["state"], lock["by"], lock["version"]) for lock in out["locks"]]
    assert states[-2:] == [("locked", "rule", states[-2][2]), ("unlocked", "expiry", states[-2][2] + 1)]
    assert out["alerts"][-1]["detected_at"] == out["alerts"][-1]["time"]


def labels(count: int, time_ms: int, first: int = 0) -> bytes:
    return b"\n".join(
        msgspec.json.encode(
            {
                "feedback_id": f"f{first + at}",
                "event_id": f"e{first + at}",
                "user_id": f"user-{first + at}",
                "label": "fraud",
                "source": "chargeback",
                "time": time_ms,
            }
        )
        for at in range(count)
    )


def till(count: int, first: int = 0) -> list[bytes]:
    return [payments(1, f"user-{number}", number)[0] for number in range(first, first + count)]


def of_sources(out: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [alert for alert in out["alerts"] if alert.get("source") == {"type": "merchant", "id": "till"}]


def test_labels_that_come_after_the_last_event_still_count(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(labels(40, START_MS + 7 * DAY))
    out = replay(tmp_path / "out", till(40), feedback=tmp_path / "labels")
    assert of_sources(out)
    assert not of_sources(replay(tmp_path / "without", till(40)))


def test_labels_count_from_the_first_block_after_their_time_on_and_what_they_say_of_a_place_from_its_next_slice(
    tmp_path: Path,
) -> None:
    (tmp_path / "labels").write_bytes(labels(40, START_MS + 600 * 1_000))
    first = 2 * BLOCK_LINES
    paid = {*range(40), *range(first, first + SLICE_LINES), *range(1_400, 1_440), *range(1_500, 1_540)}
    lines = [
        till(1, number)[0] if number in paid else event(number, f"user-{number}", "page_view")
        for number in range(1_540)
    ]
    out = replay(tmp_path / "out", lines, feedback=tmp_path / "labels")
    assert of_sources(out)
    told = {
        decision["event_id"]
        for decision in out["decisions"]
        if "payment_at_compromised_merchant" in decision["rules"]
    }
    assert told == {f"e{number}" for number in (*range(1_400, 1_440), *range(1_500, 1_540))}


def test_what_the_sources_say_of_one_slice_is_known_in_the_next() -> None:
    def guess(number: int, **fields: Any) -> bytes:
        place = {"ip": "203.0.113.9", "device_id": "bot", "outcome": "failure"}
        return event(number, f"user-{number}", "login", **{**place, **fields})

    engine = make_engine(SETTINGS)
    lines = [guess(number) for number in range(2 * SLICE_LINES)]
    block = engine.block([*lines, guess(99, outcome="success")])
    assert [one.event_id for one in block.decisions if "attacker_logged_in" in one.rules] == ["e99"]
    risks = {decision.event_id: decision.risk_score for decision in block.decisions}
    assert risks[f"e{2 * SLICE_LINES - 1}"] > 60 > risks["e0"]


MINUTES_MS = 600_000


def paid(number: int, user: int, amount: float) -> bytes:
    # A sum weighs by itself where no device is named.
    facts = {"amount": amount, "currency": "EUR", "device_id": f"d{user}"}
    return event(number, f"u{user}", time=START_MS + number * MINUTES_MS, **facts)


def taught(settings: Settings) -> tuple[list[Decision], list[Decision]]:
    """Two weeks of small payments, every twentieth a large one that is disputed at once; and small and large ones
    after that, to the same till."""
    engine = make_engine(settings)
    said: list[Feedback] = []
    for start in range(0, 2_000, 200):
        lines, known, said = [], said, []
        for number in range(start, start + 200):
            fraud = number % 20 == 7
            amount = 900.0 if fraud else 10.0 + number % 9
            lines.append(paid(number, number % 37, amount))
            if fraud:
                facts = {"feedback_id": f"f{number}", "event_id": f"e{number}", "user_id": f"u{number % 37}"}
                time_ms = START_MS + number * MINUTES_MS + 1
                said.append(Feedback(**facts, label="fraud", source="chargeback", time=time_ms))
        engine.block(lines, known)
    small = [paid(2_000 + at, at, 12.0) for at in range(30)]
    large = [paid(2_037 + at, at, 900.0) for at in range(30)]
    return engine.block(small).decisions, engine.block(large).decisions


LEARNING = Settings(partitions=1, label_delay_days=0)


def test_what_labels_taught_is_in_the_scores_and_moves_the_risk() -> None:
    small, large = taught(LEARNING)
    for name in ("random_forest", "gradient_boosting"):
        told = [[decision.scores[name] for decision in decisions] for decisions in (small, large)]
        assert max(told[0]) < 0.99 < min(told[1])
    off = dict.fromkeys(LABEL_MODELS, "off")
    _, unaware = taught(msgspec.structs.replace(LEARNING, label_models=off))
    assert "random_forest" not in unaware[0].scores
    # Risks add up as chances do: of what is left to 100, a part goes.
    left, left_unaware = (sum(100 - decision.risk_score for decision in decisions) for decisions in (large, unaware))
    assert left < 0.9 * left_unaware


def test_what_is_learnt_from_labels_is_the_same_in_each_run() -> None:
    assert taught(LEARNING) == taught(LEARNING)


def test_labels_are_handed_out_once_in_the_order_of_their_times(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(b"\n".join([labels(2, START_MS + 5_000), b"", labels(2, START_MS, first=2), b""]))
    by_time = Labels(path)
    assert by_time.until(START_MS - 1) == []
    assert [label.feedback_id for label in by_time.until(START_MS)] == ["f2", "f3"]
    assert [label.feedback_id for label in by_time.until(START_MS + DAY)] == ["f0", "f1"]
    assert by_time.until(START_MS + DAY) == []
    assert Labels(None).until(START_MS) == []


def test_a_label_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(labels(1, START_MS) + b'\n\n{"label": "maybe"}')
    with pytest.raises(Rejected, match=r"labels, line 3: "):
        Labels(path)


RULE = """
- id: candidate
  title: Anything at the till
  types: [transaction]
  severity: {severity}
  mode: {mode}
  when: {{field: merchant_id, eq: till}}
"""


def test_candidate_rules_run_instead_of_those_in_force_and_are_compared_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, in_force = tmp_path / "rules.yaml", tmp_path / "in_force.yaml"
    rules.write_text(RULE.format(severity="MEDIUM", mode="live"))
    out = replay(tmp_path / "new", till(3), rules=rules)
    assert [alert["rule_id"] for alert in out["alerts"]] == ["candidate"] * 3
    assert capsys.readouterr().err.splitlines()[1:4] == [
        "against the rules in force: 3 new, 0 lost, 0 changed alerts",
        "  candidate: 3 new, 0 lost, 0 changed alerts",
        "against the rules in force: 0 new, 0 lost, 0 changed locks and challenges",
    ]
    in_force.write_text(RULE.format(severity="LOW", mode="live"))
    (tmp_path / "events").write_bytes(b"\n".join(till(3)))
    settings = msgspec.structs.replace(SETTINGS, rules_file=in_force)
    outs = {"alerts": tmp_path / "a", "decisions": tmp_path / "d"}
    run(settings, events=tmp_path / "events", rules=rules, **outs)
    assert "0 new, 0 lost, 3 changed" in capsys.readouterr().err
    rules.write_text(RULE.format(severity="MEDIUM", mode="off"))
    run(settings, events=tmp_path / "events", rules=rules, **outs)
    assert "0 new, 3 lost, 0 changed" in capsys.readouterr().err
    run(settings, events=tmp_path / "events", **outs)
    assert "against" not in capsys.readouterr().err


def test_the_summary_counts_alerts_once_and_by_the_severity_that_they_rose_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = replay(tmp_path, [*payments(10), payments(1)[0]])
    ids = {alert["alert_id"] for alert in out["alerts"]}
    said = capsys.readouterr().err
    assert said.startswith(f"11 lines: 10 decisions, {len(ids)} alerts (1 CRITICAL, 0 HIGH")
    assert f"{len(out['alerts']) - len(ids)} updates" in said
    assert "1 repeated events, 0 rejected" in said


def test_an_empty_file_gives_empty_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path, []) == {name: [] for name in OUTS}
    assert capsys.readouterr().err.startswith("0 lines: 0 decisions")


def test_engines_share_nothing() -> None:
    one, two = (
        Engine(book=RuleBook(), policy=Policy(), custom=CustomRules(), locate=nowhere, partitions=2, seed=1)
        for _ in range(2)
    )
    assert len(one.block(payments(3)).decisions) == len(two.block(payments(3)).decisions) == 3


def command(directory: Path, option: str, file: str) -> list[str]:
    (directory / "events").write_bytes(event(0))
    options = {"events": "events", "alerts": "a", "decisions": "d"} | {option: file}
    return ["replay", *(text for name, path in options.items() for text in (f"--{name}", str(directory / path)))]


@pytest.mark.parametrize("option", ["events", "feedback", "rules"])
def test_a_file_that_is_not_there_is_one_line_and_status_2(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(tmp_path, option, "missing")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "missing" in said


@pytest.mark.parametrize(("option", "text"), [("feedback", '{"label": 1}'), ("rules", "- {id: x")])
def test_a_file_that_cannot_be_used_is_one_line_with_the_place_and_status_2(
    tmp_path: Path, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").write_text(text)
    assert cli.run(command(tmp_path, option, "bad")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "line 1" in said


def test_a_ring_of_mules_is_followed_from_one_fraud_with_the_way_in_the_alert(tmp_path: Path) -> None:
    def payout(number: int, user: str, hours: int, device: str, payee: str) -> bytes:
        facts = {"amount": 40.0, "currency": "EUR", "device_id": device, "payee_id": payee}
        return event(number, user, "payout", time=START_MS + hours * HOUR, **facts)

    lines = [
        payout(1, "first", 0, "phone", "p1"),
        payout(2, "second", 12, "phone", "p2"),
        payout(3, "third", 24, "tablet", "p2"),
        payout(4, "nobody", 24, "laptop", "p9"),
    ]
    # What is told in one block is known from the next on.
    hours = (0, 12, 24, 24)
    spaced = [
        other
        for number, (hour, line) in enumerate(zip(hours, lines, strict=True))
        for other in (*payments(BLOCK_LINES - 1, f"f{number}", time=START_MS + hour * HOUR), line)
    ]
    feedback = tmp_path / "feedback"
    facts = {"feedback_id": "f1", "event_id": "e1", "user_id": "first", "label": "fraud", "source": "analyst"}
    feedback.write_bytes(msgspec.json.encode(facts | {"time": START_MS + HOUR}))
    told = replay(tmp_path / "with", spaced, feedback=feedback)
    ways = {alert["user_id"]: alert["summary"] for alert in told["alerts"] if alert["rule_id"] == "ring_member"}
    assert list(ways) == ["second", "third"]
    assert (
        "Shares payee p2 with second, who shares device phone with first, whose fraud was confirmed" in ways["third"]
    )
    without = replay(tmp_path / "without", spaced)
    assert not [alert for alert in without["alerts"] if alert["rule_id"] == "ring_member"]
    again = replay(tmp_path / "again", spaced, feedback=feedback)
    assert again == told
