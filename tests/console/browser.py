"""Chromium, headless: people who look at pages, and what must hold of every page that they see."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.argus.api.running import PASSWORD

ARGS: Final = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
# Every test has what it waits for in a second or two; a busy machine may take its time.
WITHIN_MS: Final = 240_000
GRAVE: Final = ("serious", "critical")


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """A browser window of its own. errors: what the browser's console complained of."""

    def __init__(self, browser: Browser, url: str, **how: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport=WIDE, base_url=url, **how)
        self.context.set_default_timeout(WITHIN_MS)
        self.errors: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        return page

    def log_in(self, name: str, password: str = PASSWORD) -> Page:
        self.page.goto("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: "/login" not in url)
        return self.page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.location.get('url')}: {message.text}")


def faults(page: Page) -> list[str]:
    """What is seriously wrong with the page for those who cannot see it well, or use no mouse, as axe finds it; and
    whether it must be scrolled sideways."""
    found = [
        f"{page.url} {page.viewport_size}: {one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in GRAVE
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{page.url} {page.viewport_size}: is wider than the window")
    return found
