from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from argus.compat import breaks
from argus.schema import RECORDS, json_schema

SCHEMAS = {record.name: json_schema(record) for record in RECORDS}
Change = Callable[[dict[str, Any]], None]


def changed(name: str, change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a record, and the same with its main definition changed."""
    new = msgspec.json.decode(msgspec.json.encode(SCHEMAS[name]))
    change(new["$defs"][new["$ref"].rpartition("/")[2]])
    return SCHEMAS[name], new


def require(field: str) -> Change:
    return lambda schema: schema["required"].append(field)


def release(field: str) -> Change:
    return lambda schema: schema["required"].remove(field)


def add(field: str, **value: Any) -> Change:
    return lambda schema: schema["properties"].update({field: value})


def drop(field: str) -> Change:
    def change(schema: dict[str, Any]) -> None:
        del schema["properties"][field]
        if field in schema.get("required", []):
            schema["required"].remove(field)

    return change


def enum(field: str, *values: str) -> Change:
    return lambda schema: schema["properties"][field].update(enum=list(values))


def bound(field: str, **bounds: int) -> Change:
    return lambda schema: schema["properties"][field].update(bounds)


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_change_breaks_nothing(name: str) -> None:
    assert breaks(SCHEMAS[name], SCHEMAS[name]) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("event", add("colour", type="string")),
        ("event", release("time")),
        ("event", bound("event_id", maxLength=256)),
        ("feedback", enum("label", "fraud", "legit", "unclear")),
        ("alert", add("colour", type="string")),
        ("lock", enum("state", "locked", "unlocked")),
        ("decision", add("risk_score", type="integer")),
        ("outcome", bound("reason", maxLength=100)),
    ],
)
def test_what_keeps_every_promise_is_let_through(name: str, change: Change) -> None:
    assert breaks(*changed(name, change)) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("event", require("ip")),
        ("event", drop("path")),
        ("event", bound("event_id", maxLength=64)),
        ("event", bound("event_id", minLength=2)),
        ("event", add("event_id", type="integer")),
        ("event", add("type", enum=["login"])),
        ("feedback", enum("label", "fraud")),
        ("alert", drop("scores")),
        ("alert", release("count")),
        ("alert", add("user_id", type="integer")),
        ("alert", add("risk_score", type="string")),
        ("alert", enum("severity", "LOW", "MEDIUM", "HIGH", "CRITICAL", "DOOM")),
        ("lock", add("since", type="string")),
        ("lock", add("version", type="number")),
        ("decision", add("scores", type="object", additionalProperties={"type": "string"})),
        ("decision", add("rules", type="array", items={"type": "integer"})),
        ("decision", add("event_id", anyOf=[{"type": "string"}, {"type": "null"}])),
    ],
)
def test_what_breaks_a_promise_is_told(name: str, change: Change) -> None:
    assert breaks(*changed(name, change))


def test_a_closed_record_may_not_close_further() -> None:
    old, new = changed("event", lambda schema: schema.update(additionalProperties=False))
    assert breaks(old, new)
