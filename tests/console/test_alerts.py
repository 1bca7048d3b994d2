"""The feed and one alert, without JavaScript: what is shown, what can be done, and by whom."""

from urllib.parse import quote

import pytest

from core.clock import rfc3339
from core.records import Counterfactual, Reason, Source, Travel
from tests.argus.api.running import Running
from tests.argus.store.records import NOW_MS, alert, case, decision, lock, rows, source_alert
from tests.console.surfing import Surfer
from tests.kafka.until import until

pytestmark = pytest.mark.broker

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>\'"'


@pytest.fixture
def ann(served: Running) -> Surfer:
    return Surfer(served).log_in("ann")


@pytest.fixture
def root(served: Running) -> Surfer:
    return Surfer(served).log_in("root")


def test_who_is_not_logged_in_comes_to_the_login_and_then_to_the_page(served: Running) -> None:
    surfer = Surfer(served)
    assert surfer.get("/", follow=False).headers["location"] == "/login"
    asked = surfer.get("/alerts/mine?x=1", follow=False)
    assert asked.headers["location"] == f"/login?next={quote('/alerts/mine?x=1', safe='')}"
    assert served.get("/").status == 401


def test_the_first_page_is_by_role(served: Running, ann: Surfer) -> None:
    ann.get("/")
    assert "Impossible travel" in ann.text
    member = Surfer(served).log_in("ada@home")
    assert member.get("/", follow=False).headers["location"] == "/me"


@pytest.mark.parametrize("path", ["/alerts/mine", "/cases", "/cases/c1", "/users", "/users/bob"])
def test_a_member_sees_no_page_of_the_staff(served: Running, path: str) -> None:
    member = Surfer(served).log_in("ada@home")
    assert member.get(path).status == 403


def test_the_feed_filters_and_searches(ann: Surfer) -> None:
    ann.get("/?severity=CRITICAL")
    assert ("alert-theirs" in ann.html, "alert-mine" in ann.html) == (True, False)
    ann.get("/?text=IMPOSSIBLE&user=ada")
    assert ("alert-mine" in ann.html, "alert-theirs" in ann.html) == (True, False)
    ann.get("/?text=&severity=&kind=&rule=&user=&shadow=")
    assert "alert-mine" in ann.html, "what a form leaves empty asks for nothing"
    assert "shady" not in ann.html
    ann.get("/?shadow=true")
    assert ("alert-shady" in ann.html, "alert-mine" in ann.html) == (True, False)
    ann.get("/?text=nothing+is+like+this")
    assert "No alert is like that" in ann.text


def test_a_search_does_not_ask_the_live_feed_for_all_that_came_since_what_it_found(ann: Surfer) -> None:
    ann.get("/?user=ada")
    assert 'data-after="' in ann.html
    ann.get("/?text=IMPOSSIBLE&user=ada")
    assert 'id="live"' in ann.html
    assert "data-after" not in ann.html


def test_a_filter_that_is_none_is_said_to_be(ann: Surfer) -> None:
    for query in ("kind=NONE", "cursor=x", "nothing=1", "since=yesterday"):
        assert ann.get(f"/?{query}").status == 400
        assert "That cannot be right" in ann.text


def test_older_alerts_are_a_page_further(ann: Surfer) -> None:
    ann.get("/?limit=1")
    following = ann.html.partition('href="/?limit=1&amp;')[2].partition('"')[0].replace("&amp;", "&")
    assert following.startswith("cursor=")
    first = ann.html.partition('data-id="')[2].partition('"')[0]
    ann.get(f"/?limit=1&{following}")
    assert ann.html.partition('data-id="')[2].partition('"')[0] != first
    assert 'id="live"' not in ann.html, "only the newest page is live"


