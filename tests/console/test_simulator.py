"""The simulator, on a real server and broker."""

import json
import uuid

import pytest

from argus.api.problems import Problem
from argus.console.event_form import DEFAULTS, read_event
from tests.argus.api.running import Running, settings_for
from tests.console.conftest import with_an_admin
from tests.console.surfing import Surfer
from tests.kafka.until import until

pytestmark = pytest.mark.broker
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def ann(served: Running) -> Surfer:
    return Surfer(served).log_in("ann")


def came(served: Running, user_id: str) -> list[dict[str, object]]:
    return [json.loads(raw) for _, key, raw in served.stream.events if key == user_id.encode()]


def test_an_event_goes_the_way_of_all_and_its_decision_is_shown(served: Running, ann: Surfer) -> None:
    ann.get("/simulator")
    answer = ann.submit("/simulator/event", user_id="sim-bea", amount="12.5", attributes="vpn=true\nnote=x\n")
    assert answer.status == 200
    assert "Approve Risk" in ann.text
    (event,) = came(served, "sim-bea")
    assert (event["amount"], event["attributes"]) == (12.5, {"vpn": True, "note": "x"})
    # What was filled in stays, for the next one, under an id of its own.
    again = ann.form("/simulator/event").fields
    assert (again["user_id"], again["amount"]) == ("sim-bea", "12.5")
    assert again["event_id"] != event["event_id"]


def test_nobody_who_exists_can_be_made_to_do_something(served: Running, ann: Surfer) -> None:
    ann.get("/simulator")
    ann.submit("/simulator/event", user_id="ada", event_id="mine")
    assert came(served, "ada") == []
    (event,) = came(served, "sim-ada")
    assert event["event_id"] == "sim-mine"


def test_nothing_that_real_users_may_share_is_theirs() -> None:
    named = dict.fromkeys(("device_id", "session_id", "merchant_id", "card_id", "payee_id"), "real")
    event = read_event({**DEFAULTS, **named}, 5)
    assert {event[name] for name in named} == {"sim-real"}
    assert read_event({**DEFAULTS, "device_id": "sim-mine"}, 5)["device_id"] == "sim-mine"


def test_a_wrong_event_is_not_sent_and_says_why(served: Running, ann: Surfer) -> None:
    ann.get("/simulator")
    assert ann.submit("/simulator/event", user_id="sim-wrong", lat="120").status == 400
    assert "lat" in ann.text
    assert ann.submit("/simulator/event", user_id=f"sim-{EVIL}", amount=EVIL).status == 400
    assert EVIL not in ann.html
    assert came(served, "sim-wrong") == []


def test_an_attack_is_sent_with_its_history_and_can_be_watched(served: Running, ann: Surfer) -> None:
    ann.get("/simulator")
    ann.submit("/simulator/attack", attack="account_takeover", intensity="blatant", seed="1", seconds="1")
    run = ann.at.rpartition("/")[2]
    assert ann.at == f"/simulator/{run}"
    until(lambda: ann.get(f"/simulator/{run}/part").status == 200 and 'data-ended="yes"' in ann.html, what="its end")
    prefix = f"sim-{run}-".encode()
    sent = [json.loads(raw) for _, key, raw in served.stream.events if key.startswith(prefix)]
    attack = [event for event in sent if event["event_id"].startswith(f"sim-{run}-a")]
    assert attack
    assert len(sent) > len(attack)
    until(
        lambda: ann.get(f"/simulator/{run}").status == 200 and f"Decided {len(attack)}" in ann.text,
        what="all decisions",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"attack": "none"},
        {"intensity": "x"},
        {"seed": "-1"},
        {"seconds": "100000"},
        {"seconds": "x"},
        {"attack": EVIL},
    ],
)
def test_an_attack_that_there_is_not_is_refused(served: Running, fields: dict[str, str], ann: Surfer) -> None:
    ann.get("/simulator")
    assert ann.submit("/simulator/attack", **fields).status == 400
    assert EVIL not in ann.html


def test_two_at_a_time_and_no_more(served: Running, ann: Surfer) -> None:
    for _ in range(3):
        ann.get("/simulator")
        ann.submit("/simulator/attack", attack="velocity", seconds="120")
    assert "2 attacks are under way" in ann.text
    for run in served.services.simulated.runs():
        run.sent = run.total


def test_members_and_other_sites_do_not_get_in(served: Running, ann: Surfer) -> None:
    ada = Surfer(served).log_in("ada@home")
    assert ada.get("/simulator").status == 403
    for path in ("/simulator/event", "/simulator/attack"):
        assert ann.post(path, {**DEFAULTS, "attack": "velocity"}).status == 403
    for run in ("nothing1", "..%2f..%2fetc", "x" * 200):
        assert ann.get(f"/simulator/{run}").status in (400, 404)


def test_without_the_setting_there_is_no_simulator(tansu: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = settings_for(tansu, tmp_path_factory.mktemp("off"), f"off-{uuid.uuid4().hex[:8]}.")
    with Running(settings, with_an_admin) as running:
        root = Surfer(running).log_in("root")
        assert root.get("/simulator").status == 404
        root.get("/rules")
        assert "Simulator" not in root.text


def test_fields_of_payments_are_left_out_of_what_is_none() -> None:
    event = read_event({**DEFAULTS, "type": "login", "event_id": "x"}, 5)
    assert "amount" not in event
    assert "card_id" not in event
    assert event["time"] == "1970-01-01T00:00:00.005Z"
    with pytest.raises(Problem):
        read_event({**DEFAULTS, "attributes": "no equals sign"}, 5)
