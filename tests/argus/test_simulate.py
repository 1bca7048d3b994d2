import json
from pathlib import Path

import pytest

from argus.cli import run
from core.events import decode_action, nowhere


def test_a_file_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        args = ["--events", "2000", "--users", "50", "--seed", "3", "--out", str(tmp_path / name)]
        assert (
            run(
                [
                    "simulate",
                    *args,
                    "--labels",
                    str(tmp_path / f"{name}.l"),
                    "--feedback",
                    str(tmp_path / f"{name}.f"),
                ]
            )
            == 0
        )
    for end in ("", ".l", ".f"):
        assert (tmp_path / f"a{end}").read_bytes() == (tmp_path / f"b{end}").read_bytes()


def test_every_line_is_an_event_with_a_label(tmp_path: Path) -> None:
    events, labels = tmp_path / "e", tmp_path / "l"
    assert run(["simulate", "--events", "2000", "--users", "50", "--out", str(events), "--labels", str(labels)]) == 0
    ids = {decode_action(line, now_ms=None, locate=nowhere).event_id for line in events.read_bytes().splitlines()}
    told = {json.loads(line)["event_id"] for line in labels.read_text().splitlines()}
    assert ids == told


def test_named_attacks_are_the_only_ones(tmp_path: Path) -> None:
    labels = tmp_path / "l"
    args = ["--events", "2000", "--users", "50", "--out", str(tmp_path / "e"), "--labels", str(labels)]
    assert run(["simulate", *args, "--attacks", "velocity, card_testing"]) == 0
    assert {json.loads(line)["attack"] for line in labels.read_text().splitlines()} == {
        "velocity",
        "card_testing",
        None,
    }
    assert run(["simulate", *args, "--attacks", "none"]) == 0
    assert {json.loads(line)["label"] for line in labels.read_text().splitlines()} == {"legit"}


def test_a_file_is_written_at_full_speed_whatever_the_rate_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "--events", "200", "--users", "50", "--out", str(tmp_path / "e"), "--rate", "5"]) == 0
    assert "--rate is for the broker: the file is written at full speed" in capsys.readouterr().err


def test_attacks_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--list"]) == 0
    assert "credential_stuffing" in capsys.readouterr().out.split()
