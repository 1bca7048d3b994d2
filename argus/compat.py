"""Whether a changed record still keeps its promise to those who wrote against the stored one.

A record that comes in must take whatever it took before: no new required field, no narrower type or bound. A record
that goes out must stay within what it was: no field gone or no longer certain, no wider type, no new enum value (a
consumer may have a case for each). New fields are welcome in both. Anything else needs a new schema version.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from argus.schema import json_schemas
from core.records import SCHEMA_VERSION

Schema = Mapping[str, Any]
STORE: Final = Path(__file__).parent.parent / "docs" / "schemas" / f"v{SCHEMA_VERSION}"
# A bound that the giver may not exceed; -1: it may be lower, 1: it may be higher.
BOUNDS: Final = {"maximum": -1, "maxLength": -1, "maxItems": -1, "minimum": 1, "minLength": 1, "minItems": 1}


def breaks(old: Schema, new: Schema) -> list[str]:
    """What the change from `old` to `new` breaks, a line each; empty where nothing."""
    if old["x-direction"] == "in":
        found = _outside(_Doc(old), _Doc(new), old, new, "$")
    else:
        found = _outside(_Doc(new), _Doc(old), new, old, "$")
    return [*_gone(_Doc(old), _Doc(new)), *found]


def stored() -> dict[str, Any]:
    """The stored schemas of this version, by record."""
    return {path.stem: msgspec.json.decode(path.read_bytes()) for path in sorted(STORE.glob("*.json"))}


def broken_records() -> list[str]:
    """What the records as they are break of the stored copies."""
    current = json_schemas()
    lines = [f"{name}: the record is gone" for name in stored() if name not in current]
    for name, old in stored().items():
        lines += [f"{name}: {line}" for line in breaks(old, current[name])] if name in current else []
    return lines


def text_of(schema: Schema) -> str:
    """A schema as it is stored."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


class _Doc:
    """A schema document in which references are looked up."""

    def __init__(self, root: Schema) -> None:
        self.root = root

    def choices(self, schema: Schema) -> list[Schema]:
        """What a value may be: one of these, none of which is a reference or a choice."""
        if "$ref" in schema:
            return self.choices(self.root["$defs"][schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return [choice for part in schema["anyOf"] for choice in self.choices(part)]
        return [schema]


def _gone(old: _Doc, new: _Doc) -> list[str]:
    lines = []
    for name, schema in old.root["$defs"].items():
        kept = new.root["$defs"].get(name)
        if kept is not None:
            lost = [field for field in schema.get("properties", {}) if field not in kept.get("properties", {})]
            lines += [f"{name}.{field} is gone" for field in lost]
    return lines


def _outside(given: _Doc, taken: _Doc, a: Schema, b: Schema, path: str) -> list[str]:
    """What a value of schema `a` may be that schema `b` does not take."""
    lines: list[str] = []
    for choice in given.choices(a):
        tries = [_one(given, taken, choice, other, path) for other in taken.choices(b)]
        if tries and all(tries):
            nearest: list[str] = min(tries, key=len)
            lines += nearest
    return lines


def _one(given: _Doc, taken: _Doc, a: Schema, b: Schema, path: str) -> list[str]:
    if "enum" in b:
        extra = [value for value in a.get("enum", ["anything"]) if value not in b["enum"]]
        return [f"{path} may be {', '.join(map(str, extra))}"] if extra else []
    types = (a.get("type", "string" if "enum" in a else None), b.get("type"))
    if types[1] is not None and types[0] != types[1] and types != ("integer", "number"):
        return [f"{path} may be {types[0] or 'anything'}, not only {types[1]}"]
    lines = [f"{path} is no longer bound by {name}" for name, sign in BOUNDS.items() if _looser(a, b, name, sign)]
    lines += [f"{path} has another {name}" for name in ("format", "pattern") if name in b and a.get(name) != b[name]]
    if "items" in b:
        lines += _outside(given, taken, a.get("items", {}), b["items"], f"{path}[]")
    if isinstance(b.get("additionalProperties"), Mapping):
        values = a.get("additionalProperties", {})
        lines += _outside(
            given, taken, values if isinstance(values, Mapping) else {}, b["additionalProperties"], f"{path}.*"
        )
    return lines + _fields(given, taken, a, b, path)


def _fields(given: _Doc, taken: _Doc, a: Schema, b: Schema, path: str) -> list[str]:
    has, wants = a.get("properties", {}), b.get("properties", {})
    lines = [
        f"{path}.{name} may be left out, or be missing"
        for name in b.get("required", [])
        if name not in a.get("required", [])
    ]
    for name, schema in wants.items():
        if name in has:
            lines += _outside(given, taken, has[name], schema, f"{path}.{name}")
    if b.get("additionalProperties") is False:
        lines += [f"{path}.{name} is not taken" for name in has if name not in wants]
        if a.get("additionalProperties") is not False:
            lines.append(f"{path} takes no unknown fields")
    return lines


def _looser(a: Schema, b: Schema, name: str, sign: int) -> bool:
    return name in b and (name not in a or (a[name] - b[name]) * sign < 0)


def write() -> list[str]:
    """Store the schemas as they are, unless that would break a promise; what it would break."""
    lines = broken_records()
    if not lines:
        STORE.mkdir(parents=True, exist_ok=True)
        for name, schema in json_schemas().items():
            (STORE / f"{name}.json").write_text(text_of(schema), "utf-8")
    return lines


if __name__ == "__main__":
    found = write() if "--write" in sys.argv else broken_records()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.exit(1 if found else 0)
