"""The analytics page, on a real server with a database of a few records."""

import pytest

from argus.console.analytics import boards
from core.clock import MINUTE, rfc3339
from tests.argus.api.running import Running
from tests.argus.store import records as make
from tests.argus.store.records import rows
from tests.console.surfing import Surfer

pytestmark = pytest.mark.broker
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def filled(served: Running) -> Running:
    async def now_ms() -> int:
        return served.services.now_ms()

    now = served.call(now_ms)
    at = rfc3339(now - MINUTE)
    took = {"opened": rfc3339(now - 9 * MINUTE), "acknowledged": rfc3339(now - 7 * MINUTE), "resolved": at}
    done = make.case("done", status="resolved", resolution="false_positive", rules=["amount_spike", EVIL], **took)
    alerts = [make.alert("now", time=at, rule_id="amount_spike"), make.alert("x", time=at, rule_id=EVIL)]
    decisions = [
        make.decision("d1", time=at, type="transaction", amount=99.0, decision="block", risk_score=91.0),
        make.decision("d2", time=at, type="login", outcome="failure"),
    ]
    served.write([*rows("alerts", alerts), *rows("decisions", decisions), *rows("cases", [done])])
    return served


@pytest.fixture(scope="module")
def ann(filled: Running) -> Surfer:
    return Surfer(filled).log_in("ann")


def test_it_shows_figures_and_charts_that_can_be_read_without_eyes(filled: Running, ann: Surfer) -> None:
    assert ann.get("/analytics").status == 200
    assert "To acknowledge (MTTA) 2 min" in ann.text
    assert "False positives 100%" in ann.text
    assert ann.html.count('role="img"') == ann.html.count("<desc ") >= 7
    assert ann.html.count("The same as a table") == ann.html.count('role="img"')
    assert "99.00 USD: block, 91" in ann.html
    assert "style=" not in ann.html


def test_a_rules_name_is_text_wherever_it_came_from(filled: Running, ann: Surfer) -> None:
    ann.get("/analytics?span=1h")
    assert EVIL not in ann.html
    assert "&lt;script&gt;" in ann.html
    assert 'href="/rules/%3Cscript%3E' in ann.html


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d", "30d"])
def test_each_span_can_be_chosen(filled: Running, span: str, ann: Surfer) -> None:
    assert ann.get(f"/analytics?span={span}").status == 200
    assert f'href="/analytics?span={span}" aria-current="true"' in ann.html


def test_another_span_is_refused_and_a_member_does_not_get_in(filled: Running, ann: Surfer) -> None:
    assert ann.get("/analytics?span=9y").status == 400
    assert Surfer(filled).log_in("ada@home").get("/analytics").status == 403


def test_boards_are_linked_where_there_is_a_grafana() -> None:
    assert boards(None) == []
    assert boards("https://g.example/x/")[0] == ("https://g.example/x/d/argus-overview", "Overview")
