"""The live feed in a browser: alerts come by themselves, nothing is missed, and nothing that they say is code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, expect

from core.clock import rfc3339
from core.records import Alert, encode
from tests.argus.api.running import Running
from tests.argus.store.records import NOW_MS, Raw, alert, rows
from tests.console.browser import WITHIN_MS, Person, chromium

pytestmark = pytest.mark.broker

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def ann(served: Running, browser: Browser) -> Iterator[Person]:
    person = Person(browser, served.url)
    person.log_in("ann")
    expect(person.page.locator("#live-state")).to_have_text("Live", timeout=WITHIN_MS)
    yield person
    person.context.close()
    assert person.errors == []


def told(served: Running, *alerts: Alert) -> None:
    """In a thread of its own: the loop of this one is the browser's."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(served.produce, "alerts", *alerts).result()


def written(served: Running, one: Alert) -> None:
    """To the database, which the page is made from."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(served.write, rows("alerts", [Raw(encode(one), NOW_MS)])).result()


def test_an_alert_comes_by_itself_and_an_update_takes_its_place(served: Running, ann: Person) -> None:
    known = {"user_id": "ada", "time": rfc3339(NOW_MS + 60_000)}
    told(served, alert("live-1", title="Something new", **known))
    shown = ann.page.locator("#alerts > li").first
    expect(shown).to_contain_text("Something new", timeout=WITHIN_MS)
    told(served, alert("live-2", **known))
    expect(ann.page.locator("#alerts > li").first).to_have_attribute("data-id", "live-2", timeout=WITHIN_MS)
    told(served, alert("live-1", title="Something new", severity="CRITICAL", count=7, **known))
    expect(ann.page.locator("#alerts > li").first).to_contain_text("7 times", timeout=WITHIN_MS)
    expect(ann.page.locator("#alert-live-1")).to_have_count(1)
    expect(ann.page.locator("#alert-live-1 .badge")).to_have_text("Critical")
    expect(ann.page.locator("#arrivals")).to_contain_text("new alert", timeout=WITHIN_MS)


def test_what_an_alert_says_is_text_here_too(served: Running, ann: Person) -> None:
    told(served, alert("live-evil", title=EVIL, summary=EVIL, user_id=EVIL, count=2))
    expect(ann.page.locator("#alert-live-evil .alert-title")).to_have_text(EVIL, timeout=WITHIN_MS)
    assert ann.page.title() != "owned"
    assert ann.page.locator("#alerts img, #alerts script").count() == 0


def test_a_pause_holds_what_comes_and_shows_it_afterwards(served: Running, ann: Person) -> None:
    ann.page.get_by_role("button", name="Pause").click()
    told(served, alert("held-1"), alert("held-2"))
    expect(ann.page.locator("#live-state")).to_have_text("2 waiting", timeout=WITHIN_MS)
    expect(ann.page.locator("#alert-held-1")).to_have_count(0)
    ann.page.get_by_role("button", name="Go on").click()
    expect(ann.page.locator("#alert-held-1")).to_have_count(1)
    expect(ann.page.locator("#alert-held-2")).to_have_count(1)


def test_the_filters_hold_for_what_comes(served: Running, ann: Person) -> None:
    ann.page.goto("/?severity=HIGH,CRITICAL&text=needle")
    expect(ann.page.locator("#live-state")).to_have_text("Live", timeout=WITHIN_MS)
    told(
        served,
        alert("no-1", title="A Needle", severity="LOW"),
        alert("no-2", title="Hay"),
        alert("yes", title="A Needle"),
    )
    expect(ann.page.locator("#alert-yes")).to_have_count(1, timeout=WITHIN_MS)
    expect(ann.page.locator("#alerts > li")).to_have_count(1)


def test_after_a_break_nothing_is_missing(served: Running, ann: Person) -> None:
    told(served, alert("before"))
    expect(ann.page.locator("#alert-before")).to_have_count(1, timeout=WITHIN_MS)

    async def give_up() -> None:
        for client in list(served.services.feed._clients):
            client.wants = lambda _alert: False
            client.slow.set()

    served.call(give_up)
    told(served, alert("meanwhile"))
    expect(ann.page.locator("#alert-meanwhile")).to_have_count(1, timeout=WITHIN_MS)
    expect(ann.page.locator("#live-state")).to_have_text("Live", timeout=WITHIN_MS)


def test_a_page_that_begins_with_an_update_goes_on_from_that(served: Running, ann: Person) -> None:
    """What came between the alert's first record and the update is not new."""
    known = {"user_id": "ada", "time": rfc3339(NOW_MS + 120_000)}
    update = alert("long-1", count=2, **known)
    told(served, alert("long-1", **known), alert("long-2", **known), update)
    expect(ann.page.locator("#alert-long-1 .alert-more")).to_contain_text("2 times", timeout=WITHIN_MS)
    written(served, update)
    ann.page.reload()
    expect(ann.page.locator("#live-state")).to_have_text("Live", timeout=WITHIN_MS)
    told(served, alert("long-3", **known))
    expect(ann.page.locator("#alerts > li").first).to_have_attribute("data-id", "long-3", timeout=WITHIN_MS)
    expect(ann.page.locator("#alerts > li").nth(1)).to_have_attribute("data-id", "long-1")
