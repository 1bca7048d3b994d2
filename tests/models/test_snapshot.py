import zlib

import msgspec
import numpy as np
import pytest

from models import snapshot
from models.ensemble import Ensemble
from models.snapshot import Array, Body, Header, Snapshot, SnapshotUnreadable, pack, unpack
from tests.models.rows import FEATURES, normal_rows

KEY = b"a key that is kept"
PREFIX_BYTES = 10


@pytest.fixture(scope="module")
def raw() -> bytes:
    return learnt(2_000).snapshot(KEY)


def learnt(count: int, features: tuple[str, ...] = FEATURES) -> Ensemble:
    ensemble = Ensemble(features, 1)
    rows = np.resize(normal_rows(count).T, (len(features), count)).T
    ensemble.learn(rows.tolist(), [True] * count)
    return ensemble


def reason(raw: bytes, key: bytes = KEY, features: tuple[str, ...] = FEATURES) -> str:
    with pytest.raises(SnapshotUnreadable) as caught:
        Ensemble.restore(raw, key, features)
    return caught.value.reason


def signed(body: bytes, version: int = snapshot.FORMAT_VERSION) -> bytes:
    """A snapshot with a right signature, whatever is in it."""
    prefix = snapshot._PREFIX.pack(snapshot.MAGIC, version, len(body))
    return prefix + snapshot._signature(KEY, prefix, body) + body


def test_a_snapshot_of_full_models_stays_under_its_bound() -> None:
    features = tuple(f"feature_{index}" for index in range(20))
    assert len(learnt(6_000, features).snapshot(KEY)) < 512 * 1024


def test_it_says_what_it_holds_and_with_which_libraries_it_was_learnt(raw: bytes) -> None:
    header = unpack(raw, KEY).header
    assert header.features == FEATURES
    assert header.learned == header.position == 2_000
    assert header.params == snapshot.PARAMS
    assert set(header.libraries) == {"river", "numpy", "scikit-learn"}


def test_another_key_is_refused(raw: bytes) -> None:
    assert reason(raw, key=b"another") == "signature"


def test_signing_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Ensemble(FEATURES).snapshot(b"")


@pytest.mark.parametrize("place", [6, 9, PREFIX_BYTES, PREFIX_BYTES + 31, PREFIX_BYTES + 32, 5_000, -1])
def test_a_changed_byte_is_noticed_wherever_it_is(raw: bytes, place: int) -> None:
    changed = bytearray(raw)
    changed[place] ^= 1
    assert reason(bytes(changed)) in {"signature", "truncated"}


def test_bytes_behind_the_end_are_noticed(raw: bytes) -> None:
    assert reason(raw + b"\0") == "signature"


def test_another_format_version_is_refused_though_it_be_signed() -> None:
    assert reason(signed(b"of the future", version=snapshot.FORMAT_VERSION + 1)) == "format version"


@pytest.mark.parametrize("features", [FEATURES[:-1], tuple(reversed(FEATURES)), (*FEATURES, "more")])
def test_other_features_are_refused(raw: bytes, features: tuple[str, ...]) -> None:
    assert reason(raw, features=features) == "features"


@pytest.mark.parametrize("length", [0, 1, 4, 10, 41, 42, 43, 1_000])
def test_a_truncated_snapshot_is_refused(raw: bytes, length: int) -> None:
    assert reason(raw[:length]) == "truncated"


@pytest.mark.parametrize("garbage", [b"garbage", b"\x80\x04\x95", b"\0" * 5_000, b"{}"])
def test_garbage_is_refused(garbage: bytes) -> None:
    assert reason(garbage) == "not a snapshot"


def test_signed_garbage_is_refused_too() -> None:
    assert reason(signed(b"garbage")) == "contents"
    assert reason(signed(zlib.compress(b"garbage"))) == "contents"
    assert reason(signed(zlib.compress(msgspec.msgpack.encode({"header": 1})))) == "contents"


def repacked(raw: bytes, **header: object) -> bytes:
    opened = unpack(raw, KEY)
    return pack(opened._replace(header=msgspec.structs.replace(opened.header, **header)), KEY)


def test_other_parameters_of_the_algorithms_are_refused(raw: bytes) -> None:
    assert reason(repacked(raw, params={"half_space_trees.height": 15})) == "parameters"


def test_other_library_versions_are_not_refused(raw: bytes) -> None:
    other = Ensemble.restore(repacked(raw, libraries={"river": "99"}), KEY, FEATURES)
    rows = normal_rows(200, seed=9).tolist()
    assert other.score(rows) == Ensemble.restore(raw, KEY, FEATURES).score(rows)


def test_unknown_models_are_refused(raw: bytes) -> None:
    assert reason(repacked(raw, names=("oracle",))) == "contents"


@pytest.mark.parametrize(
    "name", ["medians", "gaussian.means", "one_class_svm.weights", "half_space_trees.learning", "gaussian.counts"]
)
def test_arrays_that_lack_or_do_not_fit_are_refused(raw: bytes, name: str) -> None:
    opened = unpack(raw, KEY)
    lacking = {key: array for key, array in opened.bank.items() if key != name}
    assert reason(pack(Snapshot(opened.header, opened.pending, lacking, lacking), KEY)) == "contents"
    misfit = {**opened.bank, name: np.zeros((0, 1))}
    assert reason(pack(Snapshot(opened.header, opened.pending, misfit, misfit), KEY)) == "contents"
    pending = np.zeros((4, 2))
    assert reason(pack(opened._replace(pending=pending), KEY)) == "contents"


@pytest.mark.parametrize("array", [Array("|O", (1,), b"12345678"), Array("<f8", (3,), b"12345678")])
def test_an_array_of_objects_or_of_the_wrong_length_is_refused(array: Array) -> None:
    header = Header(features=FEATURES, names=("gaussian",), seed=1, block_rows=512, position=0, learned=0)
    body = zlib.compress(msgspec.msgpack.encode(Body(header, array, {}, {})))
    assert reason(signed(body)) == "contents"
