"""What a form led to, on the next page and nowhere else."""

from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from argus.console.flash import COOKIE, TEXT_CHARS_MAX, Flash, flash_of, set_flash


def told(flash: Flash, key: str = "key") -> str:
    response = web.Response()
    set_flash(response, flash, key, secure=True)
    sent = response.headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Strict"} <= set(sent.split("; "))
    return SimpleCookie(sent)[COOKIE].value


def read(value: str, key: str = "key") -> Flash | None:
    return flash_of(make_mocked_request("GET", "/", headers={"Cookie": f"{COOKIE}={value}"}), key)


def test_it_comes_back_as_it_was() -> None:
    flash = Flash("bad", 'Grüße; "quoted", <b>bold</b>\r\nSet-Cookie: a=b')
    assert read(told(flash)) == flash
    assert len(read(told(Flash("good", "x" * 5_000))).text) == TEXT_CHARS_MAX  # type: ignore[union-attr]


@pytest.mark.parametrize("value", ["", ".", "x.y", "W10.", "é", "x" * 9_000])
def test_what_nobody_has_signed_is_not_shown(value: str) -> None:
    assert read(value) is None


def test_another_session_s_is_not_shown() -> None:
    assert read(told(Flash("good", "Done")), "another key") is None
    whole = told(Flash("good", "Done"))
    assert read(whole[:-1] + ("0" if whole[-1] != "0" else "1")) is None
