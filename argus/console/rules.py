"""The rule book and the user-defined rules: list, one rule, and editing what may be edited."""

import asyncio
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy import select

from agents.shard import Output
from argus.api.problems import Problem, not_found
from argus.console.addresses import quoted
from argus.console.back_test import EVENTS_MOST, BackTest, NotTried, Tried
from argus.console.flash import Flash
from argus.console.noting import noted
from argus.console.page import Page, Visit
from argus.console.rule_text import MODES, START, Fault, Own, checked, fault_of, own_rules, record_of, with_mode
from argus.rule_trial import Trial, run_examples
from argus.store import activity, tables
from argus.store.activity import Verdicts
from core.clock import DAY
from core.rules.book import BoundRule, RuleBook, threshold_name
from core.rules.entry import Rule
from core.rules.nodes import BadRule

SPAN_DAYS: Final = 30
SHOWN_WITHIN_S: Final = 3.0
AGAIN_S: Final = 0.1
TOPIC: Final = "rules"
_back_test: Final = BackTest()


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    """text: in the id or the title."""

    text: Annotated[str, Meta(max_length=100)] = ""
    origin: Literal["builtin", "own"] | None = None
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"] | None = None
    mode: Literal["live", "shadow", "off"] | None = None


class Listed(Struct, frozen=True):
    """One rule as the list shows it. alerts, shadow: in the span, live ones and others."""

    rule_id: str
    title: str
    severity: str
    about: str
    mode: str
    origin: str
    alerts: int
    shadow: int
    verdicts: Verdicts
    wrong: str = ""


async def shown(visit: Visit) -> web.StreamResponse:
    wanted = visit.query(Filter)
    book, own = await _all(visit)
    hits, verdicts = await _counted(visit)

    def row(rule_id: str, rule: Rule | None, mode: str, origin: str, wrong: str = "") -> Listed:
        counts = hits.get(rule_id, {})
        title, severity = (rule.title, rule.severity.name) if rule is not None else (rule_id, "LOW")
        about = " or ".join(rule.sources) or "user" if rule is not None else ""
        return Listed(
            rule_id, title, severity, about, mode, origin, counts.get("live", 0), counts.get("shadow", 0),
            verdicts.get(rule_id, Verdicts()), wrong,
        )  # fmt: skip

    every = [
        row(one.rule_id, one.rule.rule if one.rule else None, _mode(one), one.origin, one.wrong)
        for one in own.values()
    ]
    every += [row(bound.id, bound.rule, bound.mode, "builtin") for bound in book.rules]
    rows = [one for one in every if _fits(one, wanted)]
    return visit.render("rules.html", rows=rows, total=len(every), wanted=wanted, days=SPAN_DAYS, modes=MODES)


async def one_shown(visit: Visit) -> web.StreamResponse:
    rule_id = visit.path["rule_id"]
    book, own = await _all(visit)
    if rule_id in own:
        return await _own_page(visit, own[rule_id])
    if rule_id not in book.by_id:
        raise not_found("There is no such rule")
    bound = book.by_id[rule_id]
    # With the thresholds that the book has: that is what the examples are for.
    trials = await asyncio.to_thread(lambda: list(run_examples(RuleBook(), (rule_id,))))
    hits, verdicts = await _counted(visit)
    return visit.render(
        "rule.html",
        bound=bound,
        rule=bound.rule,
        thresholds=_thresholds(bound),
        examples=_examples(bound, trials),
        hits=hits.get(rule_id, {}),
        verdicts=verdicts.get(rule_id, Verdicts()),
        days=SPAN_DAYS,
    )


async def editor(visit: Visit) -> web.StreamResponse:
    return _editor(visit, START)


