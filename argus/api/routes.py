"""The table of paths: method, path, who may, what comes in, what goes out. Served and documented from here."""

from typing import Any, Final

from argus.api import about, alerts, analytics, cases, commands, events, form, live, users
from argus.api.commands import Pending
from argus.api.route import Role, Route
from argus.store.summary import Summary
from core.records import Alert, Case, Decision, Outcome

SERVICE: Final[tuple[Role, ...]] = ("service",)
STAFF: Final[tuple[Role, ...]] = ("analyst", "admin")
ADMIN: Final[tuple[Role, ...]] = ("admin",)
MEMBER: Final[tuple[Role, ...]] = ("member",)
ANYBODY: Final[tuple[Role, ...]] = ("service", "member", "analyst", "admin")
PEOPLE: Final[tuple[Role, ...]] = ("member", "analyst", "admin")

NO_ALERT: Final = {404: "There is no such alert"}
REFUSED: Final = {409: "The command was refused; `outcome` says why"}


def _command(path: str, summary: str, roles: tuple[Role, ...], handler: Any, **more: Any) -> Route:
    """A path that asks for something and answers with the outcome, or with where it will be."""
    errors = {**REFUSED, **more.pop("errors", {})}
    return Route(
        method="POST", path=path, summary=summary, roles=roles, handler=handler, response=Outcome,
        more={202: Pending}, errors=errors, once=True, **more,
    )  # fmt: skip


ROUTES: Final[tuple[Route, ...]] = (
    Route(method="GET", path="/health", summary="Alive", roles=(), handler=about.health, response=about.Status),
    Route(
        method="GET", path="/ready", summary="Able to work: broker, topics and database are there", roles=(),
        handler=about.ready, response=about.Status, more={503: about.Status},
    ),
    Route(method="GET", path="/metrics", summary="Prometheus text", roles=(), handler=about.metrics, response=str),
    Route(
        method="POST", path="/v1/events", summary="One event, a list, lines of JSON or CloudEvents; all or none",
        roles=SERVICE, handler=events.take, body=bytes, large=True, response=events.Accepted, status=202, once=True,
    ),
    Route(
        method="POST", path="/v1/score", summary="An event in, its decision out", roles=SERVICE,
        handler=events.score, body=bytes, response=Decision,
    ),
    Route(
        method="POST", path="/risk_score", summary="A risk from four numbers, with nothing written", roles=SERVICE,
        handler=form.score, body=form.Form, response=form.FormScore,
    ),
    Route(
        method="GET", path="/v1/alerts", summary="Alerts, newest first", roles=STAFF, handler=alerts.listed,
        query=alerts.AlertQuery, response=alerts.AlertPage,
    ),
    Route(
        method="GET", path="/v1/alerts/recent", summary="The newest alerts", roles=STAFF, handler=alerts.recent,
        query=alerts.RecentQuery, response=alerts.AlertPage,
    ),
    Route(
        method="GET", path="/alerts/recent", summary="The newest alerts", roles=STAFF, handler=alerts.recent,
        query=alerts.RecentQuery, response=alerts.AlertPage,
    ),
    Route(
        method="GET", path="/v1/alerts/{alert_id}", summary="One alert; a member sees its own", roles=PEOPLE,
        handler=alerts.one, response=Alert, errors=NO_ALERT,
    ),
    _command(
        "/v1/alerts/{alert_id}/acknowledge", "Somebody works on it", STAFF, alerts.acknowledge,
        body=alerts.Remark, optional=True, errors=NO_ALERT,
    ),
    _command(
        "/v1/alerts/{alert_id}/resolve", "What it turned out to be", STAFF, alerts.resolve, body=alerts.Resolve,
        optional=True, errors=NO_ALERT,
    ),
    _command(
        "/v1/alerts/{alert_id}/false-positive", "Nothing was wrong", STAFF, alerts.false_positive,
        body=alerts.Remark, optional=True, errors=NO_ALERT,
    ),
    _command(
        "/v1/alerts/{alert_id}/dispute", "This wasn't me: a label, and a lock", MEMBER, alerts.dispute,
        body=alerts.Dispute, optional=True, errors=NO_ALERT,
    ),
    Route(
        method="GET", path="/v1/users/{user_id}", summary="Profile, health, lock and alerts", roles=PEOPLE,
        own=True, handler=users.one, response=users.UserView, errors={404: "Nothing is known of such a user"},
    ),
    _command(
        "/v1/users/{user_id}/lock", "Lock the account", ADMIN, users.lock, body=users.LockRequest, optional=True
    ),
    _command(
        "/v1/users/{user_id}/unlock", "Unlock the account", ADMIN, users.unlock, body=users.UnlockRequest,
        optional=True,
    ),
    _command("/v1/users/{user_id}/otp", "Have a one-time password sent", MEMBER, users.otp, own=True),
    _command(
        "/v1/users/{user_id}/otp/verify", "Unlock with the one-time password", MEMBER, users.verify, own=True,
        body=users.Code,
    ),
    Route(
        method="GET", path="/v1/cases", summary="Cases, those opened last first", roles=STAFF, handler=cases.listed,
        query=cases.CaseQuery, response=cases.CasePage,
    ),
    Route(
        method="GET", path="/v1/cases/{case_id}", summary="One case", roles=STAFF, handler=cases.one, response=Case,
        errors={404: "There is no such case"},
    ),
    Route(
        method="PATCH", path="/v1/cases/{case_id}", summary="Status, assignee, notes, severity", roles=STAFF,
        handler=cases.change, body=cases.CaseChange, response=Case, more={202: Pending}, once=True,
        errors={404: "There is no such case", **REFUSED},
    ),
    Route(
        method="GET", path="/v1/analytics/summary", summary="Figures, trends and the distribution of risk",
        roles=STAFF, handler=analytics.summed, query=analytics.SummaryQuery, response=Summary,
    ),
    Route(
        method="GET", path="/v1/commands/{command_id}", summary="The outcome of a command", roles=PEOPLE,
        handler=commands.outcome, response=Outcome, errors={404: "There is no outcome of it, or not yet"},
    ),
    Route(
        method="GET", path="/ws/alerts", summary="Live alerts over WebSocket", roles=STAFF, handler=live.alerts,
        query=live.LiveQuery, response=None, status=101,
        errors={426: "A WebSocket is to be asked for"},
    ),
    Route(
        method="POST", path="/v1/session", summary="Log a browser in", roles=(), handler=about.login,
        body=about.Login, response=about.LoggedIn,
        errors={401: "The name or the password is wrong", 429: "Too many wrong ones"},
    ),
    Route(
        method="GET", path="/v1/session", summary="Who asks", roles=ANYBODY, handler=about.who,
        response=about.LoggedIn,
    ),
    Route(
        method="DELETE", path="/v1/session", summary="Log the browser out", roles=ANYBODY, handler=about.logout,
        status=204,
    ),
)  # fmt: skip
