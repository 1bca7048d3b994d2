"""Every role is tried against every path, and gets what is its own."""

import re
from typing import Any

import pytest

from argus.api.route import ROLES, Route
from argus.api.routes import ROUTES
from argus.api.scopes import SCOPES
from argus.console.attach import PAGES
from argus.console.page import Page
from core.records import Counterfactual
from tests.argus.api.running import MEMBER, PASSWORD, Running
from tests.argus.store.records import alert, decision, rows

pytestmark = pytest.mark.broker

EVENT = {"event_id": "r1", "type": "login", "user_id": MEMBER, "time": 1_790_000_000_000}
BODIES: dict[str, Any] = {
    "/v1/events": EVENT,
    "/v1/score": EVENT,
    "/risk_score": {"transaction_amount": 1, "login_attempts": 1, "failed_transactions": 0, "account_age": 1},
    "/v1/users/{user_id}/otp/verify": {"code": "123456"},
    "/v1/cases/{case_id}": {"status": "acknowledged"},
    "/v1/session": {"name": "nobody", "password": "x"},
}
# What the contract's table says, in full: who may, by method and path.
MAY = {
    "GET /health": "",
    "GET /ready": "",
    "GET /metrics": "",
    "POST /v1/events": "service",
    "POST /v1/score": "service",
    "POST /risk_score": "service",
    "GET /v1/alerts": "analyst admin",
    "GET /v1/alerts/recent": "analyst admin",
    "GET /alerts/recent": "analyst admin",
    "GET /v1/alerts/{alert_id}": "member analyst admin",
    "POST /v1/alerts/{alert_id}/acknowledge": "analyst admin",
    "POST /v1/alerts/{alert_id}/resolve": "analyst admin",
    "POST /v1/alerts/{alert_id}/false-positive": "analyst admin",
    "POST /v1/alerts/{alert_id}/dispute": "member",
    "GET /v1/users/{user_id}": "member analyst admin",
    "POST /v1/users/{user_id}/lock": "admin",
    "POST /v1/users/{user_id}/unlock": "admin",
    "POST /v1/users/{user_id}/otp": "member",
    "POST /v1/users/{user_id}/otp/verify": "member",
    "GET /v1/cases": "analyst admin",
    "GET /v1/cases/{case_id}": "analyst admin",
    "PATCH /v1/cases/{case_id}": "analyst admin",
    "GET /v1/analytics/summary": "analyst admin",
    "GET /v1/commands/{command_id}": "member analyst admin",
    "GET /ws/alerts": "analyst admin",
    "POST /v1/session": "",
    "GET /v1/session": "service member analyst admin",
    "DELETE /v1/session": "service member analyst admin",
}
# What a token must name once it names anything; the rest takes no scope.
SCOPE = {
    "POST /v1/events": "events:write",
    "POST /v1/score": "score:write",
    "POST /risk_score": "score:write",
    "GET /v1/alerts": "alerts:read",
    "GET /v1/alerts/recent": "alerts:read",
    "GET /alerts/recent": "alerts:read",
    "GET /v1/alerts/{alert_id}": "alerts:read",
    "GET /ws/alerts": "alerts:read",
    "POST /v1/alerts/{alert_id}/acknowledge": "alerts:write",
    "POST /v1/alerts/{alert_id}/resolve": "alerts:write",
    "POST /v1/alerts/{alert_id}/false-positive": "alerts:write",
    "POST /v1/alerts/{alert_id}/dispute": "alerts:write",
    "GET /v1/users/{user_id}": "users:read",
    "POST /v1/users/{user_id}/lock": "users:write",
    "POST /v1/users/{user_id}/unlock": "users:write",
    "POST /v1/users/{user_id}/otp": "users:write",
    "POST /v1/users/{user_id}/otp/verify": "users:write",
    "GET /v1/cases": "cases:read",
    "GET /v1/cases/{case_id}": "cases:read",
    "PATCH /v1/cases/{case_id}": "cases:write",
    "GET /v1/analytics/summary": "analytics:read",
}
NAMES = [f"{route.method} {route.path}" for route in ROUTES]
BY_NAME = dict(zip(NAMES, ROUTES, strict=True))


def tried(api: Running, route: Route, role: str | None = None, token: str | None = None) -> int:
    path = route.path.format(user_id=MEMBER, alert_id="mine", case_id="c1", command_id="none")
    return api.request(route.method, path, BODIES.get(route.path), role=role, token=token).status


def test_the_table_of_paths_is_the_contracts() -> None:
    assert {name: " ".join(route.roles) for name, route in BY_NAME.items()} == MAY


def test_nothing_is_served_that_is_in_no_table(api: Running) -> None:
    """The console's pages have a table of their own, with roles; its files and the document are for everybody."""
    pages = {f"{page.method} {page.path}" for page in PAGES}
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in api.serving._runner.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert served - set(NAMES) - pages == {"GET /openapi.json", "GET /static/{name}"}


