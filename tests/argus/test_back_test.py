import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from argus import cli
from argus.back_test import LISTED, Comparing, Comparison
from argus.back_test_truth import Truth
from argus.back_test_view import SHOWN, lines
from argus.evaluate_files import Label
from argus.replay import Block
from core.clock import rfc3339
from core.records import Alert, Decision, Lock
from simulation.config import Config
from simulation.labels import label_line
from simulation.stream import generate

NOW_MS = 1_790_000_000_000
CANDIDATE = """
- {id: spender, title: Spends, types: [transaction], severity: CRITICAL, when: {field: usd, gte: 400}}
"""


def alert(number: int, user: str = "u1", **fields: Any) -> Alert:
    time = rfc3339(NOW_MS + number * 1_000)
    facts: dict[str, Any] = {
        "alert_id": f"a{number}", "schema_version": 1, "user_id": user, "event_id": f"e{number}",
        "event_ids": [f"e{number}"], "rule_id": "spender", "kind": "SECURITY", "severity": "HIGH", "risk_score": 60.0,
        "title": "", "summary": "", "reasons": [], "suggested_actions": [], "context": {}, "scores": {},
        "contributions": {}, "attack": [], "time": time, "detected_at": time, "dedup_key": user, "count": 1,
        "mode": "live",
    }  # fmt: skip
    return Alert(**(facts | fields))


def lock(number: int, user: str = "u1", state: str = "locked", **fields: Any) -> Lock:
    facts: dict[str, Any] = {
        "user_id": user, "state": state, "scope": ["login"], "reason": "", "alert_id": f"a{number}",
        "since": rfc3339(NOW_MS + number * 1_000), "until": None, "by": "rule", "version": 1,
    }  # fmt: skip
    return Lock(**(facts | fields))


def decision(number: int, user: str = "u1", verdict: str = "approve") -> Decision:
    time = rfc3339(NOW_MS + number * 1_000)
    return Decision(
        event_id=f"e{number}", user_id=user, time=time, risk_score=1.0, decision=verdict, scores={}, rules=[],  # type: ignore[arg-type]
    )  # fmt: skip


def compare(before: Block, after: Block) -> Comparison:
    comparing = Comparing(keep_live=False)
    comparing.add(before, after)
    return comparing.result()


def block(**parts: list[Any]) -> Block:
    return Block(**{"decisions": [], "alerts": [], "locks": [], "rejected": [], **parts})


def test_the_same_output_is_no_change() -> None:
    same = block(alerts=[alert(1)], locks=[lock(1)], decisions=[decision(1)])
    compared = compare(same, same)
    assert compared.alerts.counts == compared.locks.counts == {"new": 0, "lost": 0, "changed": 0}
    assert compared.decisions == {}
    assert list(lines(compared)) == [
        "against the rules in force: 0 new, 0 lost, 0 changed alerts",
        "against the rules in force: 0 new, 0 lost, 0 changed locks and challenges",
    ]


@pytest.mark.parametrize("other", [{"severity": "LOW"}, {"count": 2}, {"mode": "shadow"}])
def test_an_alert_of_the_same_id_changes_with_its_severity_its_hits_and_its_mode(other: dict[str, Any]) -> None:
    compared = compare(block(alerts=[alert(1)]), block(alerts=[alert(1, **other)]))
    assert compared.alerts.counts == {"new": 0, "lost": 0, "changed": 1}
    (change,) = compared.alerts.listed["changed"]
    assert change.before == "HIGH, 1 hit" != change.after


def test_only_the_latest_record_of_an_alert_is_compared() -> None:
    updated = [alert(1), alert(1, count=5)]
    assert compare(block(alerts=updated), block(alerts=updated[1:])).alerts.counts["changed"] == 0


def test_locks_are_the_same_by_user_and_beginning_and_change_with_state_end_and_rule() -> None:
    before = block(alerts=[alert(1), alert(2, rule_id="other")], locks=[lock(1), lock(2, "u2"), lock(3, "u3")])
    after = block(
        alerts=before.alerts,
        locks=[lock(1, state="challenged"), lock(2, "u2", alert_id="a2"), lock(4, "u4"), lock(4, "u5", "unlocked")],
    )
    compared = compare(before, after)
    assert compared.locks.counts == {"new": 1, "lost": 1, "changed": 1}
    assert [change.about for change in compared.locks.listed["changed"]] == ["u1"]
    assert [change.about for change in compared.locks.listed["new"]] == ["u4"]
    assert [change.about for change in compared.locks.listed["lost"]] == ["u3"]


def test_decisions_are_counted_by_how_they_changed() -> None:
    before = block(decisions=[decision(1), decision(2), decision(3, verdict="challenge")])
    after = block(decisions=[decision(1, verdict="block"), decision(2), decision(3)])
    assert compare(before, after).decisions == {"approve to block": 1, "challenge to approve": 1}


def test_lists_are_bounded_in_the_order_of_time_and_counts_are_of_all() -> None:
    after = block(alerts=[alert(number) for number in reversed(range(LISTED + 10))])
    changes = compare(block(), after).alerts
    assert changes.counts["new"] == LISTED + 10
    assert [change.id for change in changes.listed["new"]] == [f"a{number}" for number in range(LISTED)]
    said = list(lines(compare(block(), after)))
    assert sum("HIGH, 1 hit" in line for line in said) == SHOWN
    assert said[-1] == f"  and {LISTED + 10 - SHOWN} more"


