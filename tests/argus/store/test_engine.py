import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from argus.settings import Settings, SettingsError
from argus.store.engine import database_url, exists, is_bad_row, masked, words
from argus.store.store import Store
from tests.argus.store.records import run


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgres://a:b@h/d", "postgresql://a:b@h/d"),
        ("postgresql://a:b@h:5433/d?sslmode=require", "postgresql://a:b@h:5433/d?sslmode=require"),
        ("postgresql+asyncpg://h/d", "postgresql://h/d"),
        ("sqlite:////var/argus.db", "sqlite:////var/argus.db"),
        ("sqlite+aiosqlite:///here.db", "sqlite:///here.db"),
        ("", f"sqlite:///{Path('data').absolute() / 'argus.db'}"),
        (None, f"sqlite:///{Path('data').absolute() / 'argus.db'}"),
    ],
)
def test_a_database_is_named_as_people_name_them(given: str | None, url: str) -> None:
    assert database_url(Settings(database_url=given)) == url


@pytest.mark.parametrize(
    "given",
    ["mysql://a:secret@h/d", "secret", "sqlite://", "sqlite:///:memory:", "postgresql+psycopg2://a:secret@h/d"],
)
def test_what_is_no_database_of_ours_is_refused_without_telling_it(given: str) -> None:
    with pytest.raises(SettingsError, match="database_url: expected") as refused:
        database_url(Settings(database_url=given))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://argus:secret@h:5432/d",
        "postgresql://argus:se@secret@h:5432/d",
        "postgresql://argus:secret%40@h:5432/d?sslmode=require",
        "postgresql://h:5432/d?user=argus&password=secret",
    ],
)
def test_the_log_tells_where_a_database_is_and_no_password(url: str) -> None:
    assert masked(url) == "postgresql://h:5432/d"


def test_a_sqlite_file_is_for_its_owner_alone_and_what_is_committed_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "argus.db"
    assert not exists(f"sqlite:///{path}")

    async def story(store: Store) -> None:
        async with store.reading() as connection:
            assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
            assert (await connection.execute(text("PRAGMA synchronous"))).scalar() == 2
            assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar() == 1

    run(f"sqlite:///{path}", story)
    assert path.stat().st_mode & 0o077 == 0
    assert exists(f"sqlite:///{path}")


def postgres_error(state: str) -> Exception:
    error: Any = asyncpg.PostgresError("x")
    error.sqlstate = state
    return DBAPIError("INSERT ...", {}, error)


@pytest.mark.parametrize(
    ("error", "bad"),
    [
        (postgres_error("22021"), True),  # a character that is not there
        (postgres_error("23502"), True),  # null where none may be
        (postgres_error("57P01"), False),  # shut down
        (postgres_error("53100"), False),  # disk full
        (postgres_error("40P01"), False),  # deadlock
        (postgres_error("42P01"), False),  # no such table
        (postgres_error("28P01"), False),  # wrong password
        (DBAPIError("INSERT ...", {}, sqlite3.IntegrityError("x")), True),
        (OperationalError("INSERT ...", {}, sqlite3.OperationalError("database is locked")), False),
        (ConnectionRefusedError(111, "refused"), False),
        (TimeoutError(), False),
        (OverflowError("too large"), True),
    ],
    ids=lambda value: words(value) if isinstance(value, Exception) else "",
)
def test_a_row_at_fault_is_told_from_a_database_that_is_away(error: Exception, bad: bool) -> None:
    assert is_bad_row(error) is bad


def test_what_an_error_says_leaves_out_the_statement_and_the_rows() -> None:
    said = words(DBAPIError("INSERT INTO alerts", {"user_id": "u1"}, asyncpg.PostgresError("no\nroom")))
    assert said == "PostgresError: no room"
