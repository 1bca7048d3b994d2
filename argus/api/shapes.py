"""The shapes that events come in: one, a list, newline-delimited JSON, and CloudEvents 1.0 (one, a batch, or in the
headers). Each becomes the raw records that the stream reads; whether they are events is not decided here."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

CLOUD: Final = "application/cloudevents"
LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
CLOUD_VERSION: Final = b'"specversion"'
BOM: Final = b"\xef\xbb\xbf"

_raws: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class NotInShape(Exception):
    """The body is in none of the shapes; one sentence for people."""


def records(body: bytes, content_type: str, headers: Mapping[str, str]) -> list[bytes]:
    """The records in a body, each as it came, a CloudEvent as the event that it holds. content_type: in small
    letters, without parameters. Raises `NotInShape`."""
    if "ce-specversion" in headers:
        return [_opened(_from_headers(headers), _data(body))]
    found = _cut(body, content_type)
    if content_type.startswith(CLOUD):
        return [_from_cloud(raw) for raw in found]
    return [_from_cloud(raw) if CLOUD_VERSION in raw and _is_cloud(raw) else raw for raw in found]


def _cut(body: bytes, content_type: str) -> list[bytes]:
    text = body.strip(b" \t\r\n")
    if not text:
        raise NotInShape("The body is empty")
    if text.startswith(BOM):
        raise NotInShape("The body begins with a byte order mark, which is not JSON")
    if content_type in LINES:
        return [line for line in text.splitlines() if line.strip()]
    if text.startswith(b"["):
        try:
            return [bytes(raw) for raw in _raws(text)]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NotInShape(f"The list is not JSON: {error}") from None
    if b"\n" in text and content_type not in ("application/json", f"{CLOUD}+json"):
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except (msgspec.MsgspecError, RecursionError):
            return [line for line in text.splitlines() if line.strip()]
    return [text]


def _is_cloud(raw: bytes) -> bool:
    try:
        return "specversion" in _object(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _from_cloud(raw: bytes) -> bytes:
    try:
        envelope = _object(raw)
        if "data_base64" in envelope:
            data: Any = _data(b64decode(str(envelope["data_base64"]), validate=True))
        else:
            data = envelope.get("data")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise NotInShape(f"The CloudEvent cannot be read: {error}") from None
    return _opened(envelope, data)


def _from_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """What a header cannot hold as it is, is percent-encoded UTF-8 there."""
    told = {name[3:]: text for name, text in headers.items() if name.startswith("ce-")}
    try:
        for text in told.values():
            text.encode()  # a byte that is no UTF-8 came as half a character
        return {name: unquote(text, errors="strict") for name, text in told.items()}
    except UnicodeError:
        raise NotInShape("A header of the CloudEvent is not percent-encoded UTF-8") from None


def _opened(envelope: Mapping[str, Any], data: Any) -> bytes:
    """The event in the envelope. What the event leaves out is taken from the envelope: `id` is its event_id, `time`
    its time, `subject` its user_id, and the last part of `type` its type."""
    if envelope.get("specversion") != "1.0":
        raise NotInShape("The CloudEvent's specversion is not 1.0")
    if not isinstance(data, dict):
        raise NotInShape("The CloudEvent's data is no JSON object")
    given = {
        "event_id": envelope.get("id"),
        "time": envelope.get("time"),
        "user_id": envelope.get("subject"),
        "type": str(envelope.get("type", "")).rpartition(".")[2] or None,
    }
    return msgspec.json.encode({name: value for name, value in given.items() if value is not None} | data)


def _data(body: bytes) -> Any:
    try:
        str(body, "utf-8")
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotInShape(f"The CloudEvent's data is not JSON: {error}") from None
