"""The OpenAPI 3.1 document, read off the table of paths and the structs that it names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_type_hints

import msgspec

from argus import __version__
from argus.api.events import EVENTS_MAX
from argus.api.once import HEADER
from argus.api.problems import ProblemDocument
from argus.api.query import is_list
from argus.api.route import Route
from argus.schema import MEANINGS
from core.events import EARLIEST_MS, LATEST_MS
from core.records import ID_MAX_CHARS, Event

Schema = dict[str, Any]
REFERENCE: Final = "#/components/schemas/{name}"
PROBLEM: Final = "application/problem+json"
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
# Problems that any path with a token, or with something to read, may answer.
ALWAYS: Final = {400: "Something about the request is not as it should be", 503: "Something that it takes is away"}
GUARDED: Final = {401: "The token is missing or not taken", 403: "Not for this role", 429: "Too many requests"}
WITH_BODY: Final = {408: "The body came too slowly", 413: "The body is too large"}
ID: Final[Schema] = {"type": "string", "maxLength": ID_MAX_CHARS}
# What is asked of an event beyond its struct (`core.events`); that it is not from the future no schema can say.
EVENT: Final[Mapping[str, Sequence[Schema]]] = {
    "time": (
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": EARLIEST_MS, "exclusiveMaximum": LATEST_MS},
    ),
    "ip": ({"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}, {"type": "null"}),
    "country": ({"type": "string", "pattern": "^[A-Za-z]{2}$"}, {"type": "null"}),
    "currency": ({"type": "string", "pattern": "^[A-Za-z]{3}$"}, {"type": "null"}),
    **dict.fromkeys(("device_id", "session_id", "merchant_id", "card_id", "payee_id"), (ID, {"type": "null"})),
}
DESCRIPTION: Final = (
    "Real-time fraud and account security. Reads come from the database and may be a second behind; what is asked "
    "for is answered by the stream, with 202 where that takes longer. Errors are RFC 9457 problem documents."
)


def openapi(routes: Sequence[Route]) -> Schema:
    """The document of all paths."""
    types = [Event, ProblemDocument]
    for route in routes:
        types += [one for one in (route.body, route.response, *route.more.values()) if _is_struct(one)]
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Argus", "version": __version__, "description": DESCRIPTION},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": {name: _told(name, schema) for name, schema in sorted(components.items())},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "argus_session"},
            },
        },
    }


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _operation(route: Route) -> Schema:
    told: Schema = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.body is not None:
        told["requestBody"] = {"required": not route.optional, "content": _content(route)}
    if route.public:
        told["security"] = []
    else:
        told["security"] = [{"bearer": [route.scope] if route.scope else []}, {"session": []}]
        told["description"] = f"For the role {' or '.join(route.roles)}." + (
            " A member may ask about its own account only." if route.own else ""
        )
        told["x-roles"] = list(route.roles)
        if route.scope:
            told["description"] += f" A token that is narrowed needs the scope {route.scope}."
    if not told["parameters"]:
        del told["parameters"]
    return told


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.removeprefix("/v1"))
    return "_".join((route.method.lower(), *words, *(["short"] if route.path == "/alerts/recent" else [])))


def _tag(path: str) -> str:
    return path.removeprefix("/v1").strip("/").partition("/")[0]


def _parameters(route: Route) -> list[Schema]:
    told: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": ID_MAX_CHARS},
        }
        for name in PLACEHOLDER.findall(route.path)
    ]
    if route.query is not None:
        hints = get_type_hints(route.query, include_extras=True)
        plain = get_type_hints(route.query)
        for field in msgspec.structs.fields(route.query):
            schema = msgspec.json.schema(hints[field.name])
            # A parameter is there or not; it cannot be null.
            choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
            schema = choices[0]
            if field.default not in (None, msgspec.NODEFAULT, ()):
                schema = {**schema, "default": field.default}
            told.append(
                {"name": field.name, "in": "query", "required": field.required, "schema": schema}
                | ({"style": "form", "explode": False} if is_list(plain[field.name]) else {})
            )
    if route.once:
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]{1,255}$"}
        told.append({"name": HEADER, "in": "header", "required": False, "schema": key})
    return told


def _content(route: Route) -> Schema:
    if route.body is not bytes:
        return {"application/json": {"schema": _reference(route.body)}}
    event = _reference(Event)
    if not route.large:
        return {"application/json": {"schema": event}}
    events = {"type": "array", "items": event, "minItems": 1, "maxItems": EVENTS_MAX}
    return {
        "application/json": {"schema": {"anyOf": [event, events]}},
        "application/x-ndjson": {"schema": {"type": "string"}},
        "application/cloudevents+json": {"schema": {"type": "object"}},
        "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
    }


def _responses(route: Route) -> Schema:
    told: Schema = {str(route.status): _response(route.summary, route.response)}
    for status, type_ in route.more.items():
        told[str(status)] = _response("On its way" if status == 202 else "Not now", type_)
    problems = ALWAYS | ({} if route.public else GUARDED)
    if route.body is not None:
        problems |= WITH_BODY | ({} if route.body is bytes else {415: "The body is not application/json"})
    if route.once:
        problems |= {422: "The Idempotency-Key was used for another request"}
    for status, description in sorted((problems | dict(route.errors)).items()):
        if str(status) not in told:
            told[str(status)] = {
                "description": description,
                "content": {PROBLEM: {"schema": _reference(ProblemDocument)}},
            }
    return told


def _response(description: str, type_: Any) -> Schema:
    if type_ is None:
        return {"description": description}
    if type_ is str:
        return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"description": description, "content": {"application/json": {"schema": _reference(type_)}}}


def _reference(type_: Any) -> Schema:
    (reference,), _ = msgspec.json.schema_components([type_], ref_template=REFERENCE)
    return reference


def _told(record: str, schema: Schema) -> Schema:
    told = dict(schema)
    if "description" in told:
        told["description"] = " ".join(told["description"].split())
    if "properties" in told:
        told["properties"] = {
            name: {**value, "description": MEANINGS[name]} if name in MEANINGS else value
            for name, value in told["properties"].items()
        }
    if record == Event.__name__:
        for name, choices in EVENT.items():
            told["properties"][name] = {**told["properties"][name], "anyOf": list(choices)}
    return told