async def created(visit: Visit) -> web.StreamResponse:
    """A new rule, or the back-test of one that is not kept yet."""
    text = visit.form.get("text", "")
    book, own = await _all(visit)
    try:
        rule_id = checked(text, None, book).rule.id
        if rule_id in own:
            raise BadRule(rule_id, 0, 0, f"there is a rule {rule_id} already: edit that one")
    except BadRule as error:
        return _editor(visit, text, fault=fault_of(error), status=422)
    if visit.field("do") == "try":
        return _editor(visit, text, **await _tried(visit, rule_id, text))
    return visit.back(f"/rules/{quoted(rule_id)}", await _publish(visit, rule_id, text, "rule.create"))


async def saved(visit: Visit) -> web.StreamResponse:
    """What is refused leaves the rule as it is, and the text in the form as it was posted."""
    rule_id, text = visit.path["rule_id"], visit.form.get("text", "")
    book, own = await _all(visit)
    if rule_id not in own:
        raise not_found("There is no such rule of your own")
    try:
        checked(text, rule_id, book)
    except BadRule as error:
        return await _own_page(visit, own[rule_id], text=text, fault=fault_of(error), status=422)
    if visit.field("do") == "try":
        return await _own_page(visit, own[rule_id], text=text, **await _tried(visit, rule_id, text))
    return visit.back(f"/rules/{quoted(rule_id)}", await _publish(visit, rule_id, text, "rule.change"))


async def switched(visit: Visit) -> web.StreamResponse:
    rule_id, mode = visit.path["rule_id"], visit.field("mode")
    book, own = await _all(visit)
    if rule_id not in own:
        raise not_found("There is no such rule of your own")
    if mode not in MODES:
        raise Problem(400, "invalid", f"A mode is one of {', '.join(MODES)}")
    try:
        text = with_mode(own[rule_id].text, mode)
        checked(text, rule_id, book)
    except BadRule as error:
        return visit.back(f"/rules/{quoted(rule_id)}", Flash("bad", str(error)))
    return visit.back(f"/rules/{quoted(rule_id)}", await _publish(visit, rule_id, text, "rule.mode", mode))


async def removed(visit: Visit) -> web.StreamResponse:
    """A rule of the file comes back as the file has it."""
    rule_id = visit.path["rule_id"]
    _, own = await _all(visit)
    if rule_id not in own or own[rule_id].origin != "console":
        raise not_found("There is no such rule that was made here")
    await _send(visit, rule_id, None, "rule.delete", "")
    await _until(visit, rule_id, None)
    return visit.back("/rules", Flash("good", f"{rule_id} is no more"))


async def _publish(visit: Visit, rule_id: str, text: str, action: str, reason: str = "") -> Flash:
    await _send(visit, rule_id, record_of(rule_id, text), action, reason)
    if await _until(visit, rule_id, record_of(rule_id, text).decode()):
        return Flash("good", f"{rule_id} is kept and sent to every worker")
    return Flash("wait", f"{rule_id} was sent. It shows here as soon as the database has it.")


async def _send(visit: Visit, rule_id: str, value: bytes | None, action: str, reason: str) -> None:
    """The change, and with it the word to the audit."""
    services = visit.services
    text = value.decode() if value is not None else ""
    note = noted(visit, f"rule:{rule_id}", action, reason, text=text[:2_000])
    rule = Output(services.settings.topic(TOPIC), 0, rule_id.encode(), value)
    await services.producing.send([rule, note])


async def _until(visit: Visit, rule_id: str, record: str | None) -> bool:
    """Whether the database has it by now: it is a moment behind."""
    until = visit.services.seconds() + SHOWN_WITHIN_S
    while True:
        if (await _records(visit)).get(rule_id) == record:
            return True
        if visit.services.seconds() > until:
            return False
        await asyncio.sleep(AGAIN_S)


async def _tried(visit: Visit, rule_id: str, text: str) -> dict[str, Any]:
    events = await visit.services.lately.newest(EVENTS_MOST)
    if events is None:
        return {"not_tried": "Recent events cannot be read now"}
    try:
        return {"tried": await _back_test.run(visit.services.settings, rule_id, text, events)}
    except NotTried as reason:
        return {"not_tried": str(reason)}


