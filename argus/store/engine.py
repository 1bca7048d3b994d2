"""The database behind the store: its address, its engine, and what an error of it means."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from argus.broker import private
from argus.settings import Settings, SettingsError

FILE: Final = "argus.db"
BUSY_MS: Final = 10_000
CONNECT_WITHIN_S: Final = 10.0
# A statement that takes longer is given up, and tried again.
STATEMENT_WITHIN_S: Final = 60.0
POOL: Final = 5
POOL_MORE: Final = 5
WANTED: Final = "database_url: expected postgresql://user:password@host/name or sqlite:///path"
# SQLSTATE classes of what is wrong with a row, and not with the database: data exceptions and broken constraints.
BAD_ROW_CLASSES: Final = ("22", "23")


def database_url(settings: Settings) -> str:
    """`postgresql://...` or `sqlite:///path`, whichever driver the setting names. Raises `SettingsError`, which never
    tells the password."""
    given = settings.database_url
    if not given:
        return f"sqlite:///{settings.data_dir.absolute() / FILE}"
    try:
        url = make_url(given)
    except ArgumentError:
        raise SettingsError(WANTED) from None
    backend, _, driver = url.drivername.partition("+")
    if backend in ("postgres", "postgresql") and driver in ("", "asyncpg"):
        # As it was given: asyncpg reads what libpq reads, `sslmode` for example.
        return "postgresql://" + given.partition("://")[2]
    if backend == "sqlite" and driver in ("", "aiosqlite") and url.database and url.database != ":memory:":
        return f"sqlite:///{url.database}"
    raise SettingsError(f"{WANTED}, not {url.drivername}://")


def exists(url: str) -> bool:
    """Whether there can be anything in the database: a SQLite file that is not there is made when it is opened."""
    return not url.startswith("sqlite:") or Path(url.removeprefix("sqlite:///")).exists()


def masked(url: str) -> str:
    """For the log: where the database is, and nothing that lets anybody in."""
    at = make_url(url)
    port = f":{at.port}" if at.port else ""
    # A password with an `@` that is not escaped would run on into the host.
    return f"{at.drivername}://{(at.host or '').rpartition('@')[2]}{port}/{at.database or ''}"


def words(error: BaseException) -> str:
    """What an error says, in one line, without the statement and the rows that it was about."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split())[:300]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def open_engine(url: str) -> AsyncEngine:
    """An engine for an address from `database_url`; nothing is connected yet."""
    if url.startswith("postgresql://"):
        connect = partial(
            asyncpg.connect,
            url,
            timeout=CONNECT_WITHIN_S,
            command_timeout=STATEMENT_WITHIN_S,
            server_settings={"application_name": "argus"},
        )
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=POOL,
            max_overflow=POOL_MORE,
            hide_parameters=True,
        )
    path = url.removeprefix("sqlite:///")
    with open(path, "ab", opener=private):
        pass
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", connect_args={"timeout": BUSY_MS / 1_000}, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Readers and the one writer do not wait for each other; a commit has reached the disk when it returns."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def is_bad_row(error: Exception) -> bool:
    """Whether a row is at fault, so that trying again is in vain. Anything else passes, or has to be put right by
    whoever runs the database: it is waited for."""
    if isinstance(error, DBAPIError):
        cause: Any = error.orig
        while cause is not None:
            state = getattr(cause, "sqlstate", None)
            if isinstance(state, str):
                return state[:2] in BAD_ROW_CLASSES
            if isinstance(cause, asyncpg.exceptions.DataError | sqlite3.IntegrityError | sqlite3.DataError):
                return True
            cause = cause.__cause__
        return False
    return isinstance(error, ValueError | TypeError | OverflowError) and not isinstance(error, PoolTimeoutError)
