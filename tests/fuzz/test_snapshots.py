"""Whatever bytes a snapshot or a record of state is: what was written, or one documented error, nothing in between.
Signed ones too, as a bug or another version of Argus may write them."""

import zlib
from typing import Any, Final

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.source_state import SourceState
from core.state import UserState
from models.ensemble import Ensemble
from models.snapshot import BODY_MAX_BYTES, SnapshotUnreadable
from tables import users
from tables.versions import Codec, NewerVersion, Unreadable
from tests.fuzz.mutation import mutated
from tests.models.rows import FEATURES, normal_rows
from tests.models.test_snapshot import KEY, signed

REASONS: Final = {
    "truncated", "not a snapshot", "format version", "signature", "features", "parameters", "contents",
}  # fmt: skip
ROW: Final = [0.5] * len(FEATURES)
SOURCES: Final = Codec(SourceState, SourceState().version, "a source's state")


def learnt() -> bytes:
    ensemble = Ensemble(FEATURES, 1)
    rows = np.resize(normal_rows(1_200).T, (len(FEATURES), 1_200)).T
    ensemble.learn(rows.tolist(), [True] * 1_200)
    return ensemble.snapshot(KEY)


GOOD: Final = learnt()
BODY: Final[dict[str, Any]] = msgspec.msgpack.decode(zlib.decompress(GOOD[42:]))
ODD: Final = st.sampled_from(
    [None, True, -1, 0, 1, 2**31, 2**63, 2**64 - 1, -(2**63), 1e308, float("nan"), "", "x", b"", b"\0" * 8, [], {}]
)


def restores_or_is_unreadable(raw: bytes) -> bool:
    """Whether it restored; then it scored and learnt, and did not raise."""
    try:
        ensemble = Ensemble.restore(raw, KEY, FEATURES)
    except SnapshotUnreadable as unreadable:
        assert unreadable.reason in REASONS
        assert len(str(unreadable)) <= 500
        return False
    ensemble.score([ROW] * 3)
    ensemble.learn([ROW] * 40, [True] * 40)
    return True


def changed(edits: list[tuple[str, str, int, Any]]) -> bytes:
    """The body with some parts exchanged. An edit: how, of which part, which entry, what to put there."""
    body: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(BODY))
    for how, part, which, odd in edits:
        entries = body[part]
        if how == "part" or not isinstance(entries, dict) or not entries:
            body[part] = odd
            continue
        name = sorted(entries)[which % len(entries)]
        array = entries[name]
        if how == "gone":
            del entries[name]
        elif how == "odd" or not isinstance(array, list) or len(array) != 3:
            entries[name] = odd
        elif how == "fill":
            array[2] = (b"\xff" * len(array[2])) if which % 2 else b"\0" * len(array[2])
        elif how == "type":
            array[0] = ("<f8", "<i8", "<u2", "|O")[which % 4]
        elif how == "shape":
            array[1] = [[], [-1], [0], [1], [2**62], [2**64 - 1], [1, 1], [len(array[2])]][which % 8]
        else:
            array[2] = array[2][: which * 8]
    return msgspec.msgpack.encode(body)


EDITS: Final = st.lists(
    st.tuples(
        st.sampled_from(("part", "gone", "odd", "fill", "type", "shape", "data")),
        st.sampled_from(sorted(BODY)),
        st.integers(0, 40),
        ODD,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150)
@given(mutated([GOOD]))
def test_bytes_are_a_snapshot_or_unreadable(raw: bytes) -> None:
    assert restores_or_is_unreadable(raw) == (raw == GOOD)


@settings(max_examples=150)
@given(mutated([GOOD[42:], b""]))
def test_signed_bytes_are_a_snapshot_or_unreadable(body: bytes) -> None:
    restores_or_is_unreadable(signed(body))


@settings(max_examples=250)
@given(EDITS)
def test_signed_contents_are_models_that_work_or_unreadable(edits: list[tuple[str, str, int, Any]]) -> None:
    restores_or_is_unreadable(signed(zlib.compress(changed(edits), level=1)))


def test_a_body_that_swells_is_refused_before_it_fills_the_memory() -> None:
    bomb = zlib.compress(b"\0" * (BODY_MAX_BYTES + 1), level=9)
    assert len(bomb) < BODY_MAX_BYTES // 500
    assert not restores_or_is_unreadable(signed(bomb))


@settings(max_examples=300)
@given(mutated([users.encode_user(UserState()), b"\x93\x00\x01\x02", b"\x90", b"\x91\x7f"]))
def test_bytes_are_a_users_state_or_refused(raw: bytes) -> None:
    try:
        state = users.decode_user(raw)
    except (NewerVersion, Unreadable):
        return
    assert isinstance(state, UserState)
    assert users.decode_user(users.encode_user(state)) is not None


@settings(max_examples=300)
@given(mutated([SOURCES.encode(SourceState(key="ip:203.0.113.9")), b"\x90", b"\x91\x7f", b"\xc0"]))
def test_bytes_are_a_sources_state_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(SOURCES.decode(raw), SourceState)
    except (NewerVersion, Unreadable):
        return