def test_an_alert_tells_all_that_is_known_of_it(served: Running, ann: Surfer) -> None:
    told = alert(
        "full", user_id="ada", event_id="full-event", reasons=[Reason("impossible_travel", 0.6, "11,050 km")],
        suggested_actions=["Ask the user where they are"], scores={"half_space": 0.91},
        contributions={"travel": 0.75, "amount": 0.25, "hour": 0.0}, travel=Travel(11_050, 1_800, "DE", 52.5, 13.4),
        context={"country": "PE", "lat": -12.0, "lon": -77.0, "ip": "192.0.2.7"},
        counterfactual=Counterfactual("Would not have fired at 900 km/h or less", "km/h", 22_100.0, 900.0),
    )  # fmt: skip
    served.write(rows("alerts", [told]))
    event = {"event_id": "full-event", "type": "login", "user_id": "ada", "time": rfc3339(NOW_MS), "extra": [1]}
    assert served.post("/v1/events", event, role="service").status == 202
    ann.get("/alerts/full")
    for said in ("11,050 km", "30 min", "22,100 km/h", "Ask the user where they are", "Half space", "0.91", "75 %",
                 "Would not have fired at 900 km/h or less."):  # fmt: skip
        assert said in ann.text
    assert "Hour" not in ann.text
    assert "<polyline" in ann.html
    assert "&#34;extra&#34;: [" in ann.html, "the event as it was sent"
    assert "/alerts/mine" in ann.html, "another alert of the same user"
    assert '<a href="/rules/impossible_travel">' in ann.html


def test_what_only_looks_alike_is_not_the_same(served: Running, ann: Surfer) -> None:
    at = {"name": "10.7.0.1", "longer": "10.7.0.12", "again": "10.7.0.1"}
    told = [alert(f"at-{name}", user_id=f"at-{name}", context={"ip": ip}) for name, ip in at.items()]
    served.write(rows("alerts", [*told, source_alert("at-source", Source("ip", "10.7.0.1"), ["bob"])]))
    ann.get("/alerts/at-name")
    assert "With the same ip 10.7.0.1" in ann.text
    related = [name for name in ("at-longer", "at-again", "at-source") if f"/alerts/{name}" in ann.html]
    assert related == ["at-again", "at-source"]


def test_a_fresh_alert_is_escalated_once_it_has_come_to_where_cases_are(served: Running, ann: Surfer) -> None:
    served.produce("alerts", alert("early", user_id="ada", detected_at=rfc3339(served.services.now_ms())))
    until(lambda: served.services.feed.get("early"), what="the alert")
    served.stream.unknowing = 2
    ann.get("/alerts/early")
    ann.submit("/alerts/early/escalate")
    assert "Done escalate done" in ann.text


def test_an_event_that_is_gone_is_said_to_be(ann: Surfer) -> None:
    ann.get("/alerts/mine")
    assert "not among the newest" in ann.text
    ann.get("/alerts/many")
    assert "keeps none of their events" in ann.text
    assert ann.get("/alerts/none-such").status == 404


@pytest.mark.parametrize(
    ("work", "type_", "resolution"),
    [("acknowledge", "acknowledge", None), ("resolve", "resolve", "confirmed_fraud"),
     ("false-positive", "false_positive", None), ("escalate", "escalate", None)],
)  # fmt: skip
def test_one_click_is_one_command(
    served: Running, ann: Surfer, work: str, type_: str, resolution: str | None
) -> None:
    ann.get("/alerts/mine")
    ann.submit(f"/alerts/mine/{work}")
    assert f"Done {type_} done" in ann.text
    sent = served.stream.commands[-1]
    assert (sent.type, sent.by, sent.role, sent.user_id) == (type_, "ann", "analyst", "ada")
    assert (sent.alert_id, sent.resolution) == ("mine", resolution)
    ann.get("/alerts/mine")
    assert f"{type_} done" not in ann.text, "it is told once"


def test_an_alert_about_many_is_worked_on_by_its_source(served: Running, ann: Surfer) -> None:
    ann.get("/alerts/many")
    ann.submit("/alerts/many/acknowledge")
    assert served.stream.commands[-1].user_id == "ip:192.0.2.9"
    assert "/alerts/many/lock" not in ann.html


