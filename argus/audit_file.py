"""Audit records in a file, a line each; an export ends with a seal that tells, signed, where each chain ended."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

import msgspec
from msgspec import Struct

from core.audit import Broken, canonical, signature_of

SEAL_BEGINS: Final = b'{"seal":'
UNSIGNED: Final = ""


class Ends(Struct, forbid_unknown_fields=True):
    """ends: sequence and hash of each partition's last record."""

    ends: dict[str, tuple[int, str]]
    records: int
    time: str


class Seal(Struct, forbid_unknown_fields=True):
    """The last line of an export."""

    seal: Ends
    signature: str


_decode = msgspec.json.Decoder(Seal).decode


def seal(ends: Mapping[int, tuple[int, str]], records: int, time: str, key: bytes | None) -> bytes:
    """The line. key: None where an unsigned one must do."""
    contents = Ends({str(partition): end for partition, end in ends.items()}, records, time)
    return canonical(Seal(contents, _signature(contents, key)))


def read_seal(line: bytes, key: bytes | None) -> dict[int, tuple[int, str]]:
    """Where each chain ended. Raises `Broken`."""
    try:
        found = _decode(line)
        ends = {int(partition): end for partition, end in found.seal.ends.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Broken(f"it is no seal: {error}") from None
    if canonical(found) != line:
        raise Broken("the seal is not in canonical form")
    if key is not None and not compare_digest(found.signature, _signature(found.seal, key)):
        raise Broken("the seal was not made with this secret")
    return ends


def _signature(contents: Ends, key: bytes | None) -> str:
    return UNSIGNED if key is None else signature_of(canonical(contents).decode(), key)
