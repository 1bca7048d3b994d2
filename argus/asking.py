"""Asks a process for its health, as a container's health check does."""

import http.client
import ssl
from typing import Final

from argus.ports import LOOPBACK

WITHIN_S: Final = 4.0
TEXT_CHARS: Final = 2_000
EVERYWHERE: Final = ("", "0.0.0.0", "::")  # noqa: S104 - to be told from an address that can be asked


def ask(host: str, port: int, path: str, tls: ssl.SSLContext | None = None) -> tuple[bool, str]:
    """Whether it answers 200, and what it says; or why it cannot be asked. host: that it listens on; tls: None for
    plain HTTP."""
    place = LOOPBACK if host in EVERYWHERE else host
    connection = (
        http.client.HTTPConnection(place, port, timeout=WITHIN_S)
        if tls is None
        else http.client.HTTPSConnection(place, port, timeout=WITHIN_S, context=tls)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == 200, answer.read(TEXT_CHARS).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, f"nothing answers at {place}:{port}: {error}"
    finally:
        connection.close()
