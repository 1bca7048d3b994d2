from core.bounds import RECEIPTS_BYTES
from core.receipts import MERCHANT_MAX_BYTES, find_receipt, keep_receipt


def key(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(4)


def test_a_label_finds_the_merchant_of_its_payment() -> None:
    receipts = keep_receipt(b"", 10, key(1), "m1", 512)
    receipts = keep_receipt(receipts, 20, key(2), "", 512)
    receipts = keep_receipt(receipts, 30, key(3), "Bäckerei", 512)
    assert find_receipt(receipts, key(1)) == (10, "m1")
    assert find_receipt(receipts, key(2)) == (20, "")
    assert find_receipt(receipts, key(3)) == (30, "Bäckerei")
    assert find_receipt(receipts, key(4)) is None
    assert find_receipt(b"", key(1)) is None


def test_the_oldest_make_room() -> None:
    receipts = b""
    for number in range(100):
        receipts = keep_receipt(receipts, number, key(number), f"m{number}", 200)
        assert len(receipts) <= 200
    kept = [number for number in range(100) if find_receipt(receipts, key(number))]
    assert kept == list(range(84, 100))


def test_four_payments_a_day_are_remembered_for_nine_days() -> None:
    receipts = b""
    for number in range(4 * 9):
        receipts = keep_receipt(receipts, number, key(number), f"m{number:04}", RECEIPTS_BYTES)
    assert find_receipt(receipts, key(0)) == (0, "m0000")


def test_an_id_too_long_to_keep_is_none() -> None:
    assert find_receipt(keep_receipt(b"", 1, key(1), "ü" * MERCHANT_MAX_BYTES, 512), key(1)) == (1, "")


def test_a_key_is_not_found_in_the_middle_of_others() -> None:
    receipts = keep_receipt(b"", 0, key(5), "m" + key(7).decode() + "m", 512)
    assert find_receipt(receipts, key(7)) is None
