import logging

import pytest

from agents.intake import CARRIED_BYTES, LOG_EVERY_MS, Rejections, unseen
from agents.shard import Output
from core.events import Rejected
from tests.agents.household import Record

WHY = Rejected("not_json", "it is no JSON: née")


def test_a_rejected_record_keeps_key_value_and_partition_and_says_why_and_where_from() -> None:
    output = Rejections("rejected").output(Record("events", 3, 77, b"\xff", b"\x00nonsense"), WHY, 0)
    assert output == Output(
        "rejected",
        3,
        b"\xff",
        b"\x00nonsense",
        (
            ("error", b"not_json"),
            ("reason", "it is no JSON: née".encode()),
            ("topic", b"events"),
            ("partition", b"3"),
            ("offset", b"77"),
        ),
    )


def test_a_record_without_key_and_value_is_rejected_as_it_came() -> None:
    output = Rejections("rejected").output(Record("events", 0, 0, None, None), WHY, 0)
    assert (output.key, output.value) == (None, None)


def test_a_reason_that_is_no_valid_text_is_still_told() -> None:
    output = Rejections("rejected").output(Record("e", 0, 0, None, b""), Rejected("invalid", "\ud800"), 0)
    assert dict(output.headers)["reason"] == b"?"


def test_a_record_that_nothing_could_carry_leaves_its_value_behind_and_says_so() -> None:
    rejections = Rejections("rejected")
    largest = rejections.output(Record("e", 0, 0, b"", bytes(CARRIED_BYTES)), WHY, 0)
    assert largest.value == bytes(CARRIED_BYTES)
    beyond = rejections.output(Record("e", 0, 1, b"k", bytes(CARRIED_BYTES)), WHY, 0)
    assert (beyond.key, beyond.value) == (None, None)
    assert dict(beyond.headers)["reason"].endswith(b"; too large to be kept here")


def test_the_log_tells_each_error_once_a_minute_with_how_many_there_were(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    rejections, record = Rejections("rejected"), Record("events", 0, 5, None, b"")
    other = Rejected("invalid", "")
    for now_ms in (0, 1, 2, LOG_EVERY_MS - 1):
        rejections.output(record, WHY, now_ms)
    rejections.output(record, other, 3)
    assert [entry.args[:2] for entry in caplog.records] == [(1, "not_json"), (1, "invalid")]  # type: ignore[index]
    rejections.output(record, WHY, LOG_EVERY_MS)
    assert caplog.records[-1].getMessage() == "rejected 4 records as not_json, the newest events[0]@5"


def test_what_was_applied_is_not_seen_again() -> None:
    records = [Record("events", 0, offset, None, b"") for offset in (3, 4, 7)]
    assert unseen(records, None) is records
    assert unseen(records, 3) is records
    assert [record.offset for record in unseen(records, 5)] == [7]
    assert unseen(records, 8) == []
    assert unseen([], 8) == []
