"""The runbooks, where the links in pages and tickets lead."""

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

from aiohttp import web
from msgspec import Struct

from argus.api.problems import not_found
from argus.console.page import Page, Visit

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
STAFF: Final = ("analyst", "admin")
# What runbooks are written in: code, links to other runbooks and pages, and words.
SPAN: Final = re.compile(r"`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<to>[^)]+)\)")


class Span(Struct, frozen=True):
    """A piece of a line. to: where a link leads; empty for one that leads out of the runbooks."""

    kind: Literal["words", "code", "link"]
    text: str
    to: str = ""


class Part(Struct, frozen=True):
    """A section: words, or commands."""

    title: str
    spans: list[Span]
    commands: str


async def listed(visit: Visit) -> web.StreamResponse:
    return visit.render("runbooks.html", names=sorted(_all()))


async def shown(visit: Visit) -> web.StreamResponse:
    name = visit.path["name"]
    text = _all().get(name)
    if text is None:
        raise not_found("There is no such runbook")
    return visit.render("runbook.html", name=name, parts=parts_of(text))


def parts_of(text: str) -> list[Part]:
    """The sections of a runbook."""
    parts = []
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        words, _, fenced = body.partition("```sh\n")
        commands = fenced.partition("```")[0].strip()
        parts.append(Part(title.strip(), _spans(" ".join(words.split())), commands))
    return parts


def _spans(line: str) -> list[Span]:
    spans, at = [], 0
    for found in SPAN.finditer(line):
        if found.start() > at:
            spans.append(Span("words", line[at : found.start()]))
        if found["code"]:
            spans.append(Span("code", found["code"]))
        else:
            inside = re.fullmatch(r"(\w+)\.md", found["to"])
            spans.append(Span("link", found["text"], f"/runbooks/{inside[1]}" if inside else ""))
        at = found.end()
    if at < len(line):
        spans.append(Span("words", line[at:]))
    return spans


@cache
def _all() -> dict[str, str]:
    """By name. Where the pages are not installed there are none."""
    return {path.stem: path.read_text() for path in FOLDER.glob("*.md")}


PAGES: Final[tuple[Page, ...]] = (
    Page(path="/runbooks", roles=STAFF, handler=listed),
    Page(path="/runbooks/{name}", roles=STAFF, handler=shown),
)