async def _all(visit: Visit) -> tuple[RuleBook, dict[str, Own]]:
    settings = visit.services.settings
    book = RuleBook(settings.thresholds, settings.modes)
    return book, own_rules(await _records(visit), settings.rules_file, book)


async def _records(visit: Visit) -> dict[str, str]:
    async with visit.services.store.reading() as connection:
        rows = await connection.execute(select(tables.rules.c.rule_id, tables.rules.c.record))
        return {row.rule_id: row.record for row in rows}


async def _counted(visit: Visit) -> tuple[dict[str, Any], dict[str, Verdicts]]:
    until_ms = visit.services.now_ms()
    since_ms = until_ms - SPAN_DAYS * DAY
    async with visit.services.store.reading() as connection:
        return (
            await activity.alerts_by_rule(connection, since_ms, until_ms),
            await activity.verdicts_by_rule(connection, since_ms, until_ms),
        )


async def _own_page(
    visit: Visit,
    own: Own,
    *,
    text: str | None = None,
    fault: Fault | None = None,
    tried: Tried | None = None,
    not_tried: str = "",
    status: int = 200,
) -> web.Response:
    hits, verdicts = await _counted(visit)
    return visit.render(
        "rule_own.html",
        status=status,
        own=own,
        mode=_mode(own),
        modes=MODES,
        text=own.text if text is None else text,
        fault=fault,
        tried=tried,
        not_tried=not_tried,
        hits=hits.get(own.rule_id, {}),
        verdicts=verdicts.get(own.rule_id, Verdicts()),
        days=SPAN_DAYS,
    )


def _editor(
    visit: Visit,
    text: str,
    *,
    fault: Fault | None = None,
    tried: Tried | None = None,
    not_tried: str = "",
    status: int = 200,
) -> web.Response:
    return visit.render("rule_new.html", status=status, text=text, fault=fault, tried=tried, not_tried=not_tried)


def _mode(own: Own) -> str:
    return own.rule.mode if own.rule is not None else "refused"


def _fits(row: Listed, wanted: Filter) -> bool:
    text = wanted.text.strip().casefold()
    return (
        (not text or text in row.rule_id.casefold() or text in row.title.casefold())
        and (wanted.origin is None or (row.origin == "builtin") == (wanted.origin == "builtin"))
        and (wanted.severity is None or row.severity == wanted.severity)
        and (wanted.mode is None or row.mode == wanted.mode)
    )


def _thresholds(bound: BoundRule) -> list[tuple[str, str, str, bool]]:
    """Name, value, setting, and whether it differs from the book's."""
    return [
        (
            name,
            f"{value:g}",
            f"ARGUS_{threshold_name(bound.rule, name).upper()}",
            value != bound.rule.thresholds[name],
        )
        for name, value in bound.t.items()
    ]


def _examples(bound: BoundRule, trials: list[Trial]) -> list[tuple[str, bool, str]]:
    """Name, whether it is to fire, and what is wrong with it."""
    failures = {trial.example: trial.failure for trial in trials}
    return [(example.name, example.hit, failures.get(example.name, "")) for example in bound.rule.examples]


PAGES: Final = (
    Page(path="/rules", roles=("analyst", "admin"), handler=shown, menu="Rules"),
    Page(path="/rules/-/new", roles=("admin",), handler=editor),
    Page(path="/rules/-/new", roles=("admin",), handler=created, method="POST"),
    Page(path="/rules/{rule_id}", roles=("analyst", "admin"), handler=one_shown),
    Page(path="/rules/{rule_id}", roles=("admin",), handler=saved, method="POST"),
    Page(path="/rules/{rule_id}/mode", roles=("admin",), handler=switched, method="POST"),
    Page(path="/rules/{rule_id}/delete", roles=("admin",), handler=removed, method="POST"),
)
