"""One row of the table of paths, and what a handler is called with."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from aiohttp import web
from msgspec import Struct

from argus.api.scopes import needed

if TYPE_CHECKING:
    from argus.api.services import Services

Role = Literal["service", "member", "analyst", "admin"]
ROLES: Final[tuple[str, ...]] = get_args(Role)
SMALL_BODY_BYTES: Final = 64 * 1024


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks. user: the token's subject, for a member the user whose account it is; key: what rates go by;
    expires_s: when the token ends, in seconds since the epoch; csrf: for a session, what its requests must carry;
    scopes: what the token is narrowed to, None where its role is all that counts."""

    role: Role
    user: str
    key: str
    expires_s: float
    csrf: str | None = None
    scopes: frozenset[str] | None = None


class Call(Struct, frozen=True, kw_only=True):
    """One request, checked. query and body: of the types that the route names; body: bytes where it names `bytes`."""

    request: web.Request
    services: "Services"
    caller: Caller
    path: Mapping[str, str]
    query: Any = None
    body: Any = None


class Reply(Struct, frozen=True):
    """An answer that is not simply 200 with a body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Route(Struct, frozen=True, kw_only=True):
    """roles: who may ask, nobody in particular where it is empty; own: a member may for the `user_id` in the path
    only if it is its own; handler: answers a record of the type `response`, or a `Reply`; body: a struct, or `bytes`
    for what the handler reads itself; optional: whether a body may be left out; once: whether an `Idempotency-Key`
    is heeded; errors: problems of its own, by status."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    summary: str
    roles: tuple[Role, ...]
    handler: Callable[[Call], Awaitable[Any]]
    own: bool = False
    query: type[Struct] | None = None
    body: Any = None
    optional: bool = False
    response: Any = None
    status: int = 200
    more: Mapping[int, Any] = {}
    errors: Mapping[int, str] = {}
    once: bool = False
    large: bool = False

    @property
    def public(self) -> bool:
        return not self.roles

    @property
    def scope(self) -> str | None:
        """What a token that is narrowed must name."""
        return None if self.public else needed(self.method, self.path)
