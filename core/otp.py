"""One-time passwords: six digits that are derived, never stored.

A code is an HMAC of the user and the command that asked for it (truncated as in RFC 4226), so whatever is processed
again gives the same one. What asks about a code, and what is kept of it, is another HMAC of it, which tells nothing
to anybody without the key.
"""

import hmac
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from core.clock import MINUTE

DIGITS: Final = 6
VALID_MS: Final = 5 * MINUTE
TRIES: Final = 5
# So many codes within so long; it bounds guesses, and what is sent.
CODES_MAX: Final = 3
CODES_MS: Final = 15 * MINUTE

Check = Literal["passed", "wrong", "void", "expired", "none"]


class Otp(Struct, array_like=True, frozen=True, gc=False):
    """The newest code of a user. digest: its keyed hash, empty once it is used or void; tries: left; sent_ms: of the
    newest codes, `CODES_MAX` at most."""

    digest: bytes
    expires_ms: int
    tries: int
    sent_ms: tuple[int, ...]


def code(key: bytes, user_id: str, command_id: str) -> str:
    """The code that the command `otp_request` with this id gives the user. key: kept by who may know codes."""
    digest = _digest(key, b"code", user_id, command_id)
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def otp_hash(key: bytes, user_id: str, code: str) -> str:
    """What the command `otp_verify` carries instead of the code that somebody typed: 64 hex digits."""
    return _digest(key, b"hash", user_id, code).hex()


def may_issue(otp: Otp | None, time_ms: int) -> bool:
    """Whether the user may have another code."""
    return otp is None or sum(abs(time_ms - sent_ms) < CODES_MS for sent_ms in otp.sent_ms) < CODES_MAX


def issue(otp: Otp | None, key: bytes, user_id: str, command_id: str, time_ms: int) -> Otp:
    """A new code, in place of the one before."""
    digest = _digest(key, b"hash", user_id, code(key, user_id, command_id))
    sent_ms = (*(otp.sent_ms if otp is not None else ()), time_ms)[-CODES_MAX:]
    return Otp(digest, time_ms + VALID_MS, TRIES, sent_ms)


def check(otp: Otp | None, hashed: str, time_ms: int) -> tuple[Check, Otp | None]:
    """Whether `hashed` is the `otp_hash` of the user's code, and what is kept of the code after that.

    A code that has passed, or was not guessed in `TRIES`, is gone; one that is over is not compared at all. The
    comparison takes as long whatever it is given.
    """
    if otp is None or not otp.digest:
        return ("void" if otp is not None and not otp.tries else "none"), otp
    if time_ms >= otp.expires_ms:
        return "expired", otp
    if hmac.compare_digest(otp.digest.hex().encode(), hashed.encode()):
        return "passed", Otp(b"", otp.expires_ms, otp.tries, otp.sent_ms)
    tries = otp.tries - 1
    return ("wrong" if tries else "void"), Otp(otp.digest if tries else b"", otp.expires_ms, tries, otp.sent_ms)


def _digest(key: bytes, purpose: bytes, user_id: str, text: str) -> bytes:
    user = user_id.encode()
    return hmac.digest(key, b"%b:%d:%b%b" % (purpose, len(user), user, text.encode()), sha256)
