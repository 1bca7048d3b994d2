"""Series for the console's charts, on both databases."""

from argus.store import activity
from argus.store.activity import Amount, Verdicts
from argus.store.store import Store
from core.clock import HOUR, rfc3339
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, rows, run

HOUR_MS = NOW_MS - NOW_MS % HOUR


def test_failures_are_counted_by_type_and_estimated_where_they_were_approved(url: str) -> None:
    async def story(store: Store) -> None:
        at = rfc3339(HOUR_MS + 1)
        told = [
            make.decision("a", time=at, type="login", outcome="failure"),
            make.decision("b", time=at, type="login", outcome="failure", decision="block"),
            make.decision("c", time=at, type="login"),
            make.decision("d", time=at, type="payout", outcome="failure", amount=50.0, currency="EUR"),
            make.decision("e", time=rfc3339(HOUR_MS + HOUR), type="otp", outcome="failure"),
            make.decision("old", time=at),
        ]
        # Half of the approvals are kept: those that are stand for two each.
        kept = rows("decisions", told, share=0.5)
        await store.write(kept)
        async with store.reading() as connection:
            found = await activity.failures(connection, HOUR_MS, HOUR_MS + 2 * HOUR, HOUR)
        total = sum(sum(part.values()) for part in found.values())
        stored = [row for batch in kept for name, row in batch if name == "decisions" and row[9]]
        assert total == sum(row[5] for row in stored)
        assert found[HOUR_MS]["login"] >= 1

    run(url, story)


def test_payments_lie_by_rough_dollars_and_risk(url: str) -> None:
    async def story(store: Store) -> None:
        told = [
            make.decision("a", type="transaction", amount=300.0, currency="JPY", risk_score=10.0),
            make.decision("b", type="payout", amount=40.0, decision="block", risk_score=90.0),
            make.decision("c", type="deposit", amount=40.0),
            make.decision("d", type="login"),
        ]
        await store.write(rows("decisions", told))
        async with store.reading() as connection:
            found = await activity.amounts(connection, NOW_MS, NOW_MS + 1)
        assert found == [Amount(2.0, 10.0, "approve"), Amount(40.0, 90.0, "block")]

    run(url, story)


def test_alerts_by_severity_and_rule_keep_shadow_apart(url: str) -> None:
    async def story(store: Store) -> None:
        told = [make.alert("a"), make.alert("b", mode="shadow"), make.alert("c", severity="LOW", rule_id="other")]
        await store.write(rows("alerts", told))
        async with store.reading() as connection:
            severities = await activity.alerts_by_severity(connection, HOUR_MS, HOUR_MS + HOUR, HOUR)
            by_rule = await activity.alerts_by_rule(connection, HOUR_MS, HOUR_MS + HOUR)
        assert severities == {HOUR_MS: {"HIGH": 1.0, "LOW": 1.0}}
        assert by_rule == {"impossible_travel": {"live": 1, "shadow": 1}, "other": {"live": 1}}

    run(url, story)


def test_cases_tell_how_long_they_took_and_whose_they_were_for_nothing(url: str) -> None:
    async def story(store: Store) -> None:
        done = {"status": "resolved", "acknowledged": rfc3339(NOW_MS + 60_000), "resolved": rfc3339(NOW_MS + 600_000)}
        told = [
            make.case("a", resolution="false_positive", rules=["one", "two", "one"], **done),
            make.case("b", resolution="confirmed_fraud", rules=["one"], **done),
            make.case("c"),
        ]
        await store.write(rows("cases", told))
        async with store.reading() as connection:
            times = await activity.response_times(connection, HOUR_MS, HOUR_MS + 3 * HOUR, 3 * HOUR)
            verdicts = await activity.verdicts_by_rule(connection, HOUR_MS, HOUR_MS + 3 * HOUR)
        assert list(times.values()) == [{"ack": 60.0, "resolve": 600.0}]
        assert verdicts == {"one": Verdicts(2, 1), "two": Verdicts(1, 1)}

    run(url, story)
