"""Logins of browsers, and what the API makes of wrong ones."""

import json
from datetime import datetime
from typing import Any

import pytest

from argus.api import accounts
from argus.api.passwords import WeakPassword, hashed, matches, nobodys
from argus.store.store import Store
from core.clock import rfc3339, to_ms
from tests.argus.api.running import MEMBER, PASSWORD, Running
from tests.argus.store.records import run
from tests.kafka.until import until

pytestmark = pytest.mark.broker


def login(api: Running, name: str = "ann", password: str = PASSWORD, **headers: str) -> Any:
    return api.post("/v1/session", {"name": name, "password": password}, headers=headers)


def cookie(answer: Any) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def failures(api: Running, user: str) -> list[dict[str, Any]]:
    events = [json.loads(value) for _, key, value in api.stream.events if key == user.encode()]
    return [event for event in events if event["outcome"] == "failure"]


def test_a_login_gives_a_cookie_that_no_script_and_no_other_site_can_use(api: Running) -> None:
    answer = login(api)
    assert (answer.status, answer.json["role"], answer.json["user"]) == (200, "analyst", "ann")
    flags = answer.headers["set-cookie"].split("; ")[1:]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
    assert api.get("/v1/alerts", headers=cookie(answer)).status == 200
    assert api.get("/v1/session", headers=cookie(answer)).json == answer.json


def test_a_change_needs_the_sessions_csrf_token(api: Running) -> None:
    answer = login(api)
    path, session = "/v1/alerts/mine/acknowledge", cookie(answer)
    token = {"X-CSRF-Token": answer.json["csrf_token"]}
    other = {"X-CSRF-Token": login(api).json["csrf_token"]}
    for headers in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "ü"},
        other,
        token | {"Origin": "https://evil.example"},
    ):
        refused = api.post(path, headers=session | headers)
        assert (refused.status, refused.json["type"]) == (403, "urn:argus:problem:csrf")
    assert api.post(path, headers=session | token).status == 200


def test_a_forms_content_type_is_not_taken_with_a_cookie(api: Running) -> None:
    answer = login(api)
    headers = cookie(answer) | {"X-CSRF-Token": answer.json["csrf_token"], "Content-Type": "text/plain"}
    assert api.post("/v1/alerts/mine/acknowledge", b"{}", headers=headers).status == 415


def test_after_the_logout_the_cookie_is_worth_nothing(api: Running) -> None:
    answer = login(api)
    session = cookie(answer)
    out = api.request("DELETE", "/v1/session", headers=session | {"X-CSRF-Token": answer.json["csrf_token"]})
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (204, True)
    assert api.get("/v1/session", headers=session).status == 401


def test_a_members_login_is_for_its_own_account(api: Running) -> None:
    session = cookie(login(api, "ada@home"))
    assert api.get(f"/v1/users/{MEMBER}", headers=session).status == 200
    assert api.get("/v1/users/bob", headers=session).status == 403


@pytest.mark.parametrize("name", ["ann", "nobody", "a'; DROP TABLE accounts; --", "\x00"])
def test_a_wrong_login_tells_nothing_of_the_name(api: Running, name: str) -> None:
    answer = login(api, name, "wrong password here")
    assert (answer.status, answer.json["detail"]) == (401, "The name or the password is wrong")
    assert "set-cookie" not in answer.headers


def test_wrong_logins_and_forged_tokens_are_events_that_argus_watches(api: Running) -> None:
    login(api, "ada@home", "wrong password here")
    login(api, "ann", "wrong password here")
    token = api.token("admin", "root")
    api.get("/v1/alerts", token=token[:-8] + "AAAAAAAA")
    for user in (MEMBER, "console:ann", "api:root"):
        until(lambda user=user: failures(api, user), what=user)
        event = failures(api, user)[-1]
        assert (event["type"], event["ip"]) == ("login", "127.0.0.1")
        assert "wrong" not in str(event)
        assert event["time"] == rfc3339(to_ms(datetime.fromisoformat(event["time"])))


def test_a_browsers_name_that_is_no_text_hides_no_wrong_login(api: Running) -> None:
    login(api, "ann@odd", "wrong password here", **{"User-Agent": "Odd\xff"})
    until(lambda: failures(api, "console:ann@odd"), what="the event")
    assert failures(api, "console:ann@odd")[-1]["user_agent"] == "Odd?"


@pytest.mark.parametrize("value", ["", "x", "x" * 5_000, "é", "../..", "' OR 1=1 --"])
def test_a_made_up_cookie_is_nobody(api: Running, value: str) -> None:
    headers = {"Cookie": f"argus_session={value}".encode().decode("latin-1")}
    assert api.get("/v1/session", headers=headers).status == 401


def test_a_token_goes_before_a_cookie(api: Running) -> None:
    session = cookie(login(api))
    assert api.get("/v1/session", role="service", headers=session).json["role"] == "service"


def test_a_hash_matches_its_password_only() -> None:
    kept = hashed(PASSWORD)
    assert kept != hashed(PASSWORD)
    assert PASSWORD not in kept
    assert matches(PASSWORD, kept)
    assert not matches(PASSWORD + " ", kept)
    assert not matches("", nobodys())
    with pytest.raises(WeakPassword):
        hashed("short")


def test_an_account_is_made_once_and_replaced_when_asked(tmp_path: Any) -> None:
    async def story(store: Store) -> None:
        await store.migrate()
        await accounts.create(store, "eve", "analyst", None, PASSWORD)
        with pytest.raises(accounts.AccountError, match="already"):
            await accounts.create(store, "eve", "admin", None, PASSWORD)
        await accounts.create(store, "eve", "admin", None, PASSWORD, replace=True)
        found = await accounts.find(store, "eve")
        assert found is not None
        assert (found.role, found.user) == ("admin", "eve")

    run(f"sqlite:///{tmp_path / 'argus.db'}", story)


@pytest.mark.parametrize(
    ("name", "role", "user"),
    [("", "admin", None), (" x", "admin", None), ("x\n", "admin", None), ("x", "service", None),
     ("x", "member", None),
     ("x", "admin", "ada"), ("x", "member", ""), ("x" * 129, "admin", None)],
)  # fmt: skip
def test_an_account_that_makes_no_sense_is_refused(tmp_path: Any, name: str, role: str, user: str | None) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(accounts.AccountError):
            await accounts.create(store, name, role, user, PASSWORD)

    run(f"sqlite:///{tmp_path / 'argus.db'}", story)
