"""A browser walks through the console as people do, on a whole Argus: an attack comes, is worked on, and is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import PHONE, WIDE, WITHIN_MS, Person, chromium, faults
from tests.console.house import House
from tests.kafka.until import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GRAVE = '.alert-row:is([data-severity="HIGH"], [data-severity="CRITICAL"]):has(.alert-who a)'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def done(page: Page, words: str) -> None:
    expect(page.locator(".flash")).to_contain_text(words, timeout=WITHIN_MS)


def send(page: Page, name: str) -> None:
    """Press a button, and wait for the page that it leads to: one that is on its way cannot be reloaded."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def reloaded(page: Page, selector: str, there: bool) -> None:
    """Until something is on the page, or is not: a busy machine may show a change a moment later."""

    def as_expected() -> bool:
        page.reload()
        return (page.locator(selector).count() > 0) == there

    until(as_expected, within_s=WITHIN_MS / 1_000, what=f"{selector} {'on' if there else 'off'} {page.url}")


def attacked(house: House, ann: Person) -> str:
    """The analyst starts an attack on one page and sees it come on the other. The alert's path."""
    feed, simulator = ann.log_in("ann"), ann.tab()
    expect(feed.locator("#live-state")).to_have_text("Live", timeout=WITHIN_MS)
    simulator.goto("/simulator")
    simulator.locator("select[name=attack]").select_option("account_takeover")
    simulator.get_by_label("Seconds").fill("2")
    simulator.get_by_role("button", name="Start the attack").click()
    row = feed.locator(GRAVE).first
    expect(row).to_be_visible(timeout=WITHIN_MS)
    return row.locator(".alert-title").get_attribute("href") or ""


def test_an_attack_is_seen_stopped_disputed_and_resolved(browser: Browser, tmp_path: Path) -> None:
    with House(tmp_path / "data") as house:
        ann, root, member = (Person(browser, house.url) for _ in range(3))
        path = attacked(house, ann)
        desk = ann.page
        desk.goto(path)
        desk.get_by_role("button", name="Acknowledge").click()
        done(desk, "acknowledged")
        user_id = desk.locator(".facts a[href^='/users/']").first.inner_text()
        house.account("member@home", "member", user_id)

        office = root.log_in("root")
        office.goto(path)
        office.get_by_role("button", name="Lock the account", exact=True).click()
        done(office, "The user is locked")
        home = member.log_in("member@home")
        expect(home.locator("#unlock")).to_contain_text("Only our staff can unlock it")
        assert home.goto(path).status == 403  # type: ignore[union-attr]
        office.goto(f"/users/{user_id}")
        office.get_by_role("button", name="Unlock", exact=True).click()
        done(office, "The user is unlocked")

        home.goto("/")
        reloaded(home, "#unlock", there=False)
        home.locator("summary", has_text="This wasn't me").first.click()
        with home.expect_navigation():
            home.get_by_role("button", name="It wasn't me: lock my account").first.click()
        reloaded(home, "#unlock", there=True)
        send(home, "Send me a code")
        reloaded(home, "#code", there=True)
        code = house.code(user_id, 0)
        home.get_by_label("The six digits that we sent you").fill("000000" if code != "000000" else "000001")
        send(home, "Unlock")
        done(home, "wrong")
        home.get_by_label("The six digits that we sent you").fill(code)
        send(home, "Unlock")
        reloaded(home, "#unlock", there=False)

        desk.goto(path)
        desk.get_by_role("link", name="The case").click()
        case = desk.url.removeprefix(house.url)
        expect(desk.locator("main")).to_contain_text("This wasn't me")
        desk.get_by_role("button", name="Confirmed fraud").click()
        done(desk, "Saved")
        reloaded(desk, '.head .badge[data-state="resolved"]', there=True)

        staff = [
            "/",
            path,
            "/cases",
            case,
            "/users",
            f"/users/{user_id}",
            "/analytics",
            "/rules",
            "/models",
            "/simulator",
        ]
        stranger = Person(browser, house.url).page
        found = [*seen(office, staff), *seen(home, ["/me"]), *seen(stranger, ["/login"])]
        assert found == []
        # A page that is refused is an error to the browser's console; it is asked for once, on purpose.
        refused = [error for error in member.errors if "403" in error]
        assert [ann.errors, root.errors, member.errors] == [[], [], refused]
        assert len(refused) == 1


def seen(page: Page, paths: list[str]) -> list[str]:
    """What is seriously wrong with the pages, wide and light, and on a phone in the dark."""
    found = []
    for path in paths:
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        page.goto(path)
        found += faults(page)
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        found += faults(page)
    return found
