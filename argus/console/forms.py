"""Forms that browsers post: read within bounds, and their fields as the struct that an API handler takes."""

from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from msgspec import Struct
from multidict import MultiDict, MultiDictProxy

from argus.api.guard import body_of
from argus.api.problems import Fault, Problem
from argus.api.route import SMALL_BODY_BYTES
from argus.api.services import Services

FORM: Final = "application/x-www-form-urlencoded"
FIELDS_MAX: Final = 200
# What a browser says of where a request comes from, in those that have no Origin header.
FOREIGN: Final = ("cross-site", "same-site")

Fields = MultiDictProxy[str]
EMPTY: Final[Fields] = MultiDictProxy(MultiDict())
Body = TypeVar("Body", bound=Struct)


async def read_form(services: Services, request: web.Request) -> Fields:
    """Line ends as `\\n`. Raises a `Problem`."""
    if request.content_type != FORM:
        raise Problem(415, "not-a-form", f"A form is posted as {FORM}")
    body = await body_of(services, request, SMALL_BODY_BYTES)
    try:
        pairs = parse_qsl(str(body, "utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise Problem(400, "invalid", "The form cannot be read") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Problem(400, "invalid", "A NUL character is not text")
    return MultiDictProxy(MultiDict((name, value.replace("\r\n", "\n")) for name, value in pairs))


def check_ours(services: Services, request: web.Request) -> None:
    """Raises a `Problem` where a browser says that another site's page asks."""
    services.sessions.check_origin(request)
    if "Origin" not in request.headers and request.headers.get("Sec-Fetch-Site") in FOREIGN:
        raise Problem(403, "csrf", "Another site's page asks")


def filled(type_: type[Body], fields: dict[str, Any]) -> Body:
    """The struct, checked as the API checks its JSON; texts become numbers where the struct has some, and what was
    left empty is left out. Raises a `Problem`."""
    given = {name: value for name, value in fields.items() if value not in ("", None, [])}
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        where = where.strip("`").removeprefix("$.")
        fault = Fault(reason=reason, where=where or None)
        raise Problem(400, "invalid", f"{where}: {reason}" if where else reason, errors=[fault]) from None
