import json
from typing import Any

import jsonschema
import msgspec
import pytest

from argus.compat import broken_records, stored
from argus.schema import RECORDS, Record, asyncapi, json_schema, json_schemas
from argus.topics import TOPICS
from core.records import EVENT_TYPES, Event, encode
from core.rules.book import RULES
from tests.core.test_records import an_alert


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_schema_is_valid_and_told_in_words(record: Record) -> None:
    schema = json_schema(record)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"][record.struct.__name__]["description"]


def test_the_stored_schemas_are_kept_and_complete() -> None:
    assert broken_records() == []
    assert stored() == json.loads(json.dumps(json_schemas())), "run `make schemas`"


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schemas()[name])


@pytest.mark.parametrize(
    "example", [e for rule in RULES if rule.scope == "user" for e in rule.examples[:1]], ids=lambda e: e.name
)
def test_the_stories_of_the_rule_book_are_events_by_the_schema(example: Any) -> None:
    for fields in example.events:
        event = {"event_id": "e1", "user_id": "u1", "time": 1_772_442_000_000, **fields}
        del event["at"]
        validator("event").validate(event)
        msgspec.convert(event, Event)


@pytest.mark.parametrize(
    "fields", [{"type": "teleport"}, {"event_id": ""}, {"amount": -1}, {"lat": 91}, {"ip": 5}, {"time": None}]
)
def test_the_schema_refuses_what_the_stream_refuses(fields: dict[str, Any]) -> None:
    event = {"event_id": "e1", "type": "login", "user_id": "u1", "time": 1, **fields}
    assert not validator("event").is_valid(event)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(event, Event)


def test_an_alert_that_goes_out_is_one_by_the_schema() -> None:
    validator("alert").validate(json.loads(encode(an_alert())))


def test_event_types_are_the_contracts() -> None:
    assert set(json_schemas()["event"]["$defs"]["Event"]["properties"]["type"]["enum"]) == set(EVENT_TYPES)


def test_the_asyncapi_document_has_every_topic_of_the_contract() -> None:
    document = asyncapi("argus.")
    addresses = {channel["address"] for channel in document["channels"].values()}
    contract = [
        "events",
        "feedback",
        "commands",
        "alerts",
        "locks",
        "decisions",
        "rules",
        "outcomes",
        "cases",
        "audit",
        "rejected",
    ]
    assert addresses == {f"argus.{name}" for name in contract}
    assert addresses <= {f"argus.{topic.name}" for topic in TOPICS}
    assert document["asyncapi"] == "3.0.0"
    assert {operation["action"] for operation in document["operations"].values()} == {"send", "receive"}


def test_the_asyncapi_document_carries_the_prefix() -> None:
    assert all(channel["address"].startswith("bank.") for channel in asyncapi("bank.")["channels"].values())


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                found: Any = document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
                assert found
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
