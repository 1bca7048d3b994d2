"""docker-compose.yml as Compose reads it: variables filled in, merge keys resolved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(:(?P<sign>[-?])(?P<word>[^}]*))?\}")


def read(path: Path = FILE, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    filled = fill(yaml.safe_load(path.read_text()), environ or {})
    assert isinstance(filled, dict)
    return filled


def fill(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: fill(child, environ) for key, child in value.items()}
    if isinstance(value, list):
        return [fill(child, environ) for child in value]
    return VARIABLE.sub(lambda found: _value(found, environ), value) if isinstance(value, str) else value


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    value = environ.get(found["name"], "")
    assert value or found["sign"] == "-", f"{found[0]} has no value"
    return value or found["word"]


def argus_services(compose: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that run our own image."""
    return {name: each for name, each in compose["services"].items() if each["image"].startswith("argus:")}
