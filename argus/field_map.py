"""Field mapping: an event made of whatever a log line holds."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct

from core.records import Event

FIELDS: Final = frozenset(Event.__struct_fields__)
NUMBERS: Final = frozenset({"amount", "lat", "lon"})
# Epochs below this are seconds (as milliseconds they would lie in March 1973).
SECONDS_BELOW: Final = 100_000_000_000


class BadMapping(ValueError):
    """A mapping that cannot be; one line."""


class Mapped(Struct, frozen=True):
    """One field of the event. source: path with dots in the line's fields, or None where `constant` is meant. values:
    what the source's own words become; words that are not in it stay."""

    field: str
    source: str | None = None
    constant: Any = None
    values: Mapping[str, Any] = {}


def read_mapping(text: str) -> tuple[Mapped, ...]:
    """`field=source,...`, where a quoted source is a constant, or the name of a YAML file: field to source, or to
    `{source: path, values: {word: word}}`, or to `{constant: value}`. Raises `BadMapping`."""
    if "=" not in text:
        try:
            entries = yaml.safe_load(Path(text).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadMapping(f"cannot read the mapping {text}: {' '.join(str(error).split())}") from None
        if not isinstance(entries, dict):
            raise BadMapping(f"{text}: a mapping is a list of `field: source`")
        return tuple(_entry(str(field), value) for field, value in entries.items())
    mapping = []
    for part in text.split(","):
        field, separator, source = (piece.strip() for piece in part.partition("="))
        if not separator or not source:
            raise BadMapping(f"{part!r} is no field=source")
        quoted = len(source) > 1 and source[0] == source[-1] and source[0] in "'\""
        mapping.append(_entry(field, {"constant": source[1:-1]} if quoted else source))
    return tuple(mapping)


def apply(mapping: tuple[Mapped, ...], line: Mapping[str, Any]) -> dict[str, Any]:
    """The event's fields; those whose source the line lacks are left out."""
    event: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for entry in mapping:
        value = entry.constant if entry.source is None else _at(line, entry.source)
        if value is None:
            continue
        value = entry.values.get(str(value), value)
        outer, _, inner = entry.field.partition(".")
        if inner:
            attributes[inner] = value
        else:
            event[outer] = _shaped(outer, value)
    if attributes:
        event["attributes"] = attributes
    return event


def _entry(field: str, value: Any) -> Mapped:
    outer, _, inner = field.partition(".")
    if outer not in FIELDS or (inner and outer != "attributes") or (outer == "attributes" and not inner):
        raise BadMapping(f"{field!r} is no field of an event; use attributes.NAME for what has none")
    match value:
        case str():
            return Mapped(field, value)
        case {"constant": constant}:
            return Mapped(field, constant=constant)
        case {"source": str(source), "values": dict(values)}:
            return Mapped(field, source, values={str(word): to for word, to in values.items()})
    raise BadMapping(f"{field}: expected a source, {{source, values}} or {{constant}}")


def _at(line: Mapping[str, Any], path: str) -> Any:
    if path in line:
        return line[path]
    value: Any = line
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _shaped(field: str, value: Any) -> Any:
    """Logs write numbers as text, ids as numbers, and times in seconds."""
    if field == "time":
        number = _number(value)
        if number is not None:
            return round(number * 1_000) if abs(number) < SECONDS_BELOW else int(number)
    elif field in NUMBERS:
        number = _number(value)
        return value if number is None else number
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _number(value: Any) -> float | None:
    """None for what is no finite number, which is left as it came for the event's schema to refuse."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