@pytest.fixture(scope="module")
def logged_in(api: Running) -> dict[str, dict[str, str]]:
    """Cookie and CSRF token of a login of each role that has logins."""
    found = {}
    for role, name in (("member", "ada@home"), ("analyst", "ann"), ("admin", "root")):
        answer = api.post("/v1/session", {"name": name, "password": PASSWORD})
        cookie = answer.headers["set-cookie"].partition(";")[0]
        found[role] = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf_token"]}
    return found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.roles], ids=lambda page: f"{page.method} {page.path}"
)
def test_each_page_is_for_its_roles_alone(api: Running, logged_in: dict[str, dict[str, str]], page: Page) -> None:
    path = re.sub(r"\{\w+\}", MEMBER, page.path)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": api.url}
    for role, headers in logged_in.items():
        allowed = role in page.roles
        if page.method == "POST" and allowed:
            continue  # what each does has tests of its own
        status = api.request(page.method, path, headers=headers | form).status
        # A page that a setting takes away is there for nobody.
        assert status != 403 if allowed else status in (403, 404), role
        assert status < 500
    bearer = {"Authorization": f"Bearer {api.token('admin')}"}
    assert api.request(page.method, path, headers=bearer | form).status in (303, 401, 404)


@pytest.mark.parametrize("name", NAMES)
def test_each_role_gets_what_is_its_own_and_nothing_else(api: Running, name: str) -> None:
    route, may = BY_NAME[name], MAY[name].split()
    for role in ROLES:
        status = tried(api, route, role)
        allowed = not may or role in may
        assert (status != 403) is allowed, (role, status)
        assert status < 500
        assert route.path == "/v1/session" or status != 401


@pytest.mark.parametrize("name", [name for name in NAMES if MAY[name]])
def test_nobody_gets_in_without_a_token(api: Running, name: str) -> None:
    assert tried(api, BY_NAME[name], None) == 401


def test_each_path_that_is_not_for_all_takes_its_scope() -> None:
    assert {name: route.scope for name, route in BY_NAME.items() if route.scope} == SCOPE
    assert set(SCOPE.values()) == set(SCOPES)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_narrowed_token_opens_what_it_names_and_nothing_else(api: Running, scope: str) -> None:
    for role in ROLES:
        user = MEMBER if role == "member" else role
        token = api.tokens.create(role, user, 600, [scope])  # type: ignore[arg-type]
        for name, route in BY_NAME.items():
            if route.public or route.path == "/v1/session":
                continue
            status = tried(api, route, token=token)
            open_ = role in MAY[name].split() and SCOPE.get(name, scope) == scope
            assert (status != 403) is open_, (name, role, status)


def test_a_narrowed_token_is_told_what_it_lacks(api: Running) -> None:
    answer = api.get("/v1/cases", token=api.tokens.create("analyst", "ann", 600, ["alerts:read"]))
    assert (answer.status, answer.json["type"]) == (403, "urn:argus:problem:scope")
    assert 'error="insufficient_scope", scope="cases:read"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/v1/users/bob", "/v1/users/bob/otp", "/v1/users/bob/otp/verify"])
def test_a_member_gets_nothing_of_another_account(api: Running, path: str) -> None:
    method = "POST" if "otp" in path else "GET"
    body = {"code": "123456"} if path.endswith("verify") else None
    assert api.request(method, path, body, role="member").status == 403


@pytest.mark.parametrize("alert_id", ["theirs", "shady", "none"])
def test_a_member_cannot_tell_anothers_alert_from_none(api: Running, alert_id: str) -> None:
    seen = api.get(f"/v1/alerts/{alert_id}", role="member")
    disputed = api.post(f"/v1/alerts/{alert_id}/dispute", role="member")
    assert (seen.status, disputed.status) == (404, 404)
    assert seen.json["detail"] == "There is no such alert"


def test_a_member_sees_its_own_alerts_and_those_that_name_it(api: Running) -> None:
    assert api.get("/v1/alerts/mine", role="member").json["user_id"] == MEMBER
    assert api.get("/v1/alerts/many", role="member").status == 200


def test_a_member_is_not_told_what_would_keep_an_alert_from_firing_or_which_rules_decided(api: Running) -> None:
    given = alert("told", user_id="eve", counterfactual=Counterfactual("Would not have fired below 412.00 EUR"))
    decided = decision("told", user_id="eve", decision="challenge", rules=["large_amount"], scores={"gaussian": 0.9})
    api.write([*rows("alerts", [given]), *rows("decisions", [decided])])
    seen = api.get("/v1/users/eve", token=api.token("member", "eve")).json
    known = api.get("/v1/users/eve", role="analyst").json
    (mine,), (theirs,) = seen["decisions"], known["decisions"]
    assert (theirs["rules"], theirs["scores"]) == (["large_amount"], {"gaussian": 0.9})
    assert mine == theirs | {"rules": [], "scores": {}}
    assert "counterfactual" in known["alerts"][0]
    assert "counterfactual" not in seen["alerts"][0]
    assert "counterfactual" not in api.get("/v1/alerts/told", token=api.token("member", "eve")).json


def test_a_member_sees_no_cases_on_its_page(api: Running) -> None:
    assert api.get(f"/v1/users/{MEMBER}", role="member").json["cases"] == []
    assert [case["case_id"] for case in api.get(f"/v1/users/{MEMBER}", role="analyst").json["cases"]] == ["c1"]
