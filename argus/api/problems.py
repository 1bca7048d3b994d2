"""Errors as problem documents (RFC 9457): one exception that carries all that a client may be told."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from core.records import Outcome

CONTENT_TYPE: Final = "application/problem+json"
PREFIX: Final = "urn:argus:problem:"
FAULTS_MAX: Final = 100


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong. index: of an event in a list, from 0; where: a field or a parameter."""

    reason: str
    error: str = "invalid"
    index: int | None = None
    event_id: str | None = None
    where: str | None = None


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong. type: stable, to branch on; instance: the request's id, which the log has too."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: list[Fault] = []
    outcome: Outcome | None = None


class Problem(Exception):
    """Ends a request. name: the last part of its `type`; errors: each reason, the first `FAULTS_MAX` are told."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        outcome: Outcome | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {name}: {detail}")
        self.status = status
        self.name = name
        self.detail = detail
        self.errors = errors
        self.outcome = outcome
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> bytes:
        return msgspec.json.encode(
            ProblemDocument(
                type=PREFIX + self.name,
                title=HTTPStatus(self.status).phrase,
                status=self.status,
                detail=self.detail,
                instance=f"urn:argus:request:{request_id}",
                errors=list(self.errors[:FAULTS_MAX]),
                outcome=self.outcome,
            )
        )


def unavailable(detail: str, retry_after_s: int = 5) -> Problem:
    """What is needed to answer is away, and may be back soon."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(retry_after_s)})


def not_found(detail: str) -> Problem:
    return Problem(404, "not-found", detail)


def invalid(reason: str, where: str | None = None) -> Problem:
    """One thing is wrong with what was asked."""
    return Problem(400, "invalid", reason, errors=[Fault(reason=reason, where=where)])
