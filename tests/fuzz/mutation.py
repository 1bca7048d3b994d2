"""Bytes that are nearly right: something good, cut, doubled, swapped and salted with what readers stumble over."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

from hypothesis import strategies as st

SALT: Final = (
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"Infinity", b"-0", b"1e999",
    b"9" * 400, b"null", b"true", b'""', b"[]", b"{}", b"[" * 2_000, b'{"a":' * 2_000, b"- " * 2_000, b"&a [*a, *a]",
    b"!!python/none", b"<<: *a", b"(a+)+$", b"(?=a)", b"a{1000}{1000}", b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff", b"\x91" * 2_000, b"\xcf" + b"\xff" * 8, b"\xcb\x7f\xf8" + b"\x00" * 6, b'"type"',
    b"1969-12-31T23:59:60Z", b"\n", b"\t", b": ", b"? ",
)  # fmt: skip

# What is done, where (in thousandths of the length), to how many bytes, and with what.
Edit = tuple[str, int, int, bytes]
EDITS: Final = st.tuples(
    st.sampled_from(("put", "cut", "double", "turn", "end")),
    st.integers(0, 1_000),
    st.integers(1, 64),
    st.sampled_from(SALT) | st.binary(max_size=8),
)


def mutated(good: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of `good` after up to six edits, none perhaps; or just bytes."""
    edited = st.builds(
        lambda raw, edits: reduce(_edit, edits, raw), st.sampled_from(good), st.lists(EDITS, max_size=6)
    )
    return edited | st.binary(max_size=200)


def _edit(raw: bytes, edit: Edit) -> bytes:
    how, place, length, salt = edit
    at = place * len(raw) // 1_000
    before, part, after = raw[:at], raw[at : at + length], raw[at + length :]
    if how == "put":
        return before + salt + after
    if how == "cut":
        return before + after
    if how == "double":
        return before + part * 3 + after
    if how == "turn":
        return before + part[::-1] + after
    return before
