"""Pages of rows that are newest first: where one ends, as a text that the next one is asked for with."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

LIMIT_MAX: Final = 500
Item = TypeVar("Item")


class BadCursor(ValueError):
    """A cursor that no page has given out."""


class Page(Struct, Generic[Item], frozen=True):
    """next: the cursor of the page behind this one, None where there is none. New rows come before the first page and
    never shift the others."""

    items: list[Item]
    next: str | None


class Place(Struct, array_like=True, frozen=True):
    """A row's place in the order: its time, and its id among those of one time."""

    time_ms: int
    id: str


def cursor_of(place: Place) -> str:
    """Opaque, and fit for a URL."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Raises `BadCursor`."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = msgspec.json.decode(urlsafe_b64decode(padded), type=Place)
    except (ValueError, msgspec.MsgspecError):
        raise BadCursor("the cursor is none that a page has given out") from None
    if abs(place.time_ms) >= 2**63 or "\0" in place.id:
        raise BadCursor("the cursor is none that a page has given out")
    return place


async def page(
    connection: AsyncConnection,
    query: Select[Any],
    order: tuple[ColumnElement[int], ColumnElement[str]],
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[Any], str | None]:
    """The rows of a query (which selects both columns of `order`), newest first, and the cursor of the next page."""
    limit = max(1, min(limit, LIMIT_MAX))
    time, id_ = order
    if cursor is not None:
        place = place_of(cursor)
        query = query.where(tuple_(time, id_) < (place.time_ms, place.id))
    rows = (await connection.execute(query.order_by(time.desc(), id_.desc()).limit(limit + 1))).all()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]._mapping  # noqa: SLF001 - the public way to a row's columns by name
    return rows[:limit], cursor_of(Place(last[time], last[id_]))
