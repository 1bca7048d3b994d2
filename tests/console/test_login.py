"""Getting into the console, and nobody else's ways into it."""

from urllib.parse import quote

import pytest

from argus.console.addresses import inside
from argus.console.login import THEME_COOKIE
from tests.argus.api.running import PASSWORD, Running
from tests.console.surfing import BROWSER, Surfer

pytestmark = pytest.mark.broker

ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil",
    "javascript:alert(1)", "/ok\r\nSet-Cookie: a=b", "", "/é", "/" + "x" * 3_000,
)  # fmt: skip


def test_who_is_not_logged_in_gets_the_login_page_and_comes_back(served: Running) -> None:
    surfer = Surfer(served)
    asked = surfer.get("/logout?x=1", follow=False)
    assert asked.status == 405
    surfer.get("/login?next=%2Flogin%3Fout%3D1")
    assert surfer.form("/login").fields["next"] == "/login?out=1"


def test_a_program_without_a_login_gets_a_problem_as_before(served: Running) -> None:
    answer = served.get("/v1/alerts", headers=BROWSER)
    assert (answer.status, answer.json["type"]) == (401, "urn:argus:problem:unauthenticated")


def test_a_wrong_password_is_told_and_the_name_kept(served: Running) -> None:
    surfer = Surfer(served)
    surfer.get("/login")
    answer = surfer.submit("/login", name='a"><b>nn', password="wrong password here")
    assert answer.status == 401
    assert "The name or the password is wrong" in surfer.text
    assert surfer.form("/login").fields["name"] == 'a"><b>nn'
    assert "argus_session" not in surfer.cookies


def test_logging_out_ends_the_session_everywhere(served: Running) -> None:
    surfer = Surfer(served).log_in("ann")
    kept = surfer.cookies["argus_session"]
    surfer.get("/nowhere")
    surfer.submit("/logout")
    assert "You are logged out" in surfer.text
    surfer.cookies["argus_session"] = kept
    assert surfer.get("/login", follow=False).status == 200


def test_a_session_that_was_planted_is_not_taken_over(served: Running) -> None:
    attacker = Surfer(served).log_in("ann")
    planted = attacker.cookies["argus_session"]
    victim = Surfer(served)
    victim.get("/login")
    victim.cookies["argus_session"] = planted
    victim.post("/login", {"name": "root", "password": PASSWORD, "next": "/login"}, follow=False)
    assert victim.cookies["argus_session"] != planted
    attacker.get("/login", follow=False)
    assert attacker.last.status == 200, "what was planted is worth nothing any more"


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_login_leads_nowhere_else(served: Running, address: str) -> None:
    assert inside(address) == "/"
    surfer = Surfer(served)
    surfer.get(f"/login?next={quote(address[:1_000])}")
    assert surfer.form("/login").fields["next"] in ("/", inside(address[:1_000]))
    answer = surfer.post("/login", {"name": "ann", "password": PASSWORD, "next": address}, follow=False)
    assert (answer.status, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_no_other_site_logs_anybody_in_or_out(served: Running, headers: dict[str, str]) -> None:
    surfer = Surfer(served)
    answer = surfer.post("/login", {"name": "ann", "password": PASSWORD}, follow=False, headers=headers)
    assert answer.status == 403
    assert "argus_session" not in surfer.cookies
    surfer.log_in("ann")
    surfer.get("/nowhere")
    fields = surfer.form("/logout").fields
    assert surfer.post("/logout", fields, follow=False, headers=headers).status == 403


def test_a_form_needs_the_sessions_own_token(served: Running) -> None:
    surfer, other = Surfer(served).log_in("ann"), Surfer(served).log_in("ann")
    other.get("/nowhere")
    for token in ("", "x", "ü", other.form("/logout").fields["csrf_token"]):
        assert surfer.post("/logout", {"csrf_token": token}, follow=False).status == 403
    assert surfer.get("/login", follow=False).status == 303, "still logged in"


def test_a_link_from_elsewhere_leads_to_the_page_and_not_to_the_login(served: Running) -> None:
    """Browsers leave the cookie out there; a page of ours asks once more."""
    headers = BROWSER | {"Sec-Fetch-Site": "cross-site"}
    answer = served.get('/cases?a="><script>', headers=headers)
    assert answer.status in (200, 404)
    assert b'"><script>' not in answer.body


def test_forms_that_are_none_are_refused(served: Running) -> None:
    headers = BROWSER | {"Origin": served.url}
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    ):
        assert served.post("/login", body, headers=headers | {"Content-Type": kind}).status == status


def test_pages_may_load_nothing_but_our_own_files(served: Running) -> None:
    answer = served.get("/login", headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert b" style=" not in answer.body
    assert b"<script>" not in answer.body


def test_files_are_kept_by_their_content_and_nothing_else_is_served(served: Running) -> None:
    page = served.get("/login", headers=BROWSER).body.decode()
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    style = served.get(address)
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in style.headers["cache-control"]
    assert served.get("/static/console.css").headers["cache-control"] == "no-cache"
    assert served.get(address, headers={"If-None-Match": style.headers["etag"]}).status == 304
    for path in ("..%2Fview.py", "%2e%2e/view.py", "../view.py", "nothing.css", "..%5cview.py"):
        assert served.get(f"/static/{path}").status == 404


def test_what_is_not_there_is_a_page_for_browsers_and_a_problem_for_programs(served: Running) -> None:
    assert b"There is nothing here" in served.get("/nowhere", headers=BROWSER).body
    assert served.get("/nowhere").json["status"] == 404
    assert served.get("/v1/nowhere", headers=BROWSER).json["status"] == 404


def test_light_or_dark_is_remembered(served: Running) -> None:
    surfer = Surfer(served)
    surfer.get("/login")
    assert 'data-theme="auto"' in surfer.html
    surfer.post("/theme", {"theme": "dark", "next": "/login"})
    assert (surfer.cookies[THEME_COOKIE], 'data-theme="dark"' in surfer.html) == ("dark", True)
    surfer.post("/theme", {"theme": "pink\r\nX: y", "next": "//evil.example"}, follow=False)
    assert (surfer.cookies[THEME_COOKIE], surfer.last.headers["location"]) == ("dark", "/")


def test_other_colours_on_a_page_that_answers_a_form_lead_to_one_that_can_be_asked_for(served: Running) -> None:
    surfer = Surfer(served).log_in("ann")
    surfer.get("/simulator")
    assert surfer.form("/theme").fields["next"] == "/simulator"
    assert surfer.submit("/simulator/event", lat="120").status == 400
    assert surfer.submit("/theme", theme="dark").status == 200
    assert surfer.at == "/"
