"""What a form led to, told once on the next page: in a cookie, so that any process can tell it, signed with the
session's own CSRF token, so that nobody else can make one up."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, Literal

import msgspec
from aiohttp import web
from msgspec import Struct

COOKIE: Final = "argus_flash"
KEPT_S: Final = 60
TEXT_CHARS_MAX: Final = 600
COOKIE_CHARS_MAX: Final = 4_000
FLAGS: Final = "Path=/; HttpOnly; SameSite=Strict"


class Flash(Struct, frozen=True, array_like=True):
    """kind: `good` it is done, `wait` it was sent and the outcome is not there yet, `bad` it was refused."""

    kind: Literal["good", "wait", "bad"]
    text: str


def set_flash(response: web.StreamResponse, flash: Flash, key: str, *, secure: bool) -> None:
    """key: the session's CSRF token."""
    told = urlsafe_b64encode(msgspec.json.encode(Flash(flash.kind, flash.text[:TEXT_CHARS_MAX]))).decode()
    more = "; Secure" if secure else ""
    response.headers.add("Set-Cookie", f"{COOKIE}={told}.{_signed(told, key)}; Max-Age={KEPT_S}; {FLAGS}{more}")


def clear_flash(response: web.StreamResponse) -> None:
    response.headers.add("Set-Cookie", f"{COOKIE}=; Max-Age=0; {FLAGS}")


def flash_of(request: web.Request, key: str) -> Flash | None:
    """None too for one that another session has made."""
    told, _, signature = request.cookies.get(COOKIE, "")[:COOKIE_CHARS_MAX].partition(".")
    if not told or not hmac.compare_digest(signature.encode("utf-8", "replace"), _signed(told, key).encode()):
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(told), type=Flash)
    except (ValueError, msgspec.MsgspecError):
        return None


def _signed(told: str, key: str) -> str:
    return hmac.digest(key.encode(), told.encode("utf-8", "replace"), sha256).hex()
