"""The examples of docs/api.md, run as they stand but for the address."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.argus.api.whole import Whole, event
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
ADDRESS = "http://127.0.0.1:8080"
WITHIN_S = 240.0


@pytest.fixture
def home(whole: Whole, tmp_path: Path) -> Path:
    """A directory as the page has it: `data` is the server's, `argus` is on PATH, curl says when it is refused."""
    tools = tmp_path / "bin"
    tools.mkdir()
    scripts = {"argus": f'exec {sys.executable} -m argus "$@"', "curl": f'exec {curl()} --fail-with-body -sS "$@"'}
    for name, line in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "data").symlink_to(whole.data_dir)
    return tmp_path


def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is missing: apt-get install curl")
    return found


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def shell_example() -> str:
    before = section("Examples").partition("```")[0]
    return textwrap.dedent("\n".join(line for line in before.splitlines() if line.startswith("    ") or not line))


def test_the_examples_in_the_shell_work(whole: Whole, home: Path) -> None:
    # There is something to work on.
    whole.post("/v1/events", [event("shown", outcome="failure") for _ in range(12)], role="service")
    # Other tests may have used up what a role may ask in a minute: that passes.
    until(lambda: whole.get("/v1/cases?status=open", role="analyst").json.get("items"), WITHIN_S, "a case")
    example = shell_example()
    assert example.count("curl") >= 10
    script = f"set -eu -o pipefail\nPATH={home / 'bin'}:$PATH\n{example.replace(ADDRESS, whole.url)}"
    done = subprocess.run(
        ["bash", "-x", "-c", script], cwd=home, env=whole.env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert '"accepted":500' in done.stdout
    assert '"risk_score"' in done.stdout
    assert '"resolution":"confirmed_fraud"' in done.stdout


def test_the_example_in_python_prints_alerts_as_they_come(whole: Whole, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", section("Examples"), re.DOTALL)
    command = [sys.executable, "-c", code.replace('"HIGH,CRITICAL"', '"MEDIUM,HIGH,CRITICAL"'), whole.url]
    with subprocess.Popen([*command, whole.token("analyst")], stdout=subprocess.PIPE, text=True) as listening:
        try:
            assert listening.stdout is not None
            until(lambda: b"\nargus_live_clients 1.0" in whole.get("/metrics").body, WITHIN_S, "it listens")
            whole.post("/v1/events", [event("heard", outcome="failure") for _ in range(12)], role="service")
            assert "heard" in listening.stdout.readline()
        finally:
            listening.terminate()


def test_the_tokens_of_the_page_are_made(whole: Whole, home: Path) -> None:
    lines = [
        line.split("#")[0].strip() for line in section("Who may ask").splitlines() if line.startswith("    argus")
    ]
    assert len(lines) == 3
    for line in lines:
        assert whole.argus(*line.split()[1:]).count(".") == 2
