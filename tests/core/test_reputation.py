import msgspec
import pytest

from core.clock import HOUR
from core.reputation import (
    BAD,
    CLEAN,
    FOREVER_MS,
    LISTED,
    RECORD_MS,
    STANDS_MS,
    WATCHED,
    Consulting,
    FraudRecord,
    Reputation,
    Reputations,
    cleared,
    decode_reputation,
    encode_reputation,
    standing,
)
from core.rules.entry import Hit, Severity

HIGH = Hit(Severity.HIGH, "text")
MEDIUM = Hit(Severity.MEDIUM, "text")


def bad(until_ms: int, level: int = BAD) -> Reputation:
    return Reputation(level, "r", 0, until_ms)


def test_a_reputation_comes_back_from_its_bytes() -> None:
    told = Reputation(BAD, "r", 1, 2, 0.5, "why")
    assert decode_reputation(encode_reputation(told)) == told


@pytest.mark.parametrize(("time_ms", "answer"), [(9, False), (10, True), (19, True), (20, False)])
def test_it_is_in_force_from_its_beginning_until_before_its_end(time_ms: int, answer: bool) -> None:
    assert Reputation(BAD, "r", 10, 20).in_force(time_ms) is answer
    assert not Reputation(CLEAN, "r", 10, 20).in_force(time_ms)


def test_a_finding_is_told_and_its_repeats_only_when_they_change_much() -> None:
    first = standing(None, "ip", "r", MEDIUM, 0)
    assert first == Reputation(WATCHED, "r", 0, STANDS_MS["ip"], 0.0, "text")
    assert standing(first, "ip", "r", MEDIUM, HOUR // 4) is None
    longer = standing(first, "ip", "r", MEDIUM, HOUR)
    assert longer == Reputation(WATCHED, "r", 0, HOUR + STANDS_MS["ip"], 0.0, "text")
    assert standing(first, "ip", "r", MEDIUM, 1, share=0.2) is not None


def test_a_level_rises_at_once_and_never_falls_while_it_stands() -> None:
    first = standing(None, "ip", "r", MEDIUM, 0)
    worse = standing(first, "ip", "other", HIGH, 1)
    assert worse is not None
    assert worse.level == BAD
    assert standing(worse, "ip", "r", MEDIUM, HOUR) is None
    after = standing(worse, "ip", "r", MEDIUM, worse.until_ms)
    assert after is not None
    assert (after.level, after.since_ms) == (WATCHED, worse.until_ms)


def test_a_late_finding_never_shortens_it() -> None:
    first = standing(None, "ip", "r", MEDIUM, 100)
    worse = standing(first, "ip", "r", HIGH, 50)
    assert worse is not None
    assert (worse.since_ms, worse.until_ms) == (50, 100 + STANDS_MS["ip"])


def test_a_cleared_source_has_no_level() -> None:
    assert cleared(bad(100), 50).level == CLEAN


def test_a_worker_knows_learns_and_forgets() -> None:
    known = Reputations()
    assert not known
    known.learn("ip:1", bad(100))
    known.learn("ip:2", bad(200))
    assert (len(known), list(known), known["ip:1"].until_ms) == (2, ["ip:1", "ip:2"], 100)
    assert "ip:1" in known
    assert "ip:3" not in known
    assert 7 not in known
    assert known.get("ip:3") is None
    with pytest.raises(KeyError):
        known["ip:3"]
    known.learn("ip:1", None)
    known.learn("ip:2", None)
    known.learn("ip:9", None)
    assert not known
    known.learn("ip:1", bad(100))
    known.learn("ip:1", cleared(bad(100), 1))
    assert len(known) == 0


def test_a_full_memory_keeps_the_worst_and_the_latest() -> None:
    known = Reputations(most=10)
    known.learn("worst", bad(1, LISTED))
    for number in range(20):
        known.learn(f"ip:{number}", bad(number + 10))
    assert len(known) <= 10
    assert "worst" in known
    assert "ip:19" in known


def test_the_worse_of_what_was_found_and_what_is_listed_counts() -> None:
    listed = Reputation(LISTED, "threat_list", 0, FOREVER_MS)
    known = Consulting(lambda key: listed if key == "ip:1" else None)
    assert known
    known.learn("ip:1", bad(100))
    known.learn("ip:2", bad(100))
    assert known["ip:1"] is known.get("ip:1") is listed
    assert known["ip:2"].level == BAD
    assert "ip:1" in known
    assert "ip:3" not in known
    with pytest.raises(KeyError):
        known["ip:3"]
    known.learn("ip:1", bad(100, LISTED))
    assert known["ip:1"] is not listed


RECORD = FraudRecord(0.5, 0.25, 0.1, 6, 1 * HOUR, 20 * HOUR, 168 * HOUR, (30 * HOUR,))


def test_a_reputation_of_before_there_were_records_is_read() -> None:
    old = msgspec.msgpack.encode([BAD, "r", 1, 2, 0.5, "why", 1])
    assert decode_reputation(old) == Reputation(BAD, "r", 1, 2, 0.5, "why", version=1)


def test_a_record_comes_back_from_its_bytes_and_outlives_the_accusation() -> None:
    told = Reputation(BAD, "r", 1, 2, 0.5, "why", record=RECORD)
    assert decode_reputation(encode_reputation(told)) == told
    again = standing(told, "merchant", "r", HIGH, HOUR)
    assert again is not None
    assert again.record == cleared(told, 2).record == RECORD


def test_a_clean_source_with_a_record_is_kept_until_the_record_lapses() -> None:
    known = Reputations()
    known.learn("merchant:m1", Reputation(CLEAN, "", 0, 0, record=RECORD))
    assert known["merchant:m1"].record == RECORD
    assert known["merchant:m1"].lapses_ms == 20 * HOUR + RECORD_MS


def test_those_accused_stay_where_records_have_to_go() -> None:
    known = Reputations(most=10)
    known.learn("merchant:bad", bad(until_ms=1))
    for number in range(10):
        known.learn(f"merchant:m{number}", Reputation(CLEAN, "", 0, 0, record=RECORD))
    assert "merchant:bad" in known
    assert len(known) == 10


def run_of(run: int, since_d: float, newest_d: float, *after_d: float) -> FraudRecord:
    """A record on day 0 of days ago, with labels a week late."""
    after = tuple(round(-days * 24 * HOUR) for days in after_d)
    since, newest = (round(-days * 24 * HOUR) for days in (since_d, newest_d))
    return FraudRecord(0.5, 0.5, 0.5, run, since, newest, 168 * HOUR, after)


def test_the_risk_at_a_merchant_grows_with_the_run_of_frauds() -> None:
    risks = [run_of(run, 14, 7).risk(0) for run in (0, 1, 3, 12)]
    assert risks[0] == 0
    assert risks == sorted(set(risks))
    assert risks[-1] < 1


def test_the_risk_at_a_merchant_falls_with_clean_payments_with_time_and_with_an_old_run() -> None:
    fresh = run_of(6, 14, 7).risk(0)
    assert run_of(6, 14, 10, 9, 8, 2).risk(0) < fresh / 4
    assert run_of(6, 21, 14).risk(0) < fresh * 0.6
    assert run_of(6, 49, 7).risk(0) == pytest.approx(fresh / 2)


def test_a_merchant_has_no_risk_before_its_fraud_nor_long_after() -> None:
    assert run_of(6, 14, 7).risk(-8 * 24 * HOUR) == 0
    assert run_of(6, 14, 7).risk(RECORD_MS) == 0
