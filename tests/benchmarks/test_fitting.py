from pathlib import Path

from argus.settings import Settings
from benchmarks import fitting
from benchmarks.events import simulated


def test_steps_with_and_without_fits_are_measured(tmp_path: Path) -> None:
    events = simulated(tmp_path / "events.jsonl", 3_000, 50)
    result = fitting.run(Settings(), events, 3_000)
    found = {figure.name: figure for figure in result.figures}
    delay = found["delay of the slowest step"]
    assert len(delay.runs) == fitting.ROUNDS
    assert delay.target is not None
    assert delay.target.limit == 50.0
