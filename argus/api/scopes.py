"""Scopes: what a token is narrowed to within its role. They add nothing to a role, and a token without them has all
that its role has."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

SCOPES: Final[Mapping[str, str]] = {
    "events:write": "send events",
    "score:write": "ask for scores",
    "alerts:read": "see alerts, and listen to live ones",
    "alerts:write": "acknowledge, resolve and dispute alerts",
    "users:read": "see users",
    "users:write": "lock and unlock, and one-time passwords",
    "cases:read": "see cases",
    "cases:write": "work on cases",
    "analytics:read": "see figures",
}
# Scopes of OpenID Connect: they say what an issuer tells of a person, and nothing about Argus.
OPENID: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
# The first part of a path, where the scope has another name.
NAMED: Final[Mapping[str, str]] = {"risk_score": "score", "ws": "alerts"}
# Whoever has any token may see whose it is, and what became of a command of its own.
FREE: Final = frozenset({"session", "commands"})


class BadScope(ValueError):
    """A claim that cannot be read."""


def needed(method: str, path: str) -> str | None:
    """The scope that a path of the table takes, None where any will do."""
    first = path.removeprefix("/v1").strip("/").partition("/")[0]
    if first in FREE:
        return None
    return f"{NAMED.get(first, first)}:{'read' if method == 'GET' else 'write'}"


def granted(claim: Any) -> frozenset[str] | None:
    """What the claim `scope` leaves of a role: names with spaces between, or a list of them; None where it says
    nothing about Argus. A name that is not ours gives nothing, so a claim of wrong names gives nothing at all.
    Raises `BadScope`."""
    if claim is None:
        return None
    names = claim.split() if isinstance(claim, str) else claim
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadScope("scope is neither text nor a list of texts")
    if names and OPENID.issuperset(names):
        return None
    return frozenset(names) & frozenset(SCOPES)


def written(names: Iterable[str]) -> str:
    """The claim. Raises `BadScope` for a name that is none."""
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in SCOPES:
            raise BadScope(f"no scope {name!r}; there are {', '.join(SCOPES)}")
    return " ".join(found)