def test_labels_tell_what_alerts_campaigns_and_locks_the_change_costs_and_gains() -> None:
    decisions = [decision(1, "victim"), decision(2, "honest"), decision(3, "other")]
    truth = Truth(
        [
            Label("e1", "victim", "fraud", attack="theft", campaign="c1"),
            Label("e2", "honest", "legit"),
            Label("e3", "other", "fraud", attack="theft", campaign="c2"),
            Label("unseen", "nobody", "fraud", campaign="c3"),
        ]
    )
    guessed = [msgspec.structs.replace(decisions[0], risk_score=90.0), *decisions[1:]]
    truth.add(decisions, guessed)
    comparing = Comparing(keep_live=True)
    before = block(decisions=decisions, alerts=[alert(3, "other"), alert(2, "honest", severity="LOW")])
    after = block(
        decisions=decisions,
        alerts=[
            alert(1, "victim"), alert(2, "honest"), alert(4, "honest", mode="shadow"),
            alert(5, "honest", kind="COMPLIANCE", event_id="e2", event_ids=["e2"]),
        ],
        locks=[lock(1, "victim"), lock(2, "honest"), lock(2, "clean", by="admin")],
    )  # fmt: skip
    comparing.add(before, after)
    judged = truth.judge(comparing.before, comparing.after)
    assert (judged.labelled, judged.campaigns) == (3, 2)
    assert (judged.new.right, judged.new.false, judged.new.reports) == (1, 0, 1)
    assert (judged.lost.right, judged.lost.false) == (1, 0)
    assert (judged.before.false_medium, judged.after.false_medium) == (0, 1)
    assert (judged.caught.listed_gained, judged.caught.listed_lost) == (["c1"], ["c2"])
    assert judged.held["locked"].listed_gained == ["honest"]
    assert judged.held["challenged"].gained == 0
    assert judged.precision == (pytest.approx(2 / 3), pytest.approx(5 / 6))
    said = list(lines(comparing.result(judged)))
    assert "  campaigns caught: 1 -> 1 (1 more, 1 fewer)" in said
    assert "  users locked with nothing wrong: 0 -> 1 (1 more, 0 fewer)" in said


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("life")
    every = list(generate(Config(events=3_000, users=100, seed=5)))
    (folder / "events").write_bytes(b"\n".join(msgspec.json.encode(one.event) for one in every))
    (folder / "labels").write_bytes("".join(label_line(one) for one in every if not one.repeat).encode())
    (folder / "rules").write_text(CANDIDATE)
    return folder


def options(life: Path, out: Path, *more: str) -> Iterator[str]:
    out.mkdir()
    yield from ("replay", "--events", str(life / "events"), "--rules", str(life / "rules"))
    for name in ("alerts", "decisions", "locks"):
        yield from (f"--{name}", str(out / name))
    yield from more


def test_a_back_test_is_the_same_each_time_and_its_files_are_the_candidates(
    life: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ("--labels", str(life / "labels"), "--json")
    said = []
    for name in ("one", "two"):
        assert cli.run(list(options(life, tmp_path / name, *labels))) == 0
        said.append(capfdbinary.readouterr().out)
    assert said[0] == said[1]
    told = json.loads(said[0])
    against = told["against"]
    assert told["lines"] == 3_000
    assert against["alerts"]["by_rule"]["spender"]["new"] > 0
    assert against["locks"]["counts"]["new"] > 0
    truth = against["truth"]
    assert truth["labelled"] == told["decisions"]
    assert truth["held"]["locked"]["after"] >= truth["held"]["locked"]["before"]
    monkeypatch.setenv("ARGUS_RULES_FILE", str(life / "rules"))
    assert cli.run(list(options(life, tmp_path / "live"))) == 0
    assert b"0 new, 0 lost, 0 changed alerts" in capfdbinary.readouterr().err
    for name in ("alerts", "decisions", "locks"):
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_labels_without_candidates_and_labels_that_cannot_be_read_are_one_line_and_status_2(
    life: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.write_text('{"event_id": 1}')
    assert cli.run(list(options(life, tmp_path / "one", "--labels", str(bad)))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "line 1" in said
    plain = list(options(life, tmp_path / "two", "--labels", str(bad)))
    at = plain.index("--rules")
    assert cli.run(plain[:at] + plain[at + 2 :]) == 2
    assert "--labels is for --rules and --models" in capsys.readouterr().err


def test_other_models_are_tried_alone_or_with_other_rules(
    life: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    models = tmp_path / "models.toml"
    models.write_text('fraud_score_threshold = 30\n[models]\ngaussian = "off"\n')
    labels = ("--models", str(models), "--labels", str(life / "labels"))
    alone = list(options(life, tmp_path / "alone", *labels))
    at = alone.index("--rules")
    assert cli.run(alone[:at] + alone[at + 2 :]) == 0
    said = capfdbinary.readouterr().err.decode()
    assert "against the models in force: " in said
    assert "from approve to challenge" in said
    assert "alerts that only the models in force have" in said
    assert "average precision of the risk: " in said
    decisions = (tmp_path / "alone" / "decisions").read_text().splitlines()
    assert all("gaussian" not in json.loads(line)["scores"] for line in decisions)
    assert cli.run(list(options(life, tmp_path / "both", *labels, "--json"))) == 0
    told = json.loads(capfdbinary.readouterr().out)["against"]
    assert told["of"] == "rules and models"
    assert set(told["alerts"]["by_rule"]) >= {"spender"}


def test_models_that_cannot_be_read_are_one_line_and_status_2(
    life: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models.yaml"
    models.write_text("models:\n  oracle: decide\n")
    assert cli.run(list(options(life, tmp_path / "one", "--models", str(models)))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{models}, line 2: oracle is no model" in said
