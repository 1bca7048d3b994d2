"""The simulator: made-up events and whole attacks, sent the way that `POST /v1/events` sends them.

All that is sent is about users, devices, cards, payees and merchants whose ids begin with `sim-`, or are made up at
random: none that exists can be given a bad name from here. An address can: it is as it was typed.
"""

import asyncio
import secrets
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from argus.api.events import checked, send
from argus.api.problems import Problem
from argus.api.services import Services
from argus.api.simulated import PREFIX, Run
from argus.console.event_form import DEFAULTS, EventForm, read_event
from argus.console.flash import Flash
from argus.console.noting import noted
from argus.console.page import Page, Visit
from argus.console.watching import watched
from core.records import EVENT_TYPES, Alert, Decision, encode
from simulation.attacks import ATTACKS
from simulation.config import INTENSITIES, Fields
from simulation.episode import episode

AT_ONCE: Final = 2
CHUNK: Final = 200
TICK_S: Final = 0.1
# An alert comes on another topic than the decision, a moment later.
ALERTS_WITHIN_S: Final = 1.0


class Wanted(Struct, frozen=True):
    """An attack to play. seconds: that it is to take."""

    attack: str
    intensity: str = "blatant"
    seed: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    seconds: Annotated[int, Meta(ge=1, le=120)] = 15


async def shown(visit: Visit) -> web.StreamResponse:
    return _page(visit, EventForm({**DEFAULTS, "event_id": new_id()}))


async def sent_event(visit: Visit) -> web.StreamResponse:
    """The decision is shown beside the form, which keeps what was filled in. The event's id is in the form: whoever
    loads the page again sends the same event, of which nothing comes."""
    form = EventForm({name: visit.field(name) for name in DEFAULTS})
    services = visit.services
    try:
        read = await checked(services, [encode(read_event(form, services.now_ms()))])
        (action, output) = read[0]
        started = services.seconds()
        note = noted(visit, action.user_id, "simulator.event", event_id=action.event_id)
        await send(services, [(action, output)])
        await services.producing.send([note])
    except Problem as problem:
        reason = problem.errors[0].reason if problem.errors else problem.detail
        return _page(visit, form, wrong=reason, status=problem.status)
    raw = await services.decided.wait(action.user_id, action.event_id, services.settings.api_score_wait_s)
    took_ms = (services.seconds() - started) * 1_000
    decision = next(
        (one for one in services.simulated.about(action.user_id) if one.event_id == action.event_id), None
    )
    alerts = await _alerts(services, action.user_id, action.event_id) if raw and decision and decision.rules else []
    again = EventForm({**form, "event_id": new_id()})
    return _page(
        visit, again, sent=action.event_id, user=action.user_id, decision=decision, alerts=alerts, took_ms=took_ms
    )


async def started(visit: Visit) -> web.StreamResponse:
    wanted = visit.filled(Wanted, **{name: visit.field(name) for name in ("attack", "intensity", "seed", "seconds")})
    simulated = visit.services.simulated
    if simulated.under_way() >= AT_ONCE:
        return visit.back(
            "/simulator", Flash("bad", f"{AT_ONCE} attacks are under way: wait for one of them to end.")
        )
    run = Run(
        secrets.token_hex(4), wanted.attack, wanted.intensity, wanted.seed, visit.caller.user, visit.services.now_ms()
    )
    try:
        played = await asyncio.to_thread(
            episode, run.attack, run.intensity, run.seed, prefix=run.prefix, end_ms=run.started_ms
        )
    except ValueError as error:
        raise Problem(400, "invalid", str(error)) from None
    run.total = len(played.attack)
    about = f"{run.attack}, {run.intensity}, seed {run.seed}"
    await visit.services.producing.send([noted(visit, f"simulator:{run.run_id}", "simulator.attack", about)])
    simulated.begin(run)
    visit.services.spawn(_play(visit.services, run, played.history, played.attack, wanted.seconds))
    return visit.back(f"/simulator/{run.run_id}")


async def run_shown(visit: Visit) -> web.StreamResponse:
    return visit.render("simulator_run.html", **watched(visit.services, visit.path["run_id"]))


async def run_part(visit: Visit) -> web.StreamResponse:
    """What changes while it runs, to be put in place of what is there."""
    return visit.render("simulator_part.html", **watched(visit.services, visit.path["run_id"]))


def new_id() -> str:
    return f"{PREFIX}{secrets.token_hex(6)}"


async def _play(services: Services, run: Run, history: list[Fields], attack: list[Fields], seconds: int) -> None:
    """What was before all at once, then the attack, evenly spread over the seconds."""
    try:
        for at in range(0, len(history), CHUNK):
            await send(services, await checked(services, [encode(one) for one in history[at : at + CHUNK]]))
        begun = services.seconds()
        while run.sent < run.total:
            due = min(run.total, 1 + int(run.total * (services.seconds() - begun) / seconds), run.sent + CHUNK)
            if due > run.sent:
                await send(services, await checked(services, [encode(one) for one in attack[run.sent : due]]))
                run.sent = due
            await asyncio.sleep(TICK_S)
    except Problem as problem:
        run.failed = problem.detail
    finally:
        run.ended = True


async def _alerts(services: Services, user_id: str, event_id: str) -> list[Alert]:
    found: list[Alert] = []
    until = services.seconds() + ALERTS_WITHIN_S
    while not found and services.seconds() < until:
        found = [one for one in services.feed.about(user_id) if event_id in (one.event_id, *one.event_ids)]
        await asyncio.sleep(TICK_S)
    return found


def _page(
    visit: Visit,
    form: EventForm,
    *,
    status: int = 200,
    wrong: str = "",
    sent: str = "",
    user: str = "",
    decision: Decision | None = None,
    alerts: list[Alert] | None = None,
    took_ms: float = 0,
) -> web.Response:
    return visit.render(
        "simulator.html",
        status=status,
        form=form,
        types=EVENT_TYPES,
        attacks={name: (attack.__doc__ or "").strip().partition("\n")[0] for name, attack in ATTACKS.items()},
        intensities=list(INTENSITIES),
        runs=visit.services.simulated.runs()[:10],
        prefix=PREFIX,
        wrong=wrong,
        sent=sent,
        sent_user=user,
        decision=decision,
        alerts=alerts or [],
        took_ms=took_ms,
    )


PAGES: Final = (
    Page(path="/simulator", roles=("analyst", "admin"), handler=shown, menu="Simulator", needs="console_simulator"),
    Page(
        path="/simulator/event", roles=("analyst", "admin"), handler=sent_event, method="POST",
        needs="console_simulator",
    ),
    Page(
        path="/simulator/attack", roles=("analyst", "admin"), handler=started, method="POST",
        needs="console_simulator",
    ),
    Page(path="/simulator/{run_id}", roles=("analyst", "admin"), handler=run_shown, needs="console_simulator"),
    Page(path="/simulator/{run_id}/part", roles=("analyst", "admin"), handler=run_part, needs="console_simulator"),
)  # fmt: skip