def test_only_an_admin_locks_and_unlocks(served: Running, ann: Surfer, root: Surfer) -> None:
    ann.get("/alerts/mine")
    assert "/alerts/mine/lock" not in ann.html
    token = ann.form("/logout").fields["csrf_token"]
    before = len(served.stream.commands)
    for path in ("/alerts/mine/lock", "/alerts/mine/unlock", "/users/ada/lock", "/users/ada/unlock"):
        assert ann.post(path, {"csrf_token": token}, follow=False).status == 403
    assert len(served.stream.commands) == before
    root.get("/alerts/mine")
    root.submit("/alerts/mine/lock")
    sent = served.stream.commands[-1]
    assert (sent.type, sent.user_id, sent.role) == ("lock", "ada", "admin")
    assert "alert mine" in (sent.reason or "")
    root.get("/alerts/theirs")
    root.submit("/alerts/theirs/unlock")
    assert served.stream.commands[-1].type == "unlock"


def test_a_refusal_says_why(served: Running, ann: Surfer) -> None:
    ann.get("/alerts/mine")
    served.stream.refuses = "The case is <resolved>"
    try:
        ann.submit("/alerts/mine/acknowledge")
    finally:
        served.stream.refuses = None
    assert "Refused The case is <resolved>" in ann.text
    assert "<resolved>" not in ann.html


def test_what_changes_something_needs_the_token_and_our_own_page(served: Running, ann: Surfer) -> None:
    ann.get("/alerts/mine")
    form = ann.form("/alerts/mine/acknowledge")
    before = len(served.stream.commands)
    for fields, headers in (
        ({}, {}),
        ({"csrf_token": "x"}, {}),
        (form.fields, {"Origin": "https://evil.example"}),
        (form.fields, {"Origin": "null"}),
    ):
        assert ann.post(form.action, fields, follow=False, headers=headers).status == 403
    assert ann.get(form.action).status in (404, 405), "a link does nothing"
    assert len(served.stream.commands) == before


def test_whatever_a_record_says_is_text(served: Running, ann: Surfer) -> None:
    evil = alert(
        "evil", user_id=EVIL, rule_id=EVIL, title=EVIL, summary=EVIL, reasons=[Reason(EVIL, 0.5, EVIL)],
        context={"ip": EVIL, EVIL: EVIL}, suggested_actions=[EVIL], scores={EVIL: 0.5}, contributions={EVIL: 1.0},
        event_id=EVIL, attack=[EVIL], time=rfc3339(NOW_MS + 9_000),
    )  # fmt: skip
    bad_case = case("evil", user_id=EVIL, alert_ids=["evil"], title=EVIL, assignee=EVIL, rules=[EVIL])
    held = lock(EVIL, reason=EVIL)
    seen = decision("evil", user_id=EVIL, rules=[EVIL], time=rfc3339(NOW_MS + 9_000))
    served.write(
        [
            *rows("alerts", [evil]),
            *rows("cases", [bad_case]),
            *rows("locks", [held]),
            *rows("decisions", [seen]),
        ]
    )
    event = {
        "event_id": EVIL,
        "type": "login",
        "user_id": EVIL,
        "time": NOW_MS,
        "user_agent": EVIL,
        "device_id": EVIL,
    }
    assert served.post("/v1/events", event, role="service").status == 202
    user = f"/users/{quote(EVIL, safe='')}"
    for path in ("/", "/alerts/evil", "/cases", "/cases/evil", "/users", user, f"/?text={quote(EVIL)}"):
        assert ann.get(path).status == 200, path
        assert "alert(" in ann.html, path
        assert "<script>alert" not in ann.html, path
        assert "<img" not in ann.html, path
        assert f"'{EVIL}" not in ann.html, path


def test_a_user_id_may_hold_anything_an_address_can(served: Running, ann: Surfer) -> None:
    odd = "a/b?c#d%2e&é"
    served.write(rows("alerts", [alert("odd", user_id=odd)]))
    ann.get("/alerts/odd")
    path = ann.html.partition('href="/users/')[2].partition('"')[0]
    assert ann.get(f"/users/{path}").status == 200
    assert "a/b?c#d%2e&amp;é" in ann.html


def test_a_live_alert_is_there_before_the_database_has_it(served: Running, ann: Surfer) -> None:
    served.produce("alerts", alert("just-now", user_id="ada"))
    until(lambda: ann.get("/alerts/just-now").status == 200, what="the alert")
