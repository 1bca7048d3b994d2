import json
from pathlib import Path
from typing import Any

import pytest

from argus.cli import run
from argus.evaluate import evaluate
from argus.evaluate_files import BadInput
from core.clock import rfc3339

BASE_MS = 1_772_442_000_000


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Ten events a second apart; 3 and 4 are one campaign, 8 another. The run alerts at 4 and, wrongly, at 6."""
    fraud = {3: "k1", 4: "k1", 8: "k2"}
    decisions = [
        {
            "event_id": f"e{i}",
            "user_id": f"u{i % 5}",
            "time": rfc3339(BASE_MS + i * 1_000),
            "risk_score": {3: 50.0, 4: 90.0, 6: 60.0, 8: 10.0}.get(i, 1.0),
            "decision": "block" if i in (4, 6) else "approve",
        }
        for i in range(10)
    ]
    labels = [
        {
            "event_id": f"e{i}",
            "user_id": f"u{i % 5}",
            "label": "fraud" if i in fraud else "legit",
            "attack": "velocity" if i in fraud else None,
            "campaign": fraud.get(i),
        }
        for i in range(10)
    ]
    alerts = [
        {"alert_id": f"a{i}", "event_id": f"e{i}", "event_ids": [f"e{i}"], "severity": "HIGH", "mode": mode}
        | {"time": rfc3339(BASE_MS + i * 1_000)}
        for i, mode in ((4, "live"), (6, "live"), (4, "live"), (8, "shadow"))
    ]
    locks = [
        {"user_id": "u4", "state": "locked", "since": rfc3339(BASE_MS + 4_000), "until": None},
        {
            "user_id": "u1",
            "state": "challenged",
            "since": rfc3339(BASE_MS + 3_000),
            "until": rfc3339(BASE_MS + 6_000),
        },
        {"user_id": "u2", "state": "locked", "since": rfc3339(BASE_MS), "until": rfc3339(BASE_MS + 60_000_000)},
        {"user_id": "u2", "state": "unlocked", "since": rfc3339(BASE_MS + 3_000), "until": None},
    ]
    rows = {"decisions": decisions, "labels": labels, "alerts": alerts, "locks": locks}
    return {name: lines(tmp_path / f"{name}.jsonl", row) for name, row in rows.items()}


def test_a_run_is_measured(files: dict[str, Path]) -> None:
    found = evaluate(files["decisions"], files["alerts"], files["labels"], files["locks"])
    argus = found["argus"]
    assert (found["events"], found["fraud_events"], found["campaigns"]) == (10, 3, 2)
    assert (argus["alerts"], argus["alert_precision"], argus["campaign_recall"]) == (2, 0.5, 0.5)
    assert (argus["event_precision"], argus["event_recall"]) == (0.5, pytest.approx(1 / 3))
    assert argus["false_alerts_per_10000_events"] == 1_000
    assert argus["time_to_detect_s"] == 1.0
    assert argus["auc"] == pytest.approx(19 / 21)
    assert argus["attacks"]["velocity"]["campaigns"] == 2
    assert argus["attacks"]["velocity"]["found"] == 1


def test_the_oracle_is_perfect_and_the_lot_is_not(files: dict[str, Path]) -> None:
    found = evaluate(files["decisions"], files["alerts"], files["labels"])
    assert {found["oracle"][name] for name in ("auc", "average_precision", "alert_precision", "campaign_recall")} == {
        1.0
    }
    assert found["oracle"]["time_to_detect_s"] == 0
    assert found["random"]["auc"] < 1
    assert found == evaluate(files["decisions"], files["alerts"], files["labels"])


def test_locks_of_the_innocent_are_counted_until_they_end(files: dict[str, Path]) -> None:
    locks = evaluate(files["decisions"], files["alerts"], files["labels"], files["locks"])["locks"]
    assert (locks["locks"], locks["challenges"], locks["users"], locks["innocent_users"]) == (2, 1, 3, 2)
    assert locks["innocent_minutes"] == pytest.approx(6 / 60)


def test_labels_that_name_nothing_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    nothing = lines(tmp_path / "none.jsonl", [{"event_id": "x", "user_id": "u", "label": "fraud"}])
    with pytest.raises(BadInput, match="nothing to measure"):
        evaluate(files["decisions"], files["alerts"], nothing)


def options(files: dict[str, Path], **others: Path) -> list[str]:
    return [part for name, path in {**files, **others}.items() for part in (f"--{name}", str(path))]


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("alerts", b"{\n", "alerts.jsonl, line 5: no alert: "),
        ("decisions", b"\x80\x81\x00\n", "decisions.jsonl, line 11: no decision: "),
        ("locks", b"[1]\n", "locks.jsonl, line 5: no lock: expected object, got array"),
        ("labels", b'{"event_id": "e1", "user_id": "\xff", "label": "fraud"}\n', "line 11: no label of an event: "),
        ("labels", b'{"event_id": "e1", "user_id": "u", "label": "Fraud"}\n', "invalid enum value"),
        (
            "locks",
            b'{"user_id": "u", "state": "locked", "since": "2026-03-01T12:00:00"}\n',
            "line 5: no lock: expected datetime with a timezone component",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_named_in_one_clear_error(
    name: str, line: bytes, words: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with files[name].open("ab") as file:
        file.write(line)
    assert run(["evaluate", *options(files)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["decisions", "alerts", "labels", "locks"])
def test_a_file_of_another_kind_is_a_wrong_command(
    name: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for other, path in files.items():
        if other != name:
            assert run(["evaluate", *options(files, **{name: path})]) == 2, other
            said = capsys.readouterr().err
            assert f"{other}.jsonl, line 1: no " in said
            assert "it has no " in said
            assert said.count("\n") == 1


def test_labels_of_other_events_are_a_wrong_command(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = lines(tmp_path / "none.jsonl", [])
    assert run(["evaluate", *options(files, labels=empty)]) == 2
    assert "the labels name 0 fraudulent and 0 legitimate events that were decided" in capsys.readouterr().err


def test_figures_are_shown_as_text_and_json(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    args = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    assert run(["evaluate", *args]) == 0
    assert "alert_precision\t0.5\t1" in capsys.readouterr().out
    assert run(["evaluate", "--json", *args]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 10
