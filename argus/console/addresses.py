"""Addresses within the console: ids in paths, and where to go on that came from outside."""

from typing import Final
from urllib.parse import quote

HOME: Final = "/"
CHARS_MAX: Final = 2_000


def quoted(id_: str) -> str:
    """An id as one part of a path, whatever is in it."""
    return quote(id_, safe="")


def inside(address: str | None) -> str:
    """The address if it is a path of ours, else the first page: nobody is sent elsewhere by a made-up link. Browsers
    take `//host` and `/\\host` for other hosts, and leave out tabs and line ends."""
    if not address or len(address) > CHARS_MAX or not address.startswith("/") or address[1:2] in ("/", "\\"):
        return HOME
    if "\\" in address or not address.isascii() or not address.isprintable():
        return HOME
    return address
