from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.case_state import VERSION, Answered, CaseFacts, CaseState, Told
from tables.cases import CASES
from tables.versions import NewerVersion, Unreadable
from tests.core.casework import USER, Desk

STATE = CaseState(
    subject="ip:192.0.2.1",
    last_ms=5,
    timer_ms=6,
    cases={
        "c": CaseFacts(
            "c", "takeover", "t", ("ip", "192.0.2.1"), ["a"], ["r"], 2, 1, 2, 3, 4, 5, notes=[("x", 1, "n")]
        )
    },
    alerts={"a": Told("a", "r", "t", "takeover", None, 2, 1, "u", ["e"], "c")},
    answered=[Answered(b"12345678", "refused", "why", 7)],
    disputes={"b": ("command", 8)},
)
# With its outputs, under half of what a step may take.
LARGEST_BYTES = 3 * 512 * 1024
TECHNIQUES = ["T1078", "OAT-001", "OAT-019", "T1657", "OAT-011"]


def test_a_state_comes_back_from_its_bytes() -> None:
    assert CASES.decode(CASES.encode(STATE)) == STATE


def test_a_state_with_fewer_fields_gets_their_defaults() -> None:
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(CASES.encode(STATE))[:3])
    assert CASES.decode(shorter) == CaseState(subject=STATE.subject, last_ms=5)


def test_a_newer_version_is_not_read() -> None:
    with pytest.raises(NewerVersion, match="a subject's cases has version"):
        CASES.decode(msgspec.msgpack.encode([VERSION + 1, {"what": "ever"}]))


@given(st.binary(max_size=40))
def test_other_bytes_are_unreadable(data: bytes) -> None:
    with suppress(Unreadable, NewerVersion):
        CASES.decode(data)


def test_the_largest_state_fits_into_a_step() -> None:
    """Every bound reached, with the longest ids and texts that are taken, all outside of ASCII."""
    desk, wide = Desk(), "\N{ROCKET}"
    for number in range(300):
        kind = ("SECURITY", "COMPLIANCE", "SYSTEM", "INVENTORY")[number % 4]
        alert_id = f"{number:08}" + 24 * "a"
        desk.alert(
            alert_id,
            kind=kind,
            attack=[TECHNIQUES[number // 4 % len(TECHNIQUES)]],
            rule_id=f"{number}{wide * 120}",
            title=wide * 500,
            event_ids=[f"{number}-{at}-{wide * 110}" for at in range(30)],
        )
        for _ in range(6):
            desk.command("assign", alert_id=alert_id, assignee=wide * 128, reason=wide * 2_048, by=wide * 128)
        desk.command("dispute", alert_id=f"{number}{wide * 100}", role="member", by=USER)
        if number % 20 == 0:
            desk.command("resolve", alert_id=alert_id, resolution="confirmed_fraud", reason=wide * 2_048)
    assert LARGEST_BYTES // 3 < len(CASES.encode(desk.state)) < LARGEST_BYTES
