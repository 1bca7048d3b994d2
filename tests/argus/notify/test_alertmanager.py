"""Pages by a real Alertmanager."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from argus.notify.alertmanager import Alertmanager as Client
from argus.notify.sending import Failed
from argus.ports import LOOPBACK, pick
from core.notices import CaseSeen
from tests.argus.notify.desk import Desk, wall_ms
from tests.argus.notify.receivers import Alertmanager, Receiver, pages
from tests.kafka.until import until_async

pytestmark = pytest.mark.slow


def case(number: int, **more: object) -> CaseSeen:
    seen = CaseSeen(
        f"c{number}", 1, "u1", "user u***1", 1, "CRITICAL", "open", None, wall_ms(), wall_ms(), "Takeover",
        "takeover", "travel",
    )  # fmt: skip
    return replace(seen, **more)


def cases_of(inbox: Receiver, status: str) -> list[str]:
    return [alert["labels"]["case"] for page in pages(inbox, status) for alert in page["alerts"]]


async def test_a_case_pages_once_through_restarts_of_alertmanager_and_of_notify_and_is_resolved(
    tmp_path: Path, inbox: Receiver, alertmanager: Alertmanager
) -> None:
    async with aiohttp.ClientSession() as session:
        desk = Desk(tmp_path, [], {}, alertmanager=Client(lambda: session, alertmanager.url), interval_s=0.5)
        work = await desk.open()
        await desk.tell(work, case(1))
        await until_async(lambda: cases_of(inbox, "firing") == ["c1"])
        await asyncio.to_thread(alertmanager.stop)
        await work.stop(gracefully=False)
        work = await desk.open()
        await asyncio.to_thread(alertmanager.start)
        await until_async(lambda: len(alertmanager.alerts()) == 1)
        # Another case's page comes when the first has had its chance to come again.
        await desk.tell(work, case(1), case(2, detection="other_rule"))
        await until_async(lambda: "c2" in cases_of(inbox, "firing"))
        await desk.tell(work, case(1, version=2, status="resolved"))
        await until_async(lambda: cases_of(inbox, "resolved") == ["c1"])
        assert cases_of(inbox, "firing") == ["c1", "c2"]
        await work.stop(gracefully=True)


async def test_two_thousand_cases_page_once_as_a_storm(
    tmp_path: Path, inbox: Receiver, alertmanager: Alertmanager
) -> None:
    async with aiohttp.ClientSession() as session:
        desk = Desk(tmp_path, [], {}, alertmanager=Client(lambda: session, alertmanager.url), interval_s=0.5)
        work = await desk.open()
        for first in range(0, 2_000, 40):
            await desk.tell(work, *(case(number) for number in range(first, first + 40)))
            await asyncio.sleep(0.1)
        await until_async(lambda: len(alertmanager.alerts()) == 51)
        # A page that begins after all of them: when it has come, they have had their time.
        await desk.tell(work, case(9_999, detection="other_rule"))
        await until_async(lambda: len(pages(inbox)) >= 2)
        labels = [page["commonLabels"] for page in pages(inbox)]
        assert [(one["alertname"], one["detection"]) for one in labels] == [
            ("SecurityStorm", "travel"),
            ("SecurityCase", "other_rule"),
        ]
        suppressed = [alert for alert in alertmanager.alerts() if alert["status"]["state"] == "suppressed"]
        assert len(suppressed) == 50
        await work.stop(gracefully=True)


async def test_one_that_is_not_there_or_refuses_is_a_failure_without_its_address() -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(lambda: session, f"http://name:password@{LOOPBACK}:{pick()}")
        with pytest.raises(Failed) as error:
            await client.post([])
    assert str(error.value) == "Alertmanager: ClientConnectorError"


@pytest.mark.parametrize("status", [301, 302, 303, 307])
async def test_what_is_sent_elsewhere_is_not_accepted(inbox: Receiver, status: int) -> None:
    """What follows a redirect asks without the alerts, and is answered 200 by a login page for example."""
    inbox.status, inbox.moved = status, f"{inbox.url}/login"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Failed, match=f"answered {status}"):
            await Client(lambda: session, inbox.url).post([{"labels": {"a": "c"}}])
    assert [request.path for request in inbox.requests] == ["/api/v2/alerts"]


async def test_a_bad_label_is_refused_by_alertmanager_itself(alertmanager: Alertmanager) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(lambda: session, alertmanager.url)
        await client.post([])
        with pytest.raises(Failed, match="answered 400"):
            await client.post([{"labels": {"a-b": "c"}}])
