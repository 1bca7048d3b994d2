"""The public records as JSON Schema (2020-12), and all topics as one AsyncAPI 3.0 document.

Both are read off the structs of `core.records`, which the stream itself decodes and encodes with.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from argus import __version__
from argus.topics import TOPICS
from core import records
from core.records import SCHEMA_VERSION

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


class Record(Struct, frozen=True):
    """A record of the contract. direction: seen from Argus; key: what the topic is keyed by."""

    name: str
    struct: type[Struct]
    topic: str
    direction: Literal["in", "out"]
    key: str


RECORDS: Final = (
    Record("event", records.Event, "events", "in", "user_id"),
    Record("feedback", records.Feedback, "feedback", "in", "user_id"),
    Record("command", records.Command, "commands", "in", "user_id"),
    Record("rule", records.RuleDefinition, "rules", "in", "rule_id"),
    Record("alert", records.Alert, "alerts", "out", "user_id, or the source of a cross-user alert"),
    Record("lock", records.Lock, "locks", "out", "user_id"),
    Record("decision", records.Decision, "decisions", "out", "user_id"),
    Record("outcome", records.Outcome, "outcomes", "out", "command_id"),
    Record("case", records.Case, "cases", "out", "case_id"),
    Record("audit", records.AuditRecord, "audit", "out", "the subject"),
    Record("rejected", records.RejectedHeaders, "rejected", "out", "as it came"),
)
# Times are text in the structs that go out, and RFC 3339 on the wire.
TIMES: Final = frozenset(
    {
        "time",
        "recorded",
        "detected_at",
        "since",
        "until",
        "opened",
        "acknowledge_by",
        "resolve_by",
        "acknowledged",
        "resolved",
    }
)
MEANINGS: Final[Mapping[str, str]] = {
    "alert_id": "the same event and the same rule give the same id, however often they are processed",
    "amount": "in `currency`",
    "attack": "MITRE ATT&CK or OWASP automated-threat ids",
    "attributes": "anything else; known: vpn, mfa, tz",
    "card_id": "a token of the card, never its number",
    "contributions": "feature to its share of the models' part; adds up to 1",
    "counterfactual": "what would have kept it from firing, all else the same; figures where it is about one",
    "count": "hits so far; the record of an alert_id with the highest count stands",
    "country": "ISO 3166-1 alpha-2; looked up from ip where it is left out",
    "currency": "ISO 4217",
    "decision": "what a downstream service should do with the event",
    "dedup_key": "what repeats have in common",
    "detected_at": "when Argus decided",
    "event_id": "the same id again within the user's last 256 events is the same event",
    "event_ids": "at most 20; an update holds only new ones",
    "ip": "IPv4 or IPv6 text",
    "mode": "a shadow alert leads to nothing",
    "outcome": "success where it is left out",
    "risk_score": "0 to 100, with full precision",
    "rules": "ids of the rules that hit",
    "scope": "event types that are held up",
    "scores": "model to its calibrated score, 0 to 1: the share of earlier scores that were lower",
    "until": "when it ends by itself; null: never",
    "users": "for an alert about a source: up to 100 users",
    "version": "grows by one with each change; the highest stands",
}


def json_schema(record: Record) -> Schema:
    """The self-contained schema of one record."""
    (reference,), components = msgspec.json.schema_components([record.struct], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "title": record.name,
        "x-schema-version": SCHEMA_VERSION,
        "x-topic": f"argus.{record.topic}",
        "x-direction": record.direction,
        **reference,
        "$defs": {name: _told(schema, record.direction) for name, schema in sorted(components.items())},
    }


def json_schemas() -> Schema:
    """The schemas of every record, by name."""
    return {record.name: json_schema(record) for record in RECORDS}


def asyncapi(prefix: str = "argus.") -> Schema:
    """The AsyncAPI 3.0 document of every topic of the contract. prefix: of the topics' names."""
    _, components = msgspec.json.schema_components(
        [record.struct for record in RECORDS], ref_template="#/components/schemas/{name}"
    )
    directions = {record.struct.__name__: record.direction for record in RECORDS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Argus",
            "version": __version__,
            "description": "Real-time fraud and account security. Events come in; decisions, alerts, locks go out.",
        },
        "defaultContentType": "application/json",
        "channels": {record.topic: _channel(record, prefix) for record in RECORDS},
        "operations": {
            _operation(record): {
                "action": "receive" if record.direction == "in" else "send",
                "channel": {"$ref": f"#/channels/{record.topic}"},
                "messages": [{"$ref": f"#/channels/{record.topic}/messages/{record.name}"}],
            }
            for record in RECORDS
        },
        "components": {
            "messages": {record.name: _message(record) for record in RECORDS},
            "schemas": {
                name: _told(schema, directions.get(name, "out")) for name, schema in sorted(components.items())
            },
        },
    }


def _operation(record: Record) -> str:
    return f"{'receive' if record.direction == 'in' else 'send'}{record.name.capitalize()}"


def _channel(record: Record, prefix: str) -> Schema:
    topic = next(topic for topic in TOPICS if topic.name == record.topic)
    return {
        "address": prefix + record.topic,
        "messages": {record.name: {"$ref": f"#/components/messages/{record.name}"}},
        "bindings": {"kafka": {"topicConfiguration": {"cleanup.policy": [topic.cleanup]}, "bindingVersion": "0.5.0"}},
    }


def _message(record: Record) -> Schema:
    reference = {"$ref": f"#/components/schemas/{record.struct.__name__}"}
    about = _tidy(record.struct.__doc__ or "")
    key = {"kafka": {"key": {"type": "string", "description": record.key}, "bindingVersion": "0.5.0"}}
    if record.name == "rejected":
        # The value is whatever came in.
        return {"name": record.name, "summary": about, "headers": reference, "bindings": key}
    return {"name": record.name, "summary": about, "payload": reference, "bindings": key}


def _told(schema: Schema, direction: str) -> Schema:
    """The schema with what the struct's types cannot say."""
    told = dict(schema)
    if "description" in told:
        told["description"] = _tidy(told["description"])
    told["properties"] = {
        name: _property(name, value, direction) for name, value in schema.get("properties", {}).items()
    }
    return told


def _property(name: str, value: Schema, direction: str) -> Schema:
    told = dict(value)
    if direction == "out" and name in TIMES:
        if "anyOf" in told:
            told["anyOf"] = [_dated(choice) for choice in told["anyOf"]]
        else:
            told = _dated(told)
    if name in MEANINGS:
        told["description"] = MEANINGS[name]
    return told


def _dated(schema: Schema) -> Schema:
    return {**schema, "format": "date-time"} if schema.get("type") == "string" else schema


def _tidy(text: str) -> str:
    return " ".join(text.split())
