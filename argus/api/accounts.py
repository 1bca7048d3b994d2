"""Console logins in the database."""

import time
from typing import Final, cast

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from argus.api.passwords import hashed
from argus.api.route import Role
from argus.store.store import Store
from argus.store.tables import accounts, sessions
from core.records import ID_MAX_CHARS

ROLES: Final = ("member", "analyst", "admin")


class AccountError(Exception):
    """An account that cannot be made; the message says why."""


class WrongAccount(AccountError):
    """None like this can be, whatever accounts there are."""


class Account(Struct, frozen=True):
    """user: whose requests are made with it: a member's own user id, anybody else's name."""

    name: str
    role: Role
    user: str
    password: str


async def find(store: Store, name: str) -> Account | None:
    async with store.reading() as connection:
        row = (await connection.execute(select(*accounts.c).where(accounts.c.name == name))).first()
    if row is None:
        return None
    return Account(row.name, cast("Role", row.role), row.user_id or row.name, row.password)


async def create(
    store: Store, name: str, role: str, user_id: str | None, password: str, *, replace: bool = False
) -> None:
    """replace: an account of that name gets the new role and password, and is logged out everywhere. Raises
    `WrongAccount`, `argus.api.passwords.WeakPassword` and, where there is one already, `AccountError`."""
    if not 1 <= len(name) <= ID_MAX_CHARS or not name.isprintable() or name != name.strip():
        raise WrongAccount(
            f"a name has 1 to {ID_MAX_CHARS} characters that can be printed, and no spaces around them"
        )
    if role not in ROLES:
        raise WrongAccount(f"role is none of {', '.join(ROLES)}")
    if (role == "member") != (user_id is not None):
        raise WrongAccount("a member's login needs the user id that it is for, and nobody else's has one")
    if user_id is not None and (not 1 <= len(user_id) <= ID_MAX_CHARS or "\0" in user_id):
        raise WrongAccount(f"a user id has 1 to {ID_MAX_CHARS} characters")
    row = {
        "name": name,
        "role": role,
        "user_id": user_id,
        "password": hashed(password),
        "created_ms": time.time_ns() // 1_000_000,
    }
    try:
        async with store.writing() as connection:
            if replace:
                await connection.execute(delete(accounts).where(accounts.c.name == name))
                await connection.execute(delete(sessions).where(sessions.c.name == name))
            await connection.execute(insert(accounts).values(**row))
    except IntegrityError:
        raise AccountError(f"there is an account {name!r} already: --replace gives it a new password") from None
