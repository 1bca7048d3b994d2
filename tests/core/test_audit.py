"""The chain of audit records: what stands, and every way of tampering with it that must be found."""

import re
from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import CHECKPOINT, GENESIS, Broken, Chain, Entry, Head, Verifier, canonical, read_record, signature_of

KEY = b"k" * 32
TIME = "2026-03-02T12:00:00.000Z"
FIELDS = ("partition", "sequence", "previous", "hash", "signature", "subject", "action", "by", "reason", "time")


def entry(number: int) -> Entry:
    return Entry(f"u{number}", "lock.locked", "rule", f"reason {number} é\n", TIME, {"alert_id": None, "n": number})


def links(count: int, partition: int = 0, chain: Chain | None = None) -> list[bytes]:
    """Records of one partition, every fifth a checkpoint."""
    chain = chain or Chain(partition=partition)
    return [
        chain.append_checkpoint(0, TIME, KEY) if number % 5 == 4 else chain.append(entry(number), TIME, KEY)
        for number in range(count)
    ]


def broken_at(lines: list[bytes], heads: tuple[Head, ...] = (), key: bytes | None = KEY) -> tuple[int, str] | None:
    """The line of the first break (behind the last where the end is wrong), and what it is."""
    verifier = Verifier(key, heads)
    for number, line in enumerate(lines):
        try:
            verifier.take(line)
        except Broken as broken:
            return number, broken.what
    missing = verifier.end()
    return (len(lines), missing[0].what) if missing else None


def head_of(line: bytes, source: str = "a checkpoint") -> Head:
    record = read_record(line, KEY)
    return Head(record.partition, record.sequence, record.hash, source)


def changed(line: bytes, **fields: object) -> bytes:
    """The record with other contents and all else as it was."""
    return canonical(msgspec.json.decode(line) | fields)


def forged(line: bytes, key: bytes = b"x" * 32, **fields: object) -> bytes:
    """The record with other contents and a hash that fits them, by someone without the key."""
    record = msgspec.json.decode(line) | fields
    del record["hash"], record["signature"]
    hash_ = sha256(canonical(record)).hexdigest()
    return canonical(record | {"hash": hash_, "signature": signature_of(hash_, key)})


def test_a_chain_stands_and_is_counted() -> None:
    verifier = Verifier(KEY)
    for line in links(12):
        verifier.take(line)
    assert (verifier.records, verifier.checkpoints, verifier.repeats, verifier.end()) == (12, 2, 0, [])
    assert verifier.ends[0][0] == 12


def test_a_record_is_canonical_json_that_anybody_can_check_by_hand() -> None:
    (line,) = links(1)
    assert line.startswith(b'{"action":"lock.locked","by":"rule","details":{"alert_id":null,"n":0},"hash":"')
    assert "é".encode() in line
    bare = re.sub(rb',"signature":"\w+"', b"", re.sub(rb'"hash":"\w+",', b"", line))
    assert sha256(bare).hexdigest().encode() in line
    assert read_record(line, KEY).previous == GENESIS


def test_a_checkpoint_says_how_many_records_it_stands_for() -> None:
    checkpoint = read_record(links(10)[-1], KEY)
    assert (checkpoint.action, checkpoint.details) == (CHECKPOINT, {"records": 4})


def test_partitions_are_chains_of_their_own_and_may_be_mixed() -> None:
    mixed = [line for pair in zip(links(9, 0), links(9, 1), strict=True) for line in pair]
    assert broken_at(mixed) is None


def test_a_chain_goes_on_behind_a_restart() -> None:
    chain = Chain()
    before = links(6, chain=chain)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(chain), type=Chain)
    assert broken_at(before + links(6, chain=restored)) is None


