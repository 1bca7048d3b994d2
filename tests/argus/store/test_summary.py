from typing import Any

import pytest

from argus.store.store import Store
from argus.store.summary import BUCKETS_MOST, Summary, summary
from core.clock import HOUR, MINUTE, rfc3339
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, rows, run

HOUR_MS = NOW_MS - NOW_MS % HOUR


async def ask(
    store: Store, since_ms: int = HOUR_MS, until_ms: int = HOUR_MS + 3 * HOUR, bucket_ms: int = HOUR
) -> Summary:
    async with store.reading() as connection:
        return await summary(connection, since_ms, until_ms, bucket_ms)


def test_with_nothing_there_every_figure_is_nothing(url: str) -> None:
    async def story(store: Store) -> None:
        said = await ask(store)
        assert (said.alerts, said.decisions, said.cases_by_status) == (0, {}, {})
        assert (said.mtta_s, said.mttr_s, said.false_positive_share) == (None, None, None)
        assert said.risk == [0] * 10
        assert [bucket.alerts for bucket in said.trend] == [0, 0, 0]

    run(url, story)


def test_alerts_are_counted_by_severity_kind_rule_and_hour(url: str) -> None:
    async def story(store: Store) -> None:
        times = [HOUR_MS - 1, HOUR_MS, HOUR_MS + HOUR - 1, HOUR_MS + 2 * HOUR, HOUR_MS + 3 * HOUR]
        alerts = [make.alert(f"a{time}", time=rfc3339(time)) for time in times]
        alerts.append(make.alert("b", time=rfc3339(HOUR_MS), severity="LOW", rule_id="other", kind="COMPLIANCE"))
        await store.write(rows("alerts", alerts))
        said = await ask(store)
        assert said.alerts == 4
        assert said.alerts_by_severity == {"HIGH": 3, "LOW": 1}
        assert said.alerts_by_kind == {"SECURITY": 3, "COMPLIANCE": 1}
        assert said.alerts_by_rule == {"impossible_travel": 3, "other": 1}
        assert [(bucket.start_ms - HOUR_MS, bucket.alerts) for bucket in said.trend] == [
            (0, 3),
            (HOUR, 0),
            (2 * HOUR, 1),
        ]
        uneven = await ask(store, HOUR_MS + 1, HOUR_MS + HOUR + 1)
        assert [(bucket.start_ms - HOUR_MS, bucket.alerts) for bucket in uneven.trend] == [(0, 1), (HOUR, 0)]
        fine = await ask(store, bucket_ms=1)
        assert len(fine.trend) == BUCKETS_MOST

    run(url, story)


def test_approvals_are_estimated_from_those_that_are_kept(url: str) -> None:
    async def story(store: Store) -> None:
        approved = [make.decision(f"e{number}", time=rfc3339(HOUR_MS)) for number in range(2_000)]
        blocked = [
            make.decision(f"b{number}", time=rfc3339(HOUR_MS), decision="block", risk_score=100.0)
            for number in range(3)
        ]
        await store.write(rows("decisions", approved + blocked, share=0.25))
        said = await ask(store)
        assert said.decisions == {"approve": pytest.approx(2_000, rel=0.1), "block": 3}
        assert said.risk == [0, said.decisions["approve"], *[0] * 7, 3]

    run(url, story)


def test_cases_are_counted_with_how_long_they_took_and_which_are_late(url: str) -> None:
    def case(case_id: str, **changed: Any) -> Any:
        times = {"acknowledge_by": rfc3339(HOUR_MS + HOUR), "resolve_by": rfc3339(HOUR_MS + 2 * HOUR)}
        return make.case(case_id, **({"opened": rfc3339(HOUR_MS)} | times | changed))

    def taken(minutes: int) -> str:
        return rfc3339(HOUR_MS + minutes * MINUTE)

    async def story(store: Store) -> None:
        cases = [
            case("open"),
            case("seen", status="acknowledged", acknowledged=taken(10), resolve_by=taken(600)),
            case("false", status="resolved", resolution="false_positive", acknowledged=taken(20), resolved=taken(60)),
            case(
                "fraud", status="resolved", resolution="confirmed_fraud", acknowledged=taken(30), resolved=taken(120)
            ),
        ]
        await store.write(rows("cases", cases))
        await store.write(rows("feedback", [make.feedback(time=rfc3339(HOUR_MS))]))
        await store.write(rows("locks", [make.lock("u1"), make.lock("u2", state="challenged")]))
        said = await ask(store)
        assert said.cases_by_status == {"resolved": 2, "acknowledged": 1, "open": 1}
        assert said.resolutions == {"confirmed_fraud": 1, "false_positive": 1}
        assert (said.mtta_s, said.mttr_s, said.false_positive_share) == (20 * 60, 90 * 60, 0.5)
        assert (said.overdue, said.feedback) == (1, {"fraud": 1})
        assert (said.locked, said.challenged) == (1, 1)

    run(url, story)
