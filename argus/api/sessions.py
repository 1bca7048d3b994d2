"""Logged-in browsers: a random cookie that only the browser knows, kept as its hash in the database, and a token
against forged requests that goes with it.

    session = await sessions.login(name, password)      # None: wrong name or password
    sessions.set_cookie(response, session)
    caller = await sessions.caller(request)             # a Caller whose `csrf` goes into each form, or None
    sessions.check_csrf(request, caller, form_token)    # raises a Problem of 403
    await sessions.logout(request); sessions.clear_cookie(response)
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Struct
from sqlalchemy import delete, insert, select

from argus.api import accounts
from argus.api.passwords import matches, nobodys
from argus.api.problems import Problem
from argus.api.route import Caller, Role
from argus.secret import derived_key
from argus.store import tables
from argus.store.store import Store

COOKIE: Final = "argus_session"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
TOKEN_BYTES: Final = 32
COOKIE_CHARS_MAX: Final = 64
# Each check of a password takes 32 MiB and a core for a while.
CHECKS_AT_ONCE: Final = 2
SAFE: Final = ("GET", "HEAD", "OPTIONS")


class Session(Struct, frozen=True):
    """token: for the cookie, nowhere else."""

    token: str
    caller: Caller


class Sessions:
    """public_url: where browsers find the console; only_tls: cookies are sent over nothing else."""

    def __init__(
        self,
        store: Store,
        secret: str,
        *,
        public_url: str,
        only_tls: bool,
        lifetime_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._key = derived_key(secret, b"csrf")
        self._origin = _origin(public_url)
        self._secure = only_tls
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def login(self, name: str, password: str) -> Session | None:
        """A new session. None for a wrong name or password, which take as long as right ones."""
        account = await accounts.find(self._store, name) if _plain(name) else None
        async with self._checks:
            right = await asyncio.to_thread(matches, password, account.password if account else nobodys())
        if account is None or not right:
            return None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now_ms = int(self._clock() * 1_000)
        expires_ms = now_ms + int(self._lifetime_s * 1_000)
        row = {"session": _hash(token), "name": name, "created_ms": now_ms, "expires_ms": expires_ms}
        async with self._store.writing() as connection:
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.expires_ms <= now_ms))
            await connection.execute(insert(tables.sessions).values(**row))
        return Session(token, self._caller(token, account.role, account.user, expires_ms))

    async def claimed(self, name: str) -> str:
        """Whose login was tried, as events name it: a member's own user id, else the name behind `console:`."""
        account = await accounts.find(self._store, name) if _plain(name) else None
        return account.user if account is not None and account.role == "member" else f"console:{name}"

    async def caller(self, request: web.Request) -> Caller | None:
        """Whose browser it is, None where nobody is logged in."""
        token = request.cookies.get(COOKIE, "")
        if not token or len(token) > COOKIE_CHARS_MAX or not token.isascii():
            return None
        known = tables.accounts.c
        query = (
            select(known.role, known.name, known.user_id, tables.sessions.c.expires_ms)
            .join_from(tables.sessions, tables.accounts, tables.sessions.c.name == known.name)
            .where(
                tables.sessions.c.session == _hash(token), tables.sessions.c.expires_ms > int(self._clock() * 1_000)
            )
        )
        async with self._store.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else self._caller(token, row.role, row.user_id or row.name, row.expires_ms)

    async def logout(self, request: web.Request) -> None:
        """The cookie is worth nothing any more, wherever it is."""
        token = request.cookies.get(COOKIE, "")
        if token:
            async with self._store.writing() as connection:
                await connection.execute(delete(tables.sessions).where(tables.sessions.c.session == _hash(token)))

    def cookie(self, session: Session) -> str:
        """The value of a Set-Cookie header."""
        return self._set_cookie(session.token, int(self._lifetime_s))

    def no_cookie(self) -> str:
        """The value of a Set-Cookie header that takes the cookie away."""
        return self._set_cookie("", 0)

    def set_cookie(self, response: web.StreamResponse, session: Session) -> None:
        response.headers.add("Set-Cookie", self.cookie(session))

    def clear_cookie(self, response: web.StreamResponse) -> None:
        response.headers.add("Set-Cookie", self.no_cookie())

    def _set_cookie(self, value: str, age_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE}={value}; Max-Age={age_s}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def check_csrf(self, request: web.Request, caller: Caller, form_token: str | None = None) -> None:
        """Whether a page of ours asks. form_token: the field `csrf_token` of a form, where there is no header. Raises
        a `Problem`."""
        self.check_origin(request)
        if caller.csrf is None or request.method in SAFE:
            return
        given = request.headers.get(CSRF_HEADER) or form_token or ""
        if not hmac.compare_digest(given.encode("utf-8", "replace"), caller.csrf.encode()):
            raise Problem(403, "csrf", f"The {CSRF_HEADER} header is missing or not the session's")

    def check_origin(self, request: web.Request) -> None:
        """Raises a `Problem` where a browser says that another site's page asks."""
        origin = request.headers.get("Origin")
        if origin is not None and origin not in (self._origin, f"{request.scheme}://{request.host}"):
            raise Problem(403, "csrf", "Another site's page asks")

    def _caller(self, token: str, role: Role, user: str, expires_ms: int) -> Caller:
        csrf = hmac.digest(self._key, token.encode(), sha256).hex()
        return Caller(role=role, user=user, key=f"{role}:{user}", expires_s=expires_ms / 1_000, csrf=csrf)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _plain(name: str) -> bool:
    return 1 <= len(name) <= 128 and "\0" not in name and name.isprintable()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
