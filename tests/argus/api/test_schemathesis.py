"""The API is tried against its own document, by each role, on a real broker with a real worker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argus.api.route import ROLES
from tests.argus.api.whole import Whole

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 8
WITHIN_S = 600


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One that answers every wrong token as such: how many are tried in a minute is the machine's affair."""
    with Whole(tmp_path_factory.mktemp("patient"), api_failures_per_min="1000000") as running:
        yield running


def for_role(document: dict[str, Any], role: str) -> dict[str, Any]:
    """What a role may ask. What it may not is refused whatever it sends: `test_roles` has that."""
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if role in operation.get("x-roles", (role,)):
                paths.setdefault(path, {})[method] = operation
    return {**document, "paths": paths}


@pytest.mark.parametrize("role", ROLES)
def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(
    patient: Whole, role: str, tmp_path: Path
) -> None:
    document = for_role(patient.get("/openapi.json").json, role)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color", "run", str(file)),
        *("--url", patient.url, "--header", f"Authorization: Bearer {patient.token(role)}"),
        *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--continue-on-failure"),
        *("--warnings", "off", "--suppress-health-check", "all", "--request-timeout", "30"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=WITHIN_S)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
