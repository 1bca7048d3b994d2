"""What is shipped, and the programs that check it."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
UNIT_TESTS = Path(__file__).parent / "rules"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def groups() -> Iterator[dict[str, Any]]:
    for path in sorted((SHIPPED / "rules").glob("*.yml")):
        yield from load(path)["groups"]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def recorded() -> set[str]:
    return {rule["record"] for group in groups() for rule in group["rules"] if "record" in rule}


def series_in(expr: str) -> set[str]:
    """Names of the series that an expression reads."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, promql_parser.VectorSelector):
            yield node.name
        for name in ("lhs", "rhs", "expr", "args", "vector_selector"):
            below = getattr(node, name, None)
            for each in below if isinstance(below, list) else [below] if below is not None else []:
                yield from walk(each)

    return set(walk(promql_parser.parse(expr)))


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name} (Debian: apt-get install {package})")
    return found


def checked(command: Sequence[object], cwd: Path = ROOT) -> str:
    """What a program writes; an error fails the test with it."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
