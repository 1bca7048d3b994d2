"""The load that `benchmarks/locustfile.py` makes, for a few seconds, on a whole `argus up`."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.argus.api.whole import Whole

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FILE = Path(__file__).parents[3] / "benchmarks" / "locustfile.py"


def test_the_documented_load_runs_and_nothing_fails(whole: Whole, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "locust", "-f", str(FILE), "--headless", "-u", "20", "-r", "20", "--run-time", "5s"),
        *("--host", whole.url, "--csv", str(tmp_path / "load"), "--stop-timeout", "30"),
    ]
    done = subprocess.run(
        command, cwd=FILE.parents[1], env=whole.env | {"LOAD_LIST": "20"}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    with (tmp_path / "load_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert int(rows["Aggregated"]["Failure Count"]) == 0
    assert {"/v1/events (20)", "/v1/score", "/v1/alerts", "/v1/users/[user_id]"} <= set(rows)
