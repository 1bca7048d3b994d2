"""Passwords of console logins: scrypt, with its costs beside each hash so that they can grow."""

import hmac
import secrets
from base64 import b64decode, b64encode
from hashlib import scrypt
from typing import Final

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 256
# 32 MiB and three rounds: one of the settings that OWASP's password storage cheat sheet takes for equal.
N: Final = 2**15
R: Final = 8
P: Final = 3
SALT_BYTES: Final = 16
KEY_BYTES: Final = 32
MEMORY_MAX: Final = 128 * 1024 * 1024


class WeakPassword(ValueError):
    """A password that is not taken; the message says what is wanted."""


def hashed(password: str) -> str:
    """To be kept instead of the password. Takes a tenth of a second or more. Raises `WeakPassword`."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise WeakPassword(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    salt = secrets.token_bytes(SALT_BYTES)
    key = _key(password, salt, N, R, P)
    return f"scrypt${N}${R}${P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def matches(password: str, kept: str) -> bool:
    """Whether it is the password that was hashed."""
    _, n, r, p, salt, key = kept.split("$")
    found = _key(password[:LENGTH_MAX], b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, b64decode(key))


def nobodys() -> str:
    """A hash that no password has, to be checked where there is no account: that takes as long."""
    salt, key = bytes(SALT_BYTES), bytes(KEY_BYTES)
    return f"scrypt${N}${R}${P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = password.encode("utf-8", "surrogatepass")
    return scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=MEMORY_MAX, dklen=KEY_BYTES)
