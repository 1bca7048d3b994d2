from collections import Counter

import pytest

from core.clock import MINUTE
from core.otp import CODES_MAX, CODES_MS, TRIES, VALID_MS, Otp, check, code, issue, may_issue, otp_hash

KEY = b"k" * 32
START = 1_772_442_000_000


def wrong(number: int = 0) -> str:
    right = code(KEY, "u1", "c1")
    return otp_hash(KEY, "u1", f"{(int(right) + 1 + number) % 1_000_000:06}")


def right() -> str:
    return otp_hash(KEY, "u1", code(KEY, "u1", "c1"))


def test_a_code_is_six_digits_and_always_the_same_for_its_key_user_and_command() -> None:
    codes = {code(key, user, command) for key in (KEY, b"x") for user in ("u1", "u2") for command in ("c1", "c2")}
    assert len(codes) == 8
    assert all(len(one) == 6 and one.isdigit() and one.isascii() for one in codes)
    assert code(KEY, "u1", "c1") == code(KEY, "u1", "c1")


def test_where_the_user_ends_and_the_command_begins_matters() -> None:
    assert code(KEY, "u", "1c1") != code(KEY, "u1", "c1")
    assert otp_hash(KEY, "u", "1123456") != otp_hash(KEY, "u1", "123456")


def test_digits_are_spread_evenly_and_may_begin_with_zero() -> None:
    codes = [code(KEY, "u1", str(number)) for number in range(5_000)]
    first = Counter(one[0] for one in codes)
    assert set(first) == set("0123456789")
    assert max(first.values()) < 600
    assert len(set(codes)) > 4_950


def test_what_is_kept_and_what_is_carried_tell_nothing_of_the_code() -> None:
    otp = issue(None, KEY, "u1", "c1", START)
    assert otp.digest.hex() == right()
    assert code(KEY, "u1", "c1") not in right()
    assert otp_hash(b"another key", "u1", code(KEY, "u1", "c1")) != right()


def test_the_right_code_passes_once() -> None:
    otp = issue(None, KEY, "u1", "c1", START)
    passed, after = check(otp, right(), START + 1)
    assert passed == "passed"
    assert check(after, right(), START + 2) == ("none", after)


def test_a_code_is_valid_for_five_minutes() -> None:
    otp = issue(None, KEY, "u1", "c1", START)
    assert otp.expires_ms - START == VALID_MS == 5 * MINUTE
    assert check(otp, right(), START + VALID_MS - 1)[0] == "passed"
    assert check(otp, right(), START + VALID_MS) == ("expired", otp)


def test_five_wrong_codes_void_it_and_the_right_one_comes_too_late() -> None:
    otp: Otp | None = issue(None, KEY, "u1", "c1", START)
    said = []
    for number in range(TRIES + 1):
        found, otp = check(otp, wrong(number), START + number)
        said.append(found)
    assert said == ["wrong"] * 4 + ["void", "void"]
    assert otp is not None
    assert otp.digest == b""
    assert check(otp, right(), START + 9)[0] == "void"


def test_the_right_code_passes_at_the_last_try() -> None:
    otp: Otp | None = issue(None, KEY, "u1", "c1", START)
    for number in range(TRIES - 1):
        _, otp = check(otp, wrong(number), START)
    assert check(otp, right(), START)[0] == "passed"


def test_without_a_code_nothing_passes() -> None:
    assert check(None, right(), START) == ("none", None)


@pytest.mark.parametrize("hashed", ["", "\N{GRINNING FACE}", "0" * 2_048, "zz"])
def test_a_hash_that_is_none_is_wrong(hashed: str) -> None:
    assert check(issue(None, KEY, "u1", "c1", START), hashed, START)[0] == "wrong"


def test_a_new_code_takes_the_place_of_the_old_one() -> None:
    otp = issue(issue(None, KEY, "u1", "c1", START), KEY, "u1", "c2", START + 1)
    assert check(otp, right(), START + 2)[0] == "wrong"
    assert check(otp, otp_hash(KEY, "u1", code(KEY, "u1", "c2")), START + 2)[0] == "passed"


def test_three_codes_in_fifteen_minutes_are_enough() -> None:
    otp: Otp | None = None
    for number in range(CODES_MAX):
        assert may_issue(otp, START + number * MINUTE)
        otp = issue(otp, KEY, "u1", str(number), START + number * MINUTE)
    assert not may_issue(otp, START + CODES_MS - 1)
    assert may_issue(otp, START + CODES_MS)
    assert otp is not None
    for _ in range(20):
        otp = issue(otp, KEY, "u1", "x", START)
    assert len(otp.sent_ms) == CODES_MAX
