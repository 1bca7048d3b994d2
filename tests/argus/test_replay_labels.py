import json
from pathlib import Path

import msgspec
import pytest

from argus.replay_files import run
from argus.replay_labels import UNDISPUTED_SHARE, LabelLedger, lines
from argus.settings import Settings
from core.clock import DAY, HOUR, rfc3339
from core.records import Decision, Feedback, Label
from tests.argus.store import records as make

START_MS = 1_772_452_800_000
EVENTS = 4_000


def decision(number: int, score: float, *, at_ms: int = START_MS) -> Decision:
    return make.decision(
        f"e{number}", user_id="ada", time=rfc3339(at_ms), scores={"gaussian": score}, risk_score=score,
        rules=["stolen"] if score > 0.9 else [],
    )  # fmt: skip


def said(number: int, label: Label, **more: object) -> Feedback:
    time_ms = START_MS + 2 * HOUR
    return make.feedback(
        f"f{number}-{label}", event_id=f"e{number}", user_id="ada", label=label, time=time_ms, **more
    )


def ledger(labels: list[Feedback]) -> LabelLedger:
    made = LabelLedger(labels, 7 * DAY)
    made.add([decision(number, 0.995 if number < 10 else 0.5) for number in range(EVENTS)])
    made.heard.update({"joined": len(labels), "gone": 3})
    return made


def test_quality_is_of_labels_and_of_what_nobody_disputed_for_the_label_delay() -> None:
    labels = [said(number, "fraud") for number in range(20)] + [said(0, "legit"), said(30, "legit")]
    told = ledger(labels[:20] + labels[21:]).told(START_MS + 8 * DAY, 0.99)
    assert (told.labels, told.found, told.frauds, told.legit) == (24, 21, 20, 1)
    assert told.undisputed % UNDISPUTED_SHARE == 0
    assert EVENTS / 2 < told.undisputed < 2 * EVENTS
    for judged in (told.models["gaussian"], told.rules["stolen"]):
        assert judged.quality is not None
        assert judged.quality.recall == 0.5
        assert judged.quality.precision > 0.3
        assert judged.delay_s == 2 * HOUR / 1_000
    text = "\n".join(lines(told))
    assert "24 labels came, 21 found their event (3 gone, 21 joined)" in text
    assert "rule stolen: average precision" in text
    assert "labels after 2.0 h" in text


def test_before_the_label_delay_silence_says_nothing_and_no_quality_is_made_up() -> None:
    told = ledger([said(0, "fraud")]).told(START_MS + DAY, 0.99)
    assert (told.found, told.undisputed) == (1, 0)
    assert told.models["risk"].quality is None
    assert lines(told)[1].startswith("no prequential quality: 0 frauds, 0 legitimate, about 0 undisputed")


def test_of_two_labels_of_an_event_the_later_counts_and_a_strangers_counts_not_at_all() -> None:
    later = msgspec.structs.replace(said(0, "legit"), time=START_MS + DAY)
    stranger = msgspec.structs.replace(said(1, "fraud"), user_id="eve")
    told = ledger([said(0, "fraud"), later, stranger]).told(START_MS + 8 * DAY, 0.99)
    assert (told.frauds, told.legit) == (0, 1)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_summary_of_a_replay_has_them(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], as_json: bool
) -> None:
    event = {"type": "transaction", "user_id": "ada", "amount": 10.0, "currency": "EUR"}
    rows = [{**event, "event_id": f"e{at}", "time": START_MS + at * 60_000} for at in range(20)]
    (tmp_path / "events").write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    (tmp_path / "labels").write_bytes(msgspec.json.encode(said(1, "fraud")) + b"\n")
    outs = {name: tmp_path / name for name in ("alerts", "decisions")}
    run(Settings(), events=tmp_path / "events", feedback=tmp_path / "labels", as_json=as_json, **outs)
    out, err = capfdbinary.readouterr()
    if as_json:
        told = json.loads(out)["labels"]
        assert (told["labels"], told["found"], told["heard"]) == (1, 1, {"joined": 1})
    else:
        assert b"1 labels came, 1 found their event (1 joined)" in err
