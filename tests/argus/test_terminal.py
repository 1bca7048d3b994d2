"""What `argus up` writes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from argus.terminal import Terminal
from core.records import encode
from tests.argus.store.records import alert


async def coming(*records: bytes) -> AsyncIterator[bytes]:
    for record in records:
        yield record


def test_an_alert_in_shadow_is_marked_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    records = encode(alert("a", title="Live")), encode(alert("b", title="Tried", mode="shadow")), b"nonsense"
    asyncio.run(Terminal(as_json=False).show(coming(*records)))
    live, tried = capsys.readouterr().out.splitlines()
    assert " u1: Live. " in live
    assert " u1: Tried [shadow]. " in tried


def test_as_json_each_record_is_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    record = encode(alert("b", mode="shadow"))
    asyncio.run(Terminal(as_json=True).show(coming(record, b"nonsense")))
    assert capsys.readouterr().out == f"{record.decode()}\nnonsense\n"
