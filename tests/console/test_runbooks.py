"""Runbooks in the console: links of pages and tickets lead there."""

import pytest

from argus.console.runbooks import FOLDER, Span, parts_of
from tests.argus.api.running import Running
from tests.console.surfing import Surfer


def test_a_runbook_is_taken_apart_into_words_code_links_and_commands() -> None:
    words = "# X\n\n## Meaning\n\nSee `argus up`,\nthen [Y](Y.md) or [cases](../cases.md).\n"
    text = f"{words}\n## Diagnosis\n\n```sh\ndf -h\n```\n"
    meaning, diagnosis = parts_of(text)
    assert meaning.spans == [
        Span("words", "See "), Span("code", "argus up"), Span("words", ", then "), Span("link", "Y", "/runbooks/Y"),
        Span("words", " or "), Span("link", "cases"), Span("words", "."),
    ]  # fmt: skip
    assert (meaning.commands, diagnosis.title, diagnosis.spans, diagnosis.commands) == ("", "Diagnosis", [], "df -h")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_nothing_of_a_runbook_is_lost_or_left_as_markup(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    parts = parts_of(text)
    assert [part.title for part in parts] == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert all(part.spans or part.commands for part in parts)
    assert not any(mark in span.text for part in parts for span in part.spans for mark in ("](", "`", "##"))


@pytest.mark.broker
def test_the_link_of_a_page_leads_on_call_through_the_login_to_the_runbook(served: Running) -> None:
    stranger = Surfer(served)
    asked = stranger.get("/runbooks/ArgusAllWorkersDown", follow=False)
    assert asked.headers["location"].startswith("/login?next=")
    ann = Surfer(served).log_in("ann")
    page = ann.get("/runbooks/ArgusAllWorkersDown").body.decode()
    assert "No worker answers" not in ann.text
    assert "Mitigation" in ann.text
    assert 'href="/runbooks/ArgusBrokerUnreachable"' in page
    assert 'up{job="argus-worker"}' in ann.text
    ann.get("/runbooks")
    assert "SecurityStorm" in ann.text


@pytest.mark.broker
def test_there_is_none_of_that_name_and_none_for_members(served: Running) -> None:
    ann = Surfer(served).log_in("ann")
    for name in ("Nothing", "..%2Findex", "%2e%2e%2fREADME"):
        assert ann.get(f"/runbooks/{name}").status == 404
    assert Surfer(served).log_in("ada@home").get("/runbooks/ArgusWatchdog").status == 403