def test_records_that_come_again_byte_for_byte_are_no_break() -> None:
    lines = links(8)
    repeated = lines[:6] + lines[3:6] + lines[5:] + lines[:1]
    assert broken_at(repeated) is None


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "a dropped record": (lambda lines: lines[:3] + lines[4:], 3, "record 4 is missing"),
    "a dropped run": (lambda lines: lines[:3] + lines[6:], 3, "records 4 to 6 are missing"),
    "the first record dropped": (lambda lines: lines[1:], 0, "record 1 is missing"),
    "a swapped pair": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], 3, "record 4 is missing"),
    "an inserted forgery": (
        lambda lines: [*lines[:3], forged(lines[3], by="nobody"), *lines[3:]],
        3,
        "signature was not made with this secret",
    ),
    "an appended forgery": (
        lambda lines: [*lines, forged(lines[-1], sequence=10, previous=read_record(lines[-1], KEY).hash)],
        9,
        "signature was not made with this secret",
    ),
    "a rewritten record": (
        lambda lines: [*lines[:3], forged(lines[3], reason="another"), *lines[4:]],
        3,
        "signature was not made with this secret",
    ),
    "a record of another chain": (
        lambda lines: [*lines[:3], links(9, chain=Chain(hash="1" * 64))[3], *lines[4:]],
        3,
        "does not follow",
    ),
    "a second record of one number": (
        lambda lines: [*lines[:5], links(9, chain=Chain(hash="1" * 64))[3], *lines[5:]],
        5,
        "another record has its number",
    ),
    "a space": (lambda lines: [*lines[:3], lines[3].replace(b":", b": ", 1), *lines[4:]], 3, "not in canonical form"),
    "an added field": (lambda lines: [*lines[:3], changed(lines[3], more=1), *lines[4:]], 3, "not in canonical form"),
    "an empty line": (lambda lines: [*lines[:3], b"", *lines[3:]], 3, "no audit record"),
    "half a line": (lambda lines: [*lines[:3], lines[3][:40], *lines[4:]], 3, "no audit record"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_found_at_the_first_broken_record(how: str) -> None:
    tamper, at, what = TAMPERED[how]
    found = broken_at(tamper(links(9)))
    assert found is not None
    assert found[0] == at
    assert what in found[1]


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_field_is_found(name: str) -> None:
    lines = links(9)
    value = msgspec.json.decode(lines[4])[name]
    other = value + 1 if isinstance(value, int) else ("1" if value[:1] == "0" else "0") + value[1:]
    found = broken_at([*lines[:4], changed(lines[4], **{name: other}), *lines[5:]])
    assert found is not None
    assert found[0] == 4


def test_a_changed_detail_is_found() -> None:
    lines = links(9)
    found = broken_at([*lines[:3], changed(lines[3], details={"alert_id": None, "n": 4}), *lines[4:]])
    assert found == (3, "its contents are not what its hash was made of")


def test_without_the_key_hashes_alone_are_checked() -> None:
    lines = links(9)
    assert broken_at(lines, key=None) is None
    assert broken_at([*lines[:3], changed(lines[3], by="nobody"), *lines[4:]], key=None) is not None
    rewritten = [*lines[:8], forged(lines[8], by="nobody")]
    assert broken_at(rewritten, key=None) is None
    assert broken_at(rewritten) is not None


def test_a_tail_that_was_cut_off_is_found_by_a_record_that_was_kept_elsewhere() -> None:
    lines = links(9)
    head = head_of(lines[6])
    assert broken_at(lines, (head,)) is None
    assert broken_at(lines[:7], (head,)) is None
    assert broken_at(lines[:6], (head,)) == (6, "a checkpoint has it, and the chain is cut off behind record 6")
    assert broken_at([], (head,)) == (0, "a checkpoint has it, and the chain is cut off behind record 0")


def test_a_chain_written_anew_with_the_key_does_not_contain_what_was_kept_elsewhere() -> None:
    head = head_of(links(9)[6])
    anew = links(9, chain=Chain(hash=GENESIS, sequence=0, checkpoint=3))
    assert broken_at(anew, (head,)) == (6, "a checkpoint has another record of this number")


def test_a_seal_is_where_chains_end_and_nowhere_else() -> None:
    lines = links(9)
    whole = Verifier(KEY)
    for line in lines[:5]:
        whole.take(line)
    ends = dict(whole.ends)
    assert whole.sealed(ends, "the seal") == []
    assert [broken.sequence for broken in whole.sealed({0: ends[0], 1: (3, "00")}, "the seal")] == [3]
    assert [broken.what for broken in whole.sealed({0: (5, "00")}, "the seal")] == [
        "the seal has another record of this number"
    ]
    whole.take(lines[5])
    assert [broken.sequence for broken in whole.sealed(ends, "the seal")] == [6]
    assert [broken.what for broken in Verifier(KEY).sealed(ends, "the seal")] == [
        "the seal has it, and the chain is cut off behind record 0"
    ]


def test_a_record_in_another_partition_than_its_own_is_found() -> None:
    with pytest.raises(Broken, match="found in partition 1"):
        Verifier(KEY).take(links(1)[0], partition=1)


def test_a_part_may_begin_behind_the_first_record_where_that_is_allowed() -> None:
    verifier = Verifier(KEY, partial=True)
    for line in links(9)[4:]:
        verifier.take(line)
    assert (verifier.records, verifier.ends[0][0]) == (5, 9)
    assert verifier.reached(0, 9)
    assert not verifier.reached(0, 10)
    assert not verifier.reached(1, 1)


def test_repeats_from_long_ago_are_not_taken_on_trust() -> None:
    lines = links(40)
    verifier = Verifier(KEY, repeats_within=4)
    for line in [*lines, lines[36]]:
        verifier.take(line)
    with pytest.raises(Broken, match="another record has its number"):
        verifier.take(lines[3])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.data())
def test_any_single_mutation_of_a_chain_is_found(data: st.DataObject) -> None:
    lines = links(12)
    head = head_of(lines[-1])
    at = data.draw(st.integers(0, len(lines) - 1))
    kind = data.draw(st.sampled_from(["byte", "drop", "swap", "insert", "cut", "end"]))
    if kind == "byte":
        place = data.draw(st.integers(0, len(lines[at]) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != lines[at][place]))
        lines[at] = lines[at][:place] + bytes([byte]) + lines[at][place + 1 :]
    elif kind == "drop":
        del lines[at]
    elif kind == "swap":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda other: other != at))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == "insert":
        lines.insert(at, forged(lines[at], by=data.draw(st.text(max_size=5))))
    elif kind == "cut":
        place = data.draw(st.integers(0, len(lines[at]) - 1))
        lines[at] = lines[at][:place]
    else:
        del lines[at:]
    assert broken_at(lines, (head,)) is not None
