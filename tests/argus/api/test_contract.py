"""The contract's table of paths, row by row, from outside: a whole `argus up`, tokens of `argus token create`, and
what a reader of the contract expects."""

import asyncio
import json
import uuid
from typing import Any

import aiohttp
import pytest

from argus.declared import partitions_found
from argus.settings import Settings
from tests.argus.api.whole import Whole, event
from tests.kafka.until import until

pytestmark = pytest.mark.broker

# For what hangs, not for what is slow.
WITHIN_S = 240.0
FAILURES = 12
FORM = {"transaction_amount": 20.0, "login_attempts": 1, "failed_transactions": 0, "account_age": 400}


def guessed(user: str) -> list[dict[str, Any]]:
    """Somebody tries passwords, and is an alert."""
    return [event(user, outcome="failure", ip="203.0.113.7", device_id="d-9") for _ in range(FAILURES)]


def alerts_of(whole: Whole, user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = whole.get(f"/v1/alerts?user={user}", role="analyst").json["items"]
    return found


def attacked(whole: Whole) -> tuple[str, dict[str, Any]]:
    """A user of its own, and the first alert about it."""
    user = f"user-{uuid.uuid4().hex[:12]}"
    assert whole.post("/v1/events", guessed(user), role="service").status == 202
    until(lambda: alerts_of(whole, user), WITHIN_S, "an alert")
    return user, alerts_of(whole, user)[-1]


@pytest.fixture(scope="module")
def victim(whole: Whole) -> tuple[str, dict[str, Any]]:
    return attacked(whole)


def lock_of(whole: Whole, user: str) -> str | None:
    lock = whole.get(f"/v1/users/{user}", role="analyst").json["lock"]
    return None if lock is None else lock["state"]


def test_health_and_readiness_and_metrics_are_for_everybody(whole: Whole) -> None:
    assert whole.get("/health").status == 200
    assert whole.get("/ready").status == 200
    metrics = whole.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b"argus_http_requests_total" in metrics.body


def test_openapi_is_served(whole: Whole) -> None:
    document = whole.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert {"/v1/events", "/v1/score", "/risk_score", "/alerts/recent", "/ws/alerts"} <= set(document["paths"])


def test_errors_are_problem_documents(whole: Whole) -> None:
    for answer in (
        whole.get("/v1/alerts"),
        whole.get("/v1/alerts", role="service"),
        whole.get("/v1/nothing", role="analyst"),
        whole.get("/v1/alerts?limit=0", role="analyst"),
    ):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == answer.status >= 400
        assert {"type", "title"} <= set(answer.json)


def test_one_event_or_a_list_is_taken_with_202(whole: Whole) -> None:
    assert whole.post("/v1/events", event("ann"), role="service").status == 202
    assert whole.post("/v1/events", [event("ann"), event("bob", "page_view", path="/")], role="service").status == 202


def test_events_that_are_not_right_are_400_with_the_reason_of_each_and_none_is_taken(whole: Whole) -> None:
    good = event("carol")
    bad = [event("carol", "jump"), event("carol", amount=-1), {"event_id": "x"}]
    answer = whole.post("/v1/events", [good, *bad], role="service")
    assert answer.status == 400
    assert [(fault["index"], bool(fault["reason"])) for fault in answer.json["errors"]] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    # Its id is still free: it is decided about when it comes by itself.
    assert whole.post("/v1/score", good | {"type": "transaction", "amount": 5.0}, role="service").status == 200


def test_a_score_is_a_decision_and_a_repeated_id_has_the_stored_one(whole: Whole) -> None:
    paid = event("dora", "transaction", amount=25.0, currency="EUR", merchant_id="m1")
    first = whole.post("/v1/score", paid, role="service")
    assert first.status == 200
    told = first.json
    assert (told["event_id"], told["user_id"]) == (paid["event_id"], "dora")
    assert told["decision"] in ("approve", "challenge", "block")
    assert 0 <= told["risk_score"] <= 100
    assert {"time", "scores", "rules"} <= set(told)
    again = whole.post("/v1/score", paid | {"amount": 9_999.0}, role="service")
    assert (again.status, again.json) == (200, told)


def test_a_flat_form_has_a_risk_that_grows_with_what_is_suspicious(whole: Whole) -> None:
    def risk(**changed: float) -> float:
        answer = whole.post("/risk_score", FORM | changed, role="service")
        assert answer.status == 200
        assert set(answer.json) == {"risk_score", "suspicious_activity"}
        assert isinstance(answer.json["suspicious_activity"], bool)
        return float(answer.json["risk_score"])

    for name, values in (("login_attempts", (0, 1, 3, 10, 100)), ("failed_transactions", (0, 1, 5, 20))):
        found = [risk(**{name: value}) for value in values]
        assert found == sorted(found), name
        assert found[0] < found[-1] <= 100


@pytest.mark.parametrize(
    "form",
    [{}, FORM | {"login_attempts": -1}, FORM | {"login_attempts": 1.5}, FORM | {"transaction_amount": "much"},
     FORM | {"account_age": None}, [FORM], "x"],
)  # fmt: skip
def test_a_form_that_is_not_right_is_400(whole: Whole, form: Any) -> None:
    assert whole.post("/risk_score", form, role="service").status == 400


def test_alerts_are_filtered_newest_first_and_paged(whole: Whole, victim: tuple[str, dict[str, Any]]) -> None:
    user, alert = victim
    assert {"alert_id", "rule_id", "severity", "kind", "risk_score", "title", "reasons", "count"} <= set(alert)
    every = alerts_of(whole, user)
    assert [one["time"] for one in every] == sorted((one["time"] for one in every), reverse=True)
    for query in (f"rule={alert['rule_id']}", f"severity={alert['severity']}", f"since={alert['time']}"):
        page = whole.get(f"/v1/alerts?user={user}&{query}", role="analyst").json
        assert alert["alert_id"] in [one["alert_id"] for one in page["items"]]
    assert whole.get(f"/v1/alerts?user={user}&text=surely-nowhere", role="analyst").json["items"] == []
    seen, cursor = [], ""
    while cursor is not None:
        page = whole.get(f"/v1/alerts?user={user}&limit=1{cursor and f'&cursor={cursor}'}", role="analyst").json
        seen += [one["alert_id"] for one in page["items"]]
        cursor = page["next"]
    assert seen == [one["alert_id"] for one in every]


def test_recent_alerts_are_a_list_with_a_limit(whole: Whole, victim: tuple[str, dict[str, Any]]) -> None:
    page = whole.get("/alerts/recent?limit=1", role="analyst").json
    assert len(page["items"]) == 1


def test_a_user_page_is_for_analysts_and_for_that_member(whole: Whole, victim: tuple[str, dict[str, Any]]) -> None:
    user, alert = victim
    for token in (whole.token("analyst"), whole.token("member", user)):
        page = whole.get(f"/v1/users/{user}", token=token).json
        assert page["user_id"] == user
        assert 0 <= page["health"]["score"] < 100
        assert page["health"]["reasons"]
        assert page["health"]["suggestions"]
        assert alert["alert_id"] in [one["alert_id"] for one in page["alerts"]]
        assert "lock" in page
    assert whole.get(f"/v1/users/{user}", token=whole.token("member", "somebody-else")).status == 403
    assert whole.get(f"/v1/users/{user}", role="service").status == 403


def test_an_admin_locks_and_unlocks_and_an_event_in_the_locks_scope_is_blocked(whole: Whole) -> None:
    user = f"locked-{uuid.uuid4().hex[:8]}"
    assert whole.post(f"/v1/users/{user}/lock", {"reason": "Asked by phone"}, role="analyst").status == 403
    answer = whole.post(f"/v1/users/{user}/lock", {"reason": "Asked by phone"}, role="admin")
    assert (answer.status, answer.json["status"]) == (200, "done")
    assert lock_of(whole, user) == "locked"
    paid = event(user, "payout", amount=5.0, currency="EUR")
    assert whole.post("/v1/score", paid, role="service").json["decision"] == "block"
    assert whole.post(f"/v1/users/{user}/unlock", role="admin").status == 200
    assert lock_of(whole, user) == "unlocked"


def codes(whole: Whole, user: str) -> list[str]:
    lines = whole.codes.read_text().splitlines() if whole.codes.exists() else []
    return [told["code"] for told in map(json.loads, lines) if told["user_id"] == user]


def test_a_member_disputes_is_locked_and_unlocks_with_a_one_time_password(whole: Whole) -> None:
    user, alert = attacked(whole)
    mine, other = whole.token("member", user), whole.token("member", "somebody-else")
    path = f"/v1/alerts/{alert['alert_id']}/dispute"
    assert whole.post(path, token=other).status == 404
    assert whole.post(path, {"note": "This wasn't me"}, token=mine).status == 200
    assert lock_of(whole, user) == "locked"
    assert whole.post(f"/v1/users/{user}/otp", token=other).status == 403
    assert whole.post(f"/v1/users/{user}/otp", token=mine).status == 200
    until(lambda: codes(whole, user), WITHIN_S, "the one-time password")
    code = codes(whole, user)[-1]
    assert (len(code), code.isdigit()) == (6, True)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert whole.post(f"/v1/users/{user}/otp/verify", {"code": wrong}, token=mine).status == 409
    assert whole.post(f"/v1/users/{user}/otp/verify", {"code": code}, token=mine).status == 200
    assert lock_of(whole, user) == "unlocked"
    assert whole.post(f"/v1/users/{user}/otp/verify", {"code": code}, token=mine).status == 409, "single use"


def test_an_alert_is_acknowledged_and_resolved_and_one_is_a_false_positive(whole: Whole) -> None:
    _, alert = attacked(whole)
    assert whole.post(f"/v1/alerts/{alert['alert_id']}/acknowledge", role="analyst").status == 200
    body = {"resolution": "confirmed_fraud", "note": "Called"}
    assert whole.post(f"/v1/alerts/{alert['alert_id']}/resolve", body, role="analyst").status == 200
    _, other = attacked(whole)
    assert whole.post(f"/v1/alerts/{other['alert_id']}/false-positive", role="analyst").status == 200
    assert whole.post("/v1/alerts/no-such-alert/acknowledge", role="analyst").status == 404


def test_a_case_is_listed_and_changed(whole: Whole) -> None:
    user, alert = attacked(whole)

    def opened() -> dict[str, Any] | None:
        cases = whole.get(f"/v1/cases?user={user}", role="analyst").json["items"]
        return next((case for case in cases if alert["alert_id"] in case["alert_ids"]), None)

    until(opened, WITHIN_S, "a case of the alert")
    case = opened()
    assert case is not None
    assert (case["status"], case["user_id"]) == ("open", user)
    assert case["acknowledge_by"] < case["resolve_by"]
    path = f"/v1/cases/{case['case_id']}"
    change = {"status": "investigating", "assignee": "ann", "note": "Looks real"}
    changed = whole.request("PATCH", path, change, role="analyst").json
    assert (changed["status"], changed["assignee"]) == ("investigating", "ann")
    assert [note["text"] for note in changed["notes"]][-1:] == ["Looks real"]
    assert changed["version"] > case["version"]
    done = whole.request("PATCH", path, {"status": "resolved", "resolution": "inconclusive"}, role="analyst").json
    assert (done["status"], done["resolution"]) == ("resolved", "inconclusive")


def test_the_summary_has_figures_trends_and_a_distribution(whole: Whole, victim: tuple[str, dict[str, Any]]) -> None:
    summary = whole.get("/v1/analytics/summary", role="analyst").json
    assert summary["alerts"] >= 1
    assert summary["trend"]
    assert whole.get("/v1/analytics/summary", role="member").status == 403


def test_live_alerts_come_over_websocket(whole: Whole) -> None:
    user = f"live-{uuid.uuid4().hex[:8]}"

    async def story() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {whole.token('analyst')}"}
        async with (
            asyncio.timeout(WITHIN_S),
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(f"{whole.url}/ws/alerts?user={user}") as live,
        ):
            await asyncio.to_thread(whole.post, "/v1/events", guessed(user), role="service")
            told: dict[str, Any] = await live.receive_json()
            return told

    alert = asyncio.run(story())
    assert (alert["user_id"], alert["mode"]) == (user, "live")


def test_the_console_is_at_the_root_and_asks_who_comes(whole: Whole) -> None:
    answer = whole.get("/", headers={"Accept": "text/html"})
    assert answer.status in (200, 303, 401)
    assert answer.headers.get("location", "/login").startswith("/login")


def test_the_embedded_broker_has_a_partition_for_each_worker(whole: Whole) -> None:
    assert partitions_found(Settings(broker=whole.broker)) == 1
