import pytest

from argus.store import reads
from argus.store.pages import LIMIT_MAX, BadCursor, Place, cursor_of, place_of
from argus.store.reads import RECENT, AlertFilter, CaseFilter
from argus.store.store import Store
from core.clock import rfc3339
from core.records import Source
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, rows, run


async def found(store: Store, **wanted: object) -> list[str]:
    async with store.reading() as connection:
        page = await reads.alerts(connection, AlertFilter(**wanted))  # type: ignore[arg-type]
    return [alert.alert_id for alert in page.items]


def test_alerts_are_found_by_every_filter_and_all_of_them_together(url: str) -> None:
    async def story(store: Store) -> None:
        alerts = [
            make.alert("a", time=rfc3339(NOW_MS)),
            make.alert("b", time=rfc3339(NOW_MS + 1), severity="LOW", mode="shadow"),
            make.alert("c", time=rfc3339(NOW_MS + 2), rule_id="large_amount", kind="TRANSACTION", user_id="u2"),
            make.source_alert("d", Source("ip", "198.51.100.9"), ["u1"], time=rfc3339(NOW_MS + 3), title="100%_sure"),
        ]
        await store.write(rows("alerts", alerts))
        assert await found(store) == ["d", "c", "b", "a"]
        assert await found(store, severities=("LOW",)) == ["b"]
        assert await found(store, severities=("LOW", "HIGH"), mode="live") == ["d", "c", "a"]
        assert await found(store, kinds=("TRANSACTION",)) == ["c"]
        assert await found(store, rule_ids=("large_amount", "none")) == ["c"]
        assert await found(store, user_id="u1") == ["b", "a"]
        assert await found(store, since_ms=NOW_MS + 1, until_ms=NOW_MS + 3) == ["c", "b"]
        assert await found(store, text="KÖLN", user_id="u2") == ["c"]
        assert await found(store, text="198.51.100") == ["d"]
        assert await found(store, text="%_") == ["d"]
        assert await found(store, text="a_e") == []
        assert await found(store, text="'; DROP TABLE alerts; --") == []

    run(url, story)


def test_pages_meet_every_alert_once_while_new_ones_come(url: str) -> None:
    async def story(store: Store) -> None:
        # Many of one time, since that is where pages go wrong.
        old = [make.alert(f"a{number:02}", time=rfc3339(NOW_MS + number // 7)) for number in range(30)]
        await store.write(rows("alerts", old))
        seen: list[str] = []
        cursor = None
        for number in range(20):
            async with store.reading() as connection:
                page = await reads.alerts(connection, AlertFilter(), cursor, 4)
            seen += [alert.alert_id for alert in page.items]
            cursor = page.next
            if cursor is None:
                break
            await store.write(rows("alerts", [make.alert(f"new{number}", time=rfc3339(NOW_MS + 1_000))]))
        assert seen == [f"a{number:02}" for number in reversed(range(30))]

    run(url, story)


def test_a_page_has_at_most_so_many_and_at_least_one(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("alerts", [make.alert(f"a{number:04}") for number in range(LIMIT_MAX + 1)]))
        async with store.reading() as connection:
            assert len((await reads.alerts(connection, AlertFilter(), None, 10**9)).items) == LIMIT_MAX
            assert len((await reads.alerts(connection, AlertFilter(), None, -1)).items) == 1

    run(url, story)


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "", "bnVsbA", "WzEsMl0", "a" * 5_000, cursor_of(Place(2**70, "a")), cursor_of(Place(1, "\0"))],
)
def test_a_cursor_that_nobody_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        place_of(cursor)


def test_cases_are_found_by_status_severity_assignee_and_user(url: str) -> None:
    async def story(store: Store) -> None:
        cases = [
            make.case("c1"),
            make.case("c2", status="acknowledged", assignee="ann", opened=rfc3339(NOW_MS + 1)),
            make.case("c3", severity="CRITICAL", user_id="u2", opened=rfc3339(NOW_MS + 2)),
        ]
        await store.write(rows("cases", cases))

        async def ids(**wanted: object) -> list[str]:
            async with store.reading() as connection:
                page = await reads.cases(connection, CaseFilter(**wanted))  # type: ignore[arg-type]
            return [case.case_id for case in page.items]

        assert await ids() == ["c3", "c2", "c1"]
        assert await ids(statuses=("open",)) == ["c3", "c1"]
        assert await ids(severities=("CRITICAL",)) == ["c3"]
        assert await ids(assignee="ann") == ["c2"]
        assert await ids(assignee="") == ["c3", "c1"]
        assert await ids(user_id="u1") == ["c2", "c1"]

    run(url, story)


def test_one_of_each_comes_back_as_it_was_told(url: str) -> None:
    alert, case = make.alert(), make.case()
    decision, outcome, lock = make.decision(), make.outcome(), make.lock()

    async def story(store: Store) -> None:
        for topic, record in (
            ("alerts", alert), ("cases", case), ("decisions", decision), ("outcomes", outcome), ("locks", lock),
        ):  # fmt: skip
            await store.write(rows(topic, [record]))
        async with store.reading() as connection:
            assert await reads.alert(connection, "a1") == alert
            assert await reads.case(connection, "c1") == case
            assert await reads.decision(connection, "u1", "e1") == decision
            assert await reads.outcome(connection, "m1") == outcome
            assert await reads.lock(connection, "u1") == lock
            assert await reads.alert(connection, "a2") is None
            assert await reads.case(connection, "c2") is None
            assert await reads.decision(connection, "u2", "e1") is None
            assert await reads.outcome(connection, "m2") is None
            assert await reads.lock(connection, "u2") is None

    run(url, story)


def test_many_alerts_in_shadow_push_no_live_one_out_of_a_users_sight(url: str) -> None:
    async def story(store: Store) -> None:
        shady = [
            make.alert(f"s{number}", mode="shadow", time=rfc3339(NOW_MS + 1_000 + number)) for number in range(RECENT)
        ]
        await store.write(rows("alerts", [make.alert("live"), *shady]))
        async with store.reading() as connection:
            overview = await reads.user(connection, "u1")
        assert overview is not None
        assert [alert.alert_id for alert in overview.alerts] == ["live"]
        assert len(overview.shadow) == RECENT

    run(url, story)


def test_a_user_is_shown_with_everything_that_is_known_and_one_who_is_not_known_is_not(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("decisions", [make.decision("e1"), make.decision("e2", time=rfc3339(NOW_MS + 9))]))
        await store.write(rows("alerts", [make.alert(), make.alert("a2", user_id="u2")]))
        await store.write(rows("locks", [make.lock(version=1), make.lock(version=2, state="unlocked")]))
        await store.write(rows("cases", [make.case()]))
        await store.write(rows("outcomes", [make.outcome()]))
        await store.write(rows("feedback", [make.feedback()]))
        async with store.reading() as connection:
            overview = await reads.user(connection, "u1")
            assert await reads.user(connection, "u3") is None
            other = await reads.user(connection, "u2")
        assert overview is not None
        assert (overview.first_ms, overview.last_ms, overview.decision) == (NOW_MS, NOW_MS + 9, "approve")
        assert overview.lock is not None
        assert (overview.lock.state, [lock.version for lock in overview.locks]) == ("unlocked", [2, 1])
        assert [decision.event_id for decision in overview.decisions] == ["e2", "e1"]
        assert [len(part) for part in (overview.alerts, overview.cases, overview.outcomes, overview.feedback)] == [
            1
        ] * 4
        assert other is not None
        assert (other.last_ms, [alert.alert_id for alert in other.alerts]) == (None, ["a2"])

    run(url, story)
