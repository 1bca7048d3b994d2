"""The OpenAPI document says what is served."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from argus.api.openapi import openapi
from argus.api.route import ROLES
from argus.api.routes import ROUTES
from tests.argus.api.running import MEMBER, Running

DOCUMENT = openapi(ROUTES)


def operations() -> list[tuple[str, str, Any]]:
    return [(path, method, told) for path, methods in DOCUMENT["paths"].items() for method, told in methods.items()]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if "$ref" in node else []
        return found + [one for value in node.values() for one in references(value)]
    return [one for value in node for one in references(value)] if isinstance(node, list) else []


def test_every_path_of_the_table_is_in_it_with_its_roles() -> None:
    told = {(path, method.upper()): operation.get("x-roles", []) for path, method, operation in operations()}
    assert told == {(route.path, route.method): list(route.roles) for route in ROUTES}
    assert all(set(roles) <= set(ROLES) for roles in told.values())


def test_operations_are_named_apart() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    names = DOCUMENT["components"]["schemas"]
    assert {one.rpartition("/")[2] for one in references(DOCUMENT)} <= set(names)
    for schema in names.values():
        Draft202012Validator.check_schema(schema)


def test_every_placeholder_is_a_parameter_and_every_guarded_path_says_so() -> None:
    for path, _, operation in operations():
        given = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert given == set(re.findall(r"\{(\w+)\}", path))
        assert ("401" in operation["responses"]) is bool(operation["security"]) or path == "/v1/session"


@pytest.mark.broker
def test_it_is_served_and_answers_are_as_it_says(api: Running) -> None:
    assert api.get("/openapi.json").json["openapi"] == "3.1.0"
    for path in ("/health", "/v1/alerts", "/v1/users/{user_id}", "/v1/cases", "/v1/cases/{case_id}", "/v1/session",
                 "/v1/analytics/summary", "/v1/alerts/{alert_id}"):  # fmt: skip
        answer = api.get(path.format(user_id=MEMBER, case_id="c1", alert_id="mine"), role="analyst")
        schema = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.json)
