"""A user's newest payments, for labels that come days or weeks later: which, when, and at which merchant.

They are bytes, since a state is read and written with every event and labels are rare: for each payment its time in
seconds (4 bytes), the first half of its event's key (4), the length of the merchant's id (1) and the id in UTF-8, in
order of arrival. A few dozen are told apart by half a key.
"""

from typing import Final

MERCHANT_MAX_BYTES: Final = 192
TIME_BYTES: Final = 4
KEY_BYTES: Final = 4
HEAD_BYTES: Final = TIME_BYTES + KEY_BYTES + 1


def keep_receipt(receipts: bytes, time_s: int, key: bytes, merchant: str, most_bytes: int) -> bytes:
    """The receipts with one more; the oldest make room. A merchant with an id too long to keep is told as none."""
    text = merchant.encode()
    if len(text) > MERCHANT_MAX_BYTES:
        text = b""
    receipts += time_s.to_bytes(TIME_BYTES, "big") + key[:KEY_BYTES] + bytes((len(text),)) + text
    start = 0
    while len(receipts) - start > most_bytes:
        start += HEAD_BYTES + receipts[start + HEAD_BYTES - 1]
    return receipts[start:] if start else receipts


def find_receipt(receipts: bytes, key: bytes) -> tuple[int, str] | None:
    """The time in seconds and the merchant of the payment with this event key, the newest of several. The merchant is
    empty where there was none."""
    found = None
    start = 0
    while start < len(receipts):
        text_at = start + HEAD_BYTES
        end = text_at + receipts[text_at - 1]
        if receipts[start + TIME_BYTES : text_at - 1] == key[:KEY_BYTES]:
            found = int.from_bytes(receipts[start : start + TIME_BYTES], "big"), receipts[text_at:end].decode()
        start = end
    return found
